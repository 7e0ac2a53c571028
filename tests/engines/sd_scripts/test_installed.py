"""What the installed sd-scripts says that it knows: one argument more, one less, another choice.

Asked by the real script, in the interpreter of these tests, of trainers with real parsers.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from engines.sd_scripts import parsers
from engines.sd_scripts.bench import Bench, make_version
from engines.sd_scripts.conftest import REAL, VARIABLE
from execution.fake_engine import write_base
from starlette.testclient import TestClient

from train_tools import cli
from train_tools.arguments.current import argument_named, current, look_again
from train_tools.arguments.table import ARGUMENTS, SHIPPED
from train_tools.engines.sd_scripts.installed import ask_now, due
from train_tools.environment.manage import Manager, what_is_known
from train_tools.environment.sd_scripts_asked import data_file
from train_tools.errors import UsageError
from train_tools.execution.train import refuse_impossible
from train_tools.families.registry import FAMILIES
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.exposure import Folders, reason
from train_tools.planning.plan import make_plan
from train_tools.small_models import base_model_file
from train_tools.ui.access import Access
from train_tools.ui.server import application
from train_tools.workspace import settings, toml

MORE: dict[str, dict[str, Any]] = {
    "velvet_strength": {"type": "float", "default": 0.5, "help": "how soft it is / 柔らかさ (default: %(default)s)"},
    "velvet_kind": {"type": "str", "default": "silk", "choices": ["silk", "satin"], "help": "what kind"},
    "velvet_files": {"type": "str", "nargs": "*", "default": None, "trainers": ["sdxl"]},
    "velvet_sizes": {"type": "int", "nargs": "+", "default": None},
    "velvet_on": {"action": "store_true"},
    "loss_type": {"type": "str", "default": "l2", "choices": ["l2", "huber", "velvet"]},
    "optimizer_type": {
        "type": "str", "default": "", "help": "Optimizer to use: AdamW (default), Lion, Prodigy, VelvetAdam. Or any.",
    },
    "huber_c": {"type": "float", "default": 0.3},
}  # fmt: skip
LESS = ("ip_noise_gamma",)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One's own, and an environment that holds what is known of it."""
    folder = parsers.checkout(tmp_path / "newest", more=MORE, less=LESS, networks=(*parsers.NETWORKS, "loha"))
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(folder))
    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    look_again()
    return folder


@pytest.fixture
def bench(checkout: Path, tmp_path: Path) -> Bench:
    base = tmp_path / "base.safetensors"
    write_base(base)
    ask_now(checkout)
    return Bench(tmp_path / "root", base, make_version(tmp_path / "root"), {})


