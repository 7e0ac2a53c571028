"""Models of one name, size and ends aren't taken for each other; runs with older digests are still known."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from execution.fake_engine import base_file, make_version, settings

from train_tools.base_model import identity
from train_tools.base_model.identity import Library
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.expand import PlannedRun
from train_tools.planning.names import digest, name_and_size
from train_tools.planning.plan import Plan, make_plan
from train_tools.workspace.files import write_json
from train_tools.workspace.workspace import Version

BASE = "pretrained_model_name_or_path"


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


@pytest.fixture
def twin(tmp_path: Path) -> Path:
    """Of the same name and size as the base model, with the same ends; one byte in the middle is another."""
    path = tmp_path / "other" / "base.safetensors"
    path.parent.mkdir()
    data = bytearray(base_file(tmp_path).read_bytes())
    data[len(data) - 40] ^= 1
    path.write_bytes(data)
    return path


def plan_for(version: Version, root: Path, *models: Path) -> Plan:
    return make_plan(version, settings(root, **{BASE: ",".join(map(str, models))}))


def as_finished(version: Version, run: PlannedRun, *, earlier: bool, sha256: str = "") -> Path:
    """The run's folder as it is after the training; `earlier`: as a program left it that went by name and size."""
    import torch

    from train_tools.lora import kohya
    from train_tools.workspace import toml

    folder = version.trains / run.name
    folder.mkdir(parents=True)
    bare = {
        n: v for n, v in run.arguments.items() if n not in ("train_data_dir", "output_dir", "logging_dir")
    }
    recorded = digest(bare, run.dataset_fingerprint, name_and_size) if earlier else run.digest
    write_json(folder / "run.json", {
        "run_id": run.run_id, "digest": recorded, "state": "finished", "engine": "packed", "steps": run.steps,
        "output_name": run.output_name, "dataset_fingerprint": run.dataset_fingerprint,
        "created": max(Path(str(run.arguments[BASE])).stat().st_mtime, 1) + 1,
    })  # fmt: skip
    (folder / "run.toml").write_text(toml.dumps(dict(run.arguments)), encoding="utf-8")
    told = {"ss_new_sd_model_hash": sha256} if sha256 else {}
    kohya.write(folder / f"{run.output_name}.safetensors", {"lora_unet_x.alpha": torch.zeros(1)}, told)
    return folder


def states(plan: Plan) -> dict[str, str]:
    return {Path(str(run.arguments[BASE])).parent.name: run.state for run in plan.runs}


def test_two_models_that_differ_in_the_middle_alone(version: Version, tmp_path: Path, twin: Path) -> None:
    first, second = base_file(tmp_path), twin
    assert read_header(first).tensors == read_header(second).tensors
    both = plan_for(version, tmp_path, first, second).runs
    assert (
        len({run.digest for run in both})
        == len({run.run_id for run in both})
        == len({r.name for r in both})
        == 2
    )
    alone = [plan_for(version, tmp_path, model).runs[0] for model in (first, second)]
    assert [run.digest for run in alone] == [run.digest for run in both]


def test_a_model_that_is_replaced_in_its_place(version: Version, tmp_path: Path, twin: Path) -> None:
    (before,) = plan_for(version, tmp_path, base_file(tmp_path)).runs
    as_finished(version, before, earlier=False)
    assert plan_for(version, tmp_path, base_file(tmp_path)).runs[0].state == "finished"
    shutil.copyfile(twin, base_file(tmp_path))
    (after,) = plan_for(version, tmp_path, base_file(tmp_path)).runs
    assert (after.state, after.digest == before.digest) == ("new", False)


def test_a_model_that_moved_or_got_another_name_is_the_same(version: Version, tmp_path: Path) -> None:
    (before,) = plan_for(version, tmp_path, base_file(tmp_path)).runs
    as_finished(version, before, earlier=False)
    moved = base_file(tmp_path).rename(tmp_path / "renamed.safetensors")
    (after,) = plan_for(version, tmp_path, moved).runs
    assert (after.state, after.name, after.digest) == ("finished", before.name, before.digest)


def test_what_an_older_program_finished_is_finished(version: Version, tmp_path: Path) -> None:
    (before,) = plan_for(version, tmp_path, base_file(tmp_path)).runs
    as_finished(version, before, earlier=True)
    (after,) = plan_for(version, tmp_path, base_file(tmp_path)).runs
    assert (after.state, after.run_id, after.output_name) == ("finished", before.run_id, before.output_name)
    assert after.digest != before.digest  # it stays as it was recorded
    moved = base_file(tmp_path).rename(tmp_path / "other-folder-base.safetensors")
    (tmp_path / "elsewhere").mkdir()
    moved = moved.rename(tmp_path / "elsewhere" / "base.safetensors")
    assert plan_for(version, tmp_path, moved).runs[0].state == "finished"


@pytest.mark.parametrize("is_told", [True, False])
def test_an_older_run_belongs_to_the_model_it_was_trained_on(
    version: Version, tmp_path: Path, twin: Path, is_told: bool
) -> None:
    """By the hash in the LoRA that it made, else by its path then."""
    first = base_file(tmp_path)
    sha = Library(tmp_path).read(first).sha256 if is_told else ""
    (before,) = plan_for(version, tmp_path, first).runs
    as_finished(version, before, earlier=True, sha256=sha)
    for models in ((first, twin), (twin, first)):
        assert states(plan_for(version, tmp_path, *models)) == {tmp_path.name: "finished", "other": "new"}
    if is_told:  # whichever of the two lies where the first lay
        os.replace(twin, first)
        assert plan_for(version, tmp_path, first).runs[0].state == "new"


def test_a_large_model_isnt_waited_for(
    version: Version, tmp_path: Path, twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the reader has come to it, a file stands for itself."""
    asked: list[str] = []

    class Busy:
        def ask(self, _library: Library, path: str) -> None:
            asked.append(path)

    monkeypatch.setattr(identity, "AT_ONCE", 0)
    monkeypatch.setattr(identity, "_reader", Busy)
    first = base_file(tmp_path)
    both = plan_for(version, tmp_path, first, twin).runs
    assert sorted(asked) == sorted(map(str, (first, twin)))
    assert len({run.digest for run in both}) == 2
    as_finished(version, both[0], earlier=False)
    Library(tmp_path).read(first)
    (after,) = plan_for(version, tmp_path, first).runs
    assert (after.state, after.digest) == (
        "finished",
        both[0].digest,
    )  # recorded before its content was known
    assert plan_for(version, tmp_path, twin).runs[0].state == "new"


def test_an_unread_model_whose_run_is_in_doubt_is_told(
    version: Version, tmp_path: Path, twin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = base_file(tmp_path)
    sha = Library(tmp_path).read(first).sha256
    (before,) = plan_for(version, tmp_path, first).runs
    as_finished(version, before, earlier=True, sha256=sha)
    os.replace(twin, first)
    monkeypatch.setattr(identity, "AT_ONCE", 0)
    monkeypatch.setattr(identity, "_reader", type("Busy", (), {"ask": lambda *_: None}))
    plan = plan_for(version, tmp_path, first)
    assert plan.runs[0].state == "new"
    assert (
        "base.safetensors is being read" in next(f for f in plan.findings if f.id == "model-unread").sentence
    )
