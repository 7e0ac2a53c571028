"""The plan says what keeps runs from being trained together."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution.fake_engine import base_file, make_version, settings

from train_tools.planning.findings import Finding
from train_tools.planning.fixes import Runs, fix_for
from train_tools.planning.plan import make_plan
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    checkout = tmp_path / "sd-scripts"
    checkout.mkdir()
    for name in ("train_network.py",):
        (checkout / name).write_text("")
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(checkout))
    return make_version(tmp_path)


def said(version: Version, identity: str = "not-packed", **changes: str) -> list[Finding]:
    base = {"pretrained_model_name_or_path": str(base_file(version.root)), "min_bucket_reso": "64",
            "bucket_reso_steps": "64"}  # fmt: skip
    plan = make_plan(version, settings(version.root, **{**base, **changes}))
    return [finding for finding in plan.findings if finding.id == identity]


def test_a_grid_that_one_value_keeps_apart(version: Version) -> None:
    (finding,) = said(version, learning_rate="1e-4,2e-4,3e-4,4e-4", save_model_as="ckpt")
    assert finding.sentence.startswith(
        "4 runs are trained one after another by sd-scripts, which takes about "
    )
    assert finding.sentence.endswith(
        ": save_model_as = 'ckpt' is not known to the packed engine; it knows safetensors"
    )
    assert finding.severity == "advice"


def test_what_is_packed_or_alone_has_nothing_to_hear(version: Version) -> None:
    assert said(version, learning_rate="1e-4,2e-4") == []
    assert said(version, save_model_as="ckpt") == []
    assert said(version, optimizer_type="AdamW8bit,Prodigy", learning_rate="1", max_token_length="225",
                lr_scheduler="cosine_with_restarts", gradient_checkpointing="true") == []  # fmt: skip


def test_a_person_who_asks_for_sd_scripts_has_chosen(version: Version) -> None:
    assert said(version, learning_rate="1e-4,2e-4", save_model_as="ckpt", engine="sd-scripts") == []


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"network_module": "networks.lora,lycoris.kohya", "network_args": "none;algo=loha",
          "links": "network_module+network_args"}, "network_args, network_module"),
        ({"train_batch_size": "1,2", "network_dim": "4,8", "max_train_epochs": "2,3"}, "train_batch_size"),
    ],
)  # fmt: skip
def test_what_keeps_runs_of_the_same_engine_apart(
    version: Version, values: dict[str, str], names: str
) -> None:
    (finding,) = said(version, "apart", **values)
    assert finding.sentence == (
        f"these runs are trained in 2 groups, one after another: what differs in {names} can't go through the base "
        "model at once"
    )
    assert (
        said(version, "apart", network_dim="4,8", optimizer_type="Lion,AdamW", max_train_epochs="2,3") == []
    )


@pytest.mark.parametrize("module", ["networks.dylora", "networks.lora_fa", "networks.oft"])
def test_who_asks_for_packed_hears_which_engine_can(version: Version, module: str) -> None:
    plan = make_plan(version, settings(version.root, pretrained_model_name_or_path=str(base_file(version.root)),
                     min_bucket_reso="64", bucket_reso_steps="64", network_module=module), "packed")  # fmt: skip
    known = "networks.lora, lycoris.kohya"
    assert plan.runs[0].reasons == (
        f"network_module = '{module}' is not known to the packed engine; it knows {known}",
        "sd-scripts trains it: set engine to auto or sd-scripts",
    )


def test_a_click_sets_what_can_be_packed(version: Version) -> None:
    def runs_of(**changes: str) -> Runs:
        plan = make_plan(
            version,
            settings(version.root, pretrained_model_name_or_path=str(base_file(version.root)), **changes),
        )
        return Runs([run.arguments for run in plan.runs], [run.steps for run in plan.runs])

    grid = {"learning_rate": "1e-4,2e-4", "save_model_as": "ckpt"}
    assert fix_for("not-packed", runs_of(**grid)) == {"save_model_as": "safetensors"}
    assert said(version, **{**grid, "save_model_as": "safetensors"}) == []