def words(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a command says, as JSON."""
    assert cli.main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_it_is_asked_when_it_is_first_seen_and_when_its_files_change(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(checkout.rglob("*"))
    root = ("--root", str(tmp_path / "root"))
    assert current() is SHIPPED
    assert cli.main(["arguments", "show", "velvet_strength", *root]) == 0
    said = capsys.readouterr().out
    assert f"asking sd-scripts in {checkout}" in said
    assert "how soft it is / 柔らかさ (default: 0.5)" in said
    assert "takes a number; default 0.5" in said
    assert "may be an axis" in said
    assert sorted(checkout.rglob("*")) == before  # nothing is written there
    assert data_file(checkout).is_relative_to(tmp_path / "env")
    assert cli.main(["arguments", "show", "velvet_strength", *root]) == 0
    assert "asking" not in capsys.readouterr().out
    parsers.change(checkout, {"velvet_weight": {"type": "int", "default": 3}})
    assert cli.main(["arguments", "show", "velvet_weight", *root]) == 0
    assert "asking" in capsys.readouterr().out
    assert cli.main(["arguments", "show", "velvet_strength", *root]) == 2


def test_rows_are_as_the_parser_says(bench: Bench) -> None:
    rows = current().arguments
    assert (rows["velvet_strength"].kind, rows["velvet_strength"].default) == ("float", 0.5)
    assert rows["velvet_kind"].choices == ("silk", "satin")
    assert rows["velvet_files"].families == ("sdxl",)
    assert (rows["velvet_files"].kind, rows["velvet_sizes"].kind) == ("list", "list")
    assert (rows["velvet_on"].kind, rows["velvet_on"].default) == ("bool", False)
    assert {rows[name].importance for name in MORE if name not in ARGUMENTS} == {"expert"}
    assert rows["loss_type"].choices_in("sdxl") == ("l2", "huber", "velvet")
    assert "VelvetAdam" in argument_named("optimizer_type").choices
    # All others are the table's own.
    same = set(ARGUMENTS) - {"loss_type", "optimizer_type"}
    assert [name for name in same if rows[name] != ARGUMENTS[name]] == []


def test_a_new_argument_is_an_axis_that_names_and_tells_runs_apart(bench: Bench) -> None:
    plan = bench.plan(velvet_strength="0.5,0.75", velvet_kind="satin")
    assert [run.reasons for run in plan.runs] == [(), ()]
    assert ["-velvet_strength-0_5" in plan.runs[0].name, "-velvet_strength-0_75" in plan.runs[1].name] == [
        True
    ] * 2
    assert all("-velvet_kind-satin" in run.name for run in plan.runs)
    assert plan.runs[0].digest != plan.runs[1].digest
    assert plan.runs[1].arguments["velvet_strength"] == 0.75
    assert plan.runs[0].digest != bench.plan(velvet_strength="0.5").runs[0].digest
    with pytest.raises(UsageError, match="velvet_kind can't be cotton; allowed: one of silk, satin"):
        bench.plan(velvet_kind="cotton")


def test_the_trainer_is_given_what_was_set(bench: Bench) -> None:
    (result,) = bench.train(velvet_strength="0.75", velvet_sizes="3 4", velvet_on="true", loss_type="velvet")
    assert result.error is None
    given = json.loads(read_header(result.checkpoints[-1]).metadata["given"])
    assert (given["velvet_strength"], given["velvet_sizes"], given["velvet_on"]) == (0.75, [3, 4], True)
    assert given["loss_type"] == "velvet"
    # What was left to its default is what was planned, also where this version has another.
    assert given["huber_c"] == 0.1
    assert "huber_c" not in toml.load(result.folder / "run.toml")
    assert "velvet_kind" not in given


def test_packed_leaves_it_to_sd_scripts_with_the_reason(bench: Bench) -> None:
    given = {"velvet_strength": "0", "pretrained_model_name_or_path": str(base_model_file())}
    plan = make_plan(bench.version, given)
    assert "packed: velvet_strength is not known to the packed engine" in plan.runs[0].reasons
    plan = make_plan(bench.version, bench.settings(velvet_strength="0"))
    assert (plan.runs[0].engine, plan.runs[0].reasons) == ("sd-scripts", ())


def test_what_it_lacks_is_refused_by_name(bench: Bench, checkout: Path) -> None:
    (run,) = bench.plan(ip_noise_gamma="0.1").runs
    newer = "install a newer one (`env create --sd-scripts`)"
    assert run.reasons == (
        f"sd-scripts in {checkout} doesn't know ip_noise_gamma; leave it out, or {newer}",
        "packed trains it: set engine to auto or packed",
    )
    assert bench.plan(ip_noise_gamma="none").runs[0].reasons == ()
    (run,) = bench.plan(loss_type="smooth_l1").runs
    assert run.reasons[0] == "loss_type can't be 'smooth_l1'; allowed: l2, huber, velvet"


def test_networks_are_those_that_it_brings(bench: Bench, tmp_path: Path) -> None:
    assert bench.plan(network_module="networks.loha").runs[0].reasons == ()
    (reason_said,) = bench.plan(network_module="networks.hada").runs[0].reasons
    assert "has no networks.hada; choose one of " in reason_said
    assert "networks.loha" in reason_said
    assert "networks.merge_lora" not in reason_said
    folders = Folders(tmp_path)
    assert reason("network_module", "networks.loha", folders) is None
    assert reason("network_module", "networks.hada", folders)


def test_an_exposed_page_may_not_set_a_text_that_nobody_here_has_read(bench: Bench, tmp_path: Path) -> None:
    folders = Folders(tmp_path)
    assert reason("velvet_files", ["/etc/passwd"], folders)
    assert reason("velvet_strength", 0.75, folders) is None
    assert reason("velvet_kind", "satin", folders) is None


def test_a_family_whose_trainer_it_lacks_is_refused(bench: Bench, checkout: Path) -> None:
    (run,) = bench.plan(family="anima", qwen3=str(bench.base), vae=str(bench.base)).runs
    assert f"sd-scripts in {checkout} has no anima_train_network.py to train Anima" in run.reasons[0]


def test_a_trainer_that_gives_no_answer_is_taken_as_the_table_knows_it(
    checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = checkout / "sdxl_train_network.py"
    script.write_text(
        "import nowhere_to_be_found\nfrom train_network import setup_parser\n", encoding="utf-8"
    )
    (checkout / "anima_train_network.py").write_text("print('it would train')\n", encoding="utf-8")
    listed = words(capsys, "arguments", "list", "--family", "sdxl", "--root", str(tmp_path / "root"))
    names = {row["name"] for row in listed["arguments"]}
    assert {"ip_noise_gamma", "learning_rate"} <= names
    assert due() is None  # it isn't asked again and again
    told = what_is_known(checkout, os.environ)
    assert told is not None
    assert told.state == "warn"
    assert "anima_train_network.py: it has no setup_parser()" in told.text
    assert "sdxl_train_network.py: ModuleNotFoundError: No module named 'nowhere_to_be_found'" in told.text


def test_a_python_that_cant_start_leaves_everything_as_the_table_says(checkout: Path, tmp_path: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/nowhere/python\n", encoding="utf-8")
    python.chmod(0o755)
    assert "can't be started" in ask_now(checkout).problem
    assert current() is SHIPPED
    assert due() is None


def test_a_version_of_ours_is_asked_when_it_is_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    for name, more in (("v1", {}), ("v2", MORE)):
        folder = parsers.checkout(tmp_path / "env" / "sd-scripts" / name, more=more)
        (folder / "train-tools-revision.txt").write_text(name, encoding="utf-8")
    said: list[str] = []
    manager = Manager(tmp_path / "root", base_model_file(), said.append, dict(os.environ))
    for name, is_there in (("v1", False), ("v2", True), ("v1", False)):
        manager.use(name)
        look_again()
        assert ("velvet_strength" in current().known) is is_there
    assert said == [f"asking sd-scripts {name} which arguments it knows" for name in ("v1", "v2")]
    assert (tmp_path / "env" / "sd-scripts" / "v2.arguments.json").is_file()


def test_what_only_another_version_knows_isnt_dropped_without_a_word(
    bench: Bench, checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.update(bench.version, "training", {"velvet_strength": "0.75", "velvt": "1"})
    older = parsers.checkout(tmp_path / "older")
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(older))
    ask_now(older)
    plan = bench.plan()
    found = {finding.id: (finding.severity, finding.sentence) for finding in plan.findings}
    assert found["lacking-setting"] == (
        "error",
        "version.toml sets velvet_strength, which the installed sd-scripts doesn't know",
    )
    assert found["unknown-setting"][1] == "version.toml sets velvt, which is no training argument"
    with pytest.raises(
        UsageError, match="velvet_strength, which the installed sd-scripts doesn't know: take it out"
    ):
        refuse_impossible(plan)
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(checkout))
    assert bench.plan().runs[0].arguments["velvet_strength"] == 0.75


def test_the_page_shows_it_under_expert(checkout: Path, tmp_path: Path) -> None:
    page = TestClient(application(tmp_path / "root", Access()), base_url="http://127.0.0.1")
    first = page.get("/api/arguments").json()
    assert first["asking"]
    while page.get("/api/arguments").json()["asking"]:
        time.sleep(0.1)
    look_again()
    fields = {row["name"]: row for row in page.get("/api/arguments").json()["fields"]}
    row = fields["velvet_kind"]
    assert (row["subject"], row["importance"], row["choices"]) == ("installed", "expert", ["silk", "satin"])
    assert row["is_axis"]
    assert len(fields) == len(first["fields"]) + 5


@pytest.mark.real_sd_scripts
@pytest.mark.skipif(not REAL, reason=f"{VARIABLE} names no checkout of sd-scripts")
def test_the_real_one_is_as_the_table_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_ENV", str(tmp_path / "env"))
    monkeypatch.setenv(VARIABLE, REAL)
    assert ask_now(Path(REAL).absolute()).problem == ""
    table = current()
    assert table.installed is not None
    for family in FAMILIES:
        known = {name for name, row in ARGUMENTS.items() if row.is_known_in(family.name)}
        assert known <= set(table.installed.of(family) or ()), family.name
        modules = {module for module in family.training.network_modules if module.startswith("networks.")}
        assert modules <= set(table.installed.networks)
