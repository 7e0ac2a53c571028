"""Whatever a person writes into a field: a valid plan, or a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution.fake_engine import make_version, settings

from train_tools.arguments.table import KNOWN, SUBJECTS
from train_tools.engines.packed.config import from_arguments
from train_tools.errors import TrainToolsError
from train_tools.planning.plan import Plan, make_plan
from train_tools.workspace.workspace import Version

HUGE = "9" * 25
VALUES = (
    "none", "", "0", "-1", "0.5", "1e30", HUGE, "nan", "inf", "true", "null", "some words", "a=b=c", "x=", "[1, 2]",
    "1,2", "5e-5 1e-5", "64,64; 8", "/nowhere/file.safetensors", "\u00e9\u4e2d",
)  # fmt: skip
GROUPS = {subject: [row.name for row in rows if row.name in KNOWN] for subject, rows in SUBJECTS.items()}
GROUPS["of the grid"] = [name for name in KNOWN if not any(name in names for names in GROUPS.values())]


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Version:
    return make_version(tmp_path_factory.mktemp("any"))


def planned(version: Version, changes: dict[str, str]) -> Plan | None:
    try:
        return make_plan(version, settings(version.root, **changes), most_runs=50)
    except TrainToolsError as error:
        assert str(error).strip()
        return None


@pytest.mark.parametrize("subject", GROUPS)
def test_any_value_makes_a_plan_or_a_sentence(version: Version, subject: str) -> None:
    for name in GROUPS[subject]:
        for value in VALUES:
            plan = planned(version, {name: value})
            if plan is None or any(finding.severity == "error" for finding in plan.findings):
                continue
            for run in plan.runs_to_train:
                assert run.steps > 0, (name, value)
                if run.engine == "packed":
                    from_arguments(version.trains / run.name, run.arguments)


@pytest.mark.parametrize(
    "none", ["network_dim", "max_train_epochs", "network_alpha", "lr_warmup_steps", "unet_lr"]
)
def test_none_where_sd_scripts_knows_what_it_means(version: Version, none: str) -> None:
    plan = planned(version, {none: "none"})
    assert plan is None or plan.runs_to_train


@pytest.mark.parametrize("name", ["resolution", "network_module"])
def test_none_where_there_is_no_training_without_it(version: Version, name: str) -> None:
    with pytest.raises(TrainToolsError, match=rf"{name} (is empty|can't be none)"):
        make_plan(version, settings(version.root, **{name: "none"}))


def test_the_test_sees_every_argument(version: Version, tmp_path: Path) -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(KNOWN)
