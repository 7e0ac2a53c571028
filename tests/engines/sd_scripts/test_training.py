from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from engines.sd_scripts.bench import STEPS, Bench, add_image, events, make_version, steps_said

from train_tools.errors import UsageError
from train_tools.execution.curves import scalars
from train_tools.execution.train import train
from train_tools.workspace import toml


def test_a_grid_is_trained_with_one_encoding_of_its_images(bench: Bench) -> None:
    results = bench.train(learning_rate="0.001,0.0005")
    assert [r.error for r in results] == [None, None]
    for result in results:
        names = [path.name.removeprefix(toml.load(result.folder / "run.toml")["output_name"])
                 for path in result.checkpoints]  # fmt: skip
        assert names == ["-000001.safetensors", "-000002.safetensors", ".safetensors"]
        assert [steps_said(path) for path in result.checkpoints] == ["6", "12", "18"]
        assert not (result.folder / "state").exists()
        stages = [event["stage"] for event in events(result.folder, "stage")]
        assert stages[0] == "loading"
        assert stages[-1] == "training"
        steps = events(result.folder, "step")
        assert [event["step"] for event in steps] == list(range(1, STEPS + 1))
        assert (steps[-1]["steps"], steps[-1]["epoch"], steps[-1]["epochs"]) == (STEPS, 3, 3)
        assert {event["file"] for event in events(result.folder, "checkpoint")} == {
            path.name for path in result.checkpoints
        }
        curves = scalars(result.folder)
        assert curves["loss/current"][0] == list(range(1, STEPS + 1))
        assert curves["loss/current"][1] == pytest.approx([event["loss"] for event in steps])
        assert "lr/unet" in curves
    assert len(bench.npz()) == 4
    assert not list(bench.version.processed.rglob("*.npz"))
    # The first run, too, begins from the random numbers that its sibling begins from.
    first, second = (scalars(result.folder)["loss/current"][1][0] for result in results)
    assert first == pytest.approx(second, abs=1e-5)


def test_what_the_trap_of_stale_caches_needs_never_meets(stand_in_bench: Bench) -> None:
    def encoded(**changes: str) -> int:
        before = len(bench.npz())
        (result,) = bench.train(**changes)
        assert result.error is None
        return len(bench.npz()) - before

    bench = stand_in_bench
    assert encoded() == 4
    assert encoded(learning_rate="0.5", network_dim="8", seed="7", max_train_epochs="1") == 0
    assert encoded(resolution="128") == 4
    (bench.version.processed / "3_zorb" / "00000-0-a.txt").write_text("other words")
    assert encoded() == 4


def test_a_cache_that_a_crash_cut_off_is_mended(stand_in_bench: Bench) -> None:
    bench = stand_in_bench
    (result,) = bench.train(training_comment="dies while caching")
    assert result.state == "failed"
    assert len(bench.npz()) == 2
    (result,) = bench.train()
    assert result.error is None
    assert len(bench.npz()) == 4


@pytest.mark.parametrize(
    ("trouble", "words"),
    [("nan", r"no number \(NaN\)"), ("missing module", "package nobodys_optimizers is missing")],
)
def test_a_training_that_fails_says_why(bench: Bench, trouble: str, words: str) -> None:
    (result,) = bench.train(**bench.troubles[trouble])
    assert result.state == "failed"
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(result.error)
    assert "warning" not in words or events(result.folder, "warning")


def test_one_bad_step_is_no_failure(stand_in_bench: Bench) -> None:
    (result,) = stand_in_bench.train(training_comment="nan once")
    assert result.error is None
    assert len(events(result.folder, "warning")) == 1
    assert math.isnan(scalars(result.folder)["loss/current"][1][2])


def test_no_images_are_no_success(bench: Bench) -> None:
    plan = bench.plan()
    shutil.rmtree(bench.version.processed / "3_zorb")
    (result,) = train(bench.version, plan, lambda run, event: None)
    assert result.state == "failed"
    assert result.error is not None
    assert "holds no images to train any more" in result.error


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("no data", "sd-scripts found no images to train"),
        ("writes nothing", "ended with code 0 and without a result"),
        ("out of memory", "CUDA out of memory"),
        ("other steps", "would train 19 steps where 18 were planned"),
    ],
)
def test_whatever_else_goes_wrong(stand_in_bench: Bench, mood: str, words: str) -> None:
    (result,) = stand_in_bench.train(training_comment=mood)
    assert result.state == "failed"
    assert result.error is not None
    assert words in result.error


def test_names_and_paths_in_other_scripts(bench: Bench) -> None:
    bench.root = bench.root / "我的 训练 ü"
    bench.version = make_version(bench.root, "苹果 (红)", "苹果")
    (result,) = bench.train()
    assert result.error is None
    assert [path.name.startswith("苹果 (红)-v1-") for path in result.checkpoints] == [True] * 3


def test_regularisation_images_are_counted_and_trained(bench: Bench) -> None:
    for number in range(2):
        add_image(bench.version.reg / "1_zorb" / f"{number}.png", number + 5, "a thing")
    plan = bench.plan()
    assert plan.runs[0].steps == 2 * STEPS
    (result,) = bench.train()
    assert result.error is None
    assert steps_said(result.checkpoints[-1]) == str(2 * STEPS)
    assert toml.load(result.folder / "run.toml")["reg_data_dir"] == str(bench.version.reg)


def test_only_the_last_checkpoints_are_kept_where_that_was_asked_for(bench: Bench) -> None:
    (result,) = bench.train(save_last_n_epochs="1", save_state="true")
    assert result.error is None
    kept = sorted(path.name.partition("-v1-")[2][8:] for path in result.folder.glob("*.safetensors"))
    assert kept == ["-000002.safetensors", ".safetensors"]
    states = sorted(path.name.partition("-v1-")[2][8:] for path in result.folder.glob("*-state"))
    assert states == ["-000002-state", "-state"]


def test_a_run_that_it_cant_train_is_refused_before_it_starts(stand_in_bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"networks\.lora_flux doesn't know Stable Diffusion 1"):
        stand_in_bench.train(network_module="networks.lora_flux")
    with pytest.raises(UsageError, match="resume can't be set here"):
        stand_in_bench.train(resume=str(tmp_path))


def test_without_sd_scripts_the_plan_says_how_to_get_it(
    stand_in_bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_SD_SCRIPTS", str(tmp_path))
    (run,) = stand_in_bench.plan().runs
    assert run.reasons[0].startswith("sd-scripts isn't installed")
    assert not run.is_to_train
