"""A run's name and identity say what changes its result, and nothing else; runs of earlier programs are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution.fake_engine import make_version, settings

from train_tools.arguments.table import ARGUMENTS
from train_tools.execution.run_record import end, fresh, identity_of
from train_tools.planning.expand import PlannedRun
from train_tools.planning.names import digest
from train_tools.planning.plan import make_plan
from train_tools.workspace.workspace import Version

HOW_ALONE = {
    "max_data_loader_n_workers": "0",
    "vae_batch_size": "4",
    "cache_latents_to_disk": "true",
    "log_with": "tensorboard",
}


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def runs(version: Version, **changes: str) -> list[PlannedRun]:
    return list(make_plan(version, settings(version.root, **changes)).runs)


def finish(version: Version, run: PlannedRun, digest_then: str) -> None:
    folder = version.trains / run.name
    record = fresh(folder, {**identity_of(run), "digest": digest_then}, run.arguments)
    (folder / f"{run.output_name}.safetensors").write_bytes(b"x")
    end(folder, record, "finished")


def test_the_name_says_what_changes_the_result(version: Version) -> None:
    (plain,) = runs(version)
    (other,) = runs(version, **HOW_ALONE)
    assert other.name == plain.name
    assert other.digest == plain.digest
    assert other.arguments["max_data_loader_n_workers"] == 0
    (rank,) = runs(version, **HOW_ALONE, noise_offset="0.05")
    assert rank.name == plain.name.replace("-ap-8", "-ap-8-no-0_05")
    assert rank.digest != plain.digest


def test_an_axis_tells_runs_apart_whatever_it_is(version: Version) -> None:
    found = runs(version, gradient_checkpointing="true,false")
    assert len({run.digest for run in found}) == 2
    assert ["-gc-true-" in run.name for run in found] == [True, False]


def test_a_run_is_done_whatever_is_set_of_how(version: Version) -> None:
    (run,) = runs(version)
    finish(version, run, run.digest)
    (again,) = runs(version, **HOW_ALONE)
    assert (again.state, again.run_id, again.name) == ("finished", run.run_id, run.name)


def test_runs_of_before_are_known_by_all_their_arguments(version: Version) -> None:
    (run,) = runs(version, **HOW_ALONE)
    places = {
        name: run.arguments[name] for name in ("train_data_dir", "output_dir", "output_name", "logging_dir")
    }
    assert places
    before = digest(run.arguments, run.dataset_fingerprint)
    assert before != run.digest
    finish(version, run, before)
    (again,) = runs(version, **HOW_ALONE)
    assert (again.state, again.digest, again.run_id) == ("finished", before, run.run_id)


def test_what_changes_the_result_is_never_left_out() -> None:
    same = {row.name for row in ARGUMENTS.values() if row.same_result}
    assert {"max_data_loader_n_workers", "console_log_level", "metadata_author", "save_state"} <= same
    assert not same & {
        "learning_rate", "seed", "resolution", "mixed_precision", "save_precision", "save_model_as",
        "caption_extension",
        "network_weights", "vae", "clip_skip", "full_fp16", "fp8_base", "use_sage_attn", "vae_disable_cache",
        "save_every_n_epochs", "max_train_epochs", "gradient_accumulation_steps",
    }  # fmt: skip
