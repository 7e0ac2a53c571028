"""Several sizes at once, from the field to runs and back into the field."""

from __future__ import annotations

from pathlib import Path

import pytest
from execution.fake_engine import STEPS, make_version, settings
from PIL import Image

from train_tools.planning.lora_size import SD15
from train_tools.planning.memory import activation_bytes
from train_tools.planning.plan import Plan, make_plan
from train_tools.planning.timing import guessed
from train_tools.workspace.workspace import Version


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def plan_for(version: Version, tmp_path: Path, **changes: str) -> Plan:
    return make_plan(version, settings(tmp_path, **changes))


def test_sizes_at_once_are_one_run_and_a_grid_is_of_several(version: Version, tmp_path: Path) -> None:
    both, small = plan_for(version, tmp_path, resolution="96+64; 64").runs
    assert (both.steps, small.steps) == (2 * STEPS, STEPS)
    assert (both.images_seen, small.images_seen) == (48, 24)
    assert both.arguments["resolution"] == "64,64+96,96"
    assert "-res-64x64+96x96-" in both.name
    # Whichever way it is written, it is the same run.
    (other,) = plan_for(version, tmp_path, resolution="64 + 96x96").runs
    assert (other.run_id, other.digest) == (both.run_id, both.digest)
    assert [run.engine for run in (both, small)] == ["packed", "packed"]


def test_they_need_the_largest_ones_memory_and_the_time_of_their_mean() -> None:
    def run(resolution: str) -> dict[str, object]:
        return {"resolution": resolution, "train_batch_size": 2, "pretrained_model_name_or_path": "base"}

    both, large = run("512,512+1024,1024"), run("1024,1024")
    assert activation_bytes(SD15, both) == activation_bytes(SD15, large)
    overhead, small = (guessed(SD15, run(side), 1) for side in ("8", "512"))
    mean = (small + guessed(SD15, large, 1)) / 2
    assert guessed(SD15, both, 1) == pytest.approx(mean, abs=overhead)


def test_images_that_arent_larger_are_told(version: Version, tmp_path: Path) -> None:
    Image.new("RGB", (128, 128)).save(version.processed / "3_zorb" / "large.png")
    plan = plan_for(version, tmp_path, resolution="64+96", bucket_no_upscale="true")
    (said,) = [finding for finding in plan.findings if finding.id == "sizes-alike"]
    assert said.sentence == "4 of 5 images are trained alike at several sizes"
    for changes in ({"bucket_no_upscale": "false"}, {"resolution": "64"}):
        others = plan_for(
            version, tmp_path, **{"resolution": "64+96", "bucket_no_upscale": "true", **changes}
        )
        assert "sizes-alike" not in [finding.id for finding in others.findings]
