from __future__ import annotations

import json
from pathlib import Path

import pytest
from execution.fake_engine import make_version, set_options

from train_tools import cli
from train_tools.commands.plan import duration
from train_tools.workspace import settings


def test_the_plan_is_shown_and_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    version = make_version(tmp_path)
    options = set_options(tmp_path, optimizer_type="Lion,AdamW", learning_rate="1e-4,1e-3")
    before = sorted(tmp_path.rglob("*"))
    assert cli.main(["plan", "p", "v1", "--root", str(tmp_path), *options]) == 0
    out = capsys.readouterr().out
    assert "2  base-bs-2-ep-2-op-Lion-lr-0_001-net-16-ap-8-" in out
    assert "4 run(s), 4 to train in 1 pack(s): 48 steps, 8 checkpoints" in out
    assert "advice: times are guessed" in out
    assert sorted(tmp_path.rglob("*")) == before
    assert settings.read(version)["training"] == {}


def test_json_is_the_whole_plan_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_version(tmp_path)
    options = set_options(tmp_path, seed="1-3", pack_size="2")
    assert cli.main(["plan", "p", "v1", "--root", str(tmp_path), "--json", *options]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [run["arguments"]["seed"] for run in plan["runs"]] == [1, 2, 3]
    assert [len(pack) for pack in plan["packs"]] == [2, 1]
    assert plan["axes"] == {"seed": [1, 2, 3]}
    assert plan["total"]["steps"] == 36


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (99.4, "99 s"), (185, "3:05 min"), (3599.6, "1:00 h"), (7800, "2:10 h")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
