from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from execution.fake_engine import make_version, set_options

from train_tools import cli
from train_tools.workspace import settings


def run(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert cli.main([*words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    rows = run(capsys, "arguments", "list")["arguments"]
    assert len(rows) > 250
    assert {row["name"] for row in rows if not row["is_axis"]} >= {
        "output_dir",
        "logging_dir",
        "sample_prompts",
    }
    few = run(capsys, "arguments", "list", "--family", "SDXL", "--importance", "beginner")["arguments"]
    assert {row["importance"] for row in few} == {"beginner"}
    assert cli.main(["arguments", "list", "--language", "zh", "--importance", "beginner"]) == 0
    assert "优化器" in capsys.readouterr().out
    assert cli.main(["arguments", "show", "min_snr_gamma"]) == 0
    shown = capsys.readouterr().out
    assert "default 5 (sd-scripts: none)" in shown
    assert "may be an axis" in shown
    assert run(capsys, "arguments", "show", "output_dir")["chosen_by_us"]
    assert cli.main(["arguments", "show", "learning_rat"]) == 2
    assert "did you mean learning_rate" in capsys.readouterr().err
    assert cli.main(["arguments", "list", "--family", "dalle"]) == 2
    assert "there are: sd1, sd2, sdxl" in capsys.readouterr().err


def test_the_page_is_written_by_the_list(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert cli.main(["arguments", "list", "--markdown"]) == 0
    page = Path(__file__).parents[2] / "docs" / "arguments.md"
    assert capfdbinary.readouterr().out.decode("utf-8") == page.read_text(encoding="utf-8")


def test_parse_shows_what_text_means_and_overrides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = make_version(tmp_path)
    settings.update(version, "training", {"learning_rate": "1e-4", "seed": 3})
    place = ["--version", "p", "v1", "--root", str(tmp_path)]
    text = "--learning_rate 3e-4 --seed 3 --output_dir x --cache_text_encoder_outputs --shuffle_caption"
    found = run(capsys, "arguments", "parse", f"--arguments={text}", "--family", "sdxl", *place)
    assert found["overridden"] == {"learning_rate": {"old": "1e-4", "new": 3e-4}}
    assert list(found["left_out"]) == ["output_dir"]
    assert [problem["argument"] for problem in found["problems"]] == ["cache_text_encoder_outputs"] * 2
    assert settings.read(version)["training"] == {"learning_rate": "1e-4", "seed": 3}
    script = tmp_path / "train.sh"
    script.write_text("flux_train_network.py --guidance_scale 1 --flip_aug", encoding="utf-8")
    assert run(capsys, "arguments", "parse", str(script))["family"] == "flux"
    monkeypatch.setattr("sys.stdin", io.StringIO("--noise_offset=0"))
    assert run(capsys, "arguments", "parse", "-")["values"] == {"noise_offset": 0.0}
    some = run(capsys, "arguments", "parse", "--arguments=--seed 4 --no_such 1 --learning_rate fast")
    assert some["values"] == {"seed": 4}
    assert list(some["left_out"]) == ["--no_such", "--learning_rate"]
    windows = tmp_path / "train.ps1"
    for encoding in ("gbk", "utf-16"):
        windows.write_bytes("# 训练\r\naccelerate launch train_network.py --seed=5\r\n".encode(encoding))
        assert run(capsys, "arguments", "parse", str(windows))["values"] == {"seed": 5}
    assert cli.main(["arguments", "parse", "--arguments=--no_such 1"]) == 2
    assert cli.main(["arguments", "parse", str(tmp_path / "nothing")]) == 2
    assert cli.main(["arguments", "parse"]) == 2


def test_import_keeps_settings_of_a_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = make_version(tmp_path)
    settings.update(version, "training", {"caption_extension": ".caption", "vae": "old.pt"})
    file = tmp_path / "run.toml"
    file.write_text('network_dim = 8\ncaption_extension = ".txt"\nunknown = 1\n', encoding="utf-8")
    shown = run(capsys, "arguments", "import", str(file))
    assert shown["kept_in"] is None
    assert settings.read(version)["training"]["caption_extension"] == ".caption"
    kept = run(capsys, "arguments", "import", str(file), "p", "v1", "--root", str(tmp_path))
    assert [left["key"] for left in kept["left_out"]] == ["unknown"]
    saved = settings.read(version)["training"]
    assert saved["network_dim"] == 8
    assert "caption_extension" not in saved  # our default again
    assert saved["vae"] == "old.pt"
    assert "min_snr_gamma" not in saved  # the file is an excerpt: nothing is assumed, and that is said
    assert "min_snr_gamma" in [open_one["key"] for open_one in kept["not_said"]]
    assert cli.main(["arguments", "import", str(file), "p", "v1", "--root", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "left out: unknown" in said
    assert "not said: learning_rate: nothing is said of it" in said
    assert "sd-scripts config file, for Stable Diffusion 1 (a guess" in said
    assert cli.main(["arguments", "import", str(file), "p", "--root", str(tmp_path)]) == 2
    assert "PROJECT VERSION" in capsys.readouterr().err


def test_plan_takes_pasted_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = make_version(tmp_path)
    settings.update(version, "training", {"seed": 3})
    command = ["plan", "p", "v1", "--root", str(tmp_path), *set_options(tmp_path)]
    plan = run(capsys, *command, "--arguments=--seed 7 --learning_rate 1e-4,3e-4 --optimizer_args 'eps=1e-6'")
    assert [run["arguments"]["learning_rate"] for run in plan["runs"]] == [1e-4, 3e-4]
    assert [run["arguments"]["seed"] for run in plan["runs"]] == [7, 7]
    assert plan["runs"][0]["arguments"]["optimizer_args"] == ["eps=1e-6"]
    assert cli.main([*command, "--arguments=--seed 7 --output_name x"]) == 0
    said = capsys.readouterr().out
    assert "seed: 7 instead of 3" in said
    assert "output_name is left out" in said
    assert cli.main([*command, "--arguments=--sede 7"]) == 2
    assert "did you mean --seed" in capsys.readouterr().err
    assert cli.main([*command, "--set", "output_dir=x"]) == 2
    assert "leave it out" in capsys.readouterr().err
