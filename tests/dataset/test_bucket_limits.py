"""The limits of buckets as sd-scripts 48d368fa reads them (train_util.adjust_min_max_bucket_reso_by_steps)."""

from __future__ import annotations

import pytest

from train_tools.dataset.buckets import bucket_resolutions
from train_tools.errors import UsageError


@pytest.mark.parametrize(
    ("minimum", "maximum", "step", "same"),
    [
        (250, 1000, 64, (192, 1024)),
        (256, 1024, 64, (256, 1024)),
        (100, 513, 8, (96, 520)),
        (511, 512, 64, (448, 512)),
    ],
)
def test_limits_are_rounded_to_the_step(minimum: int, maximum: int, step: int, same: tuple[int, int]) -> None:
    found = bucket_resolutions((512, 512), minimum, maximum, step)
    assert found == bucket_resolutions((512, 512), *same, step)
    assert all(side % step == 0 and same[0] <= side <= same[1] for size in found for side in size)


def test_as_many_sizes_as_sd_scripts_makes() -> None:
    found = bucket_resolutions((512, 512), 250, 1000, 64)
    assert len(found) == 19
    assert (192, 1024) in found
    assert not {(250, 1000), (256, 826)} & set(found)


def test_the_resolution_may_lie_between_a_limit_and_its_rounding() -> None:
    assert (512, 512) in bucket_resolutions((512, 512), 520, 1024, 64)
    with pytest.raises(UsageError, match="isn't between"):
        bucket_resolutions((512, 512), 577, 1024, 64)
    with pytest.raises(UsageError, match="min_bucket_reso 32 is below bucket_reso_steps 64"):
        bucket_resolutions((512, 512), 32, 1024, 64)
