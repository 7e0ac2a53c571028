"""Which size an image is trained at: the bucket rule of sd-scripts, as pure functions.

All sizes are (width, height) in pixels.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from train_tools.errors import UsageError

Size = tuple[int, int]


@dataclass(frozen=True)
class Bucket:
    """An image is resized to `resized` and its centre of `size` is cut out."""

    size: Size
    resized: Size


@dataclass(frozen=True)
class BucketRule:
    """What of a run's arguments decides which image goes into which bucket. Sizes in pixels."""

    resolution: Size
    is_on: bool
    minimum: int
    maximum: int
    step: int
    no_upscale: bool

    @functools.cached_property
    def resolutions(self) -> list[Size]:
        """The sizes of its buckets; raises UsageError where the limits leave no room for the resolution."""
        if not self.is_on:
            return [self.resolution]
        return bucket_resolutions(self.resolution, self.minimum, self.maximum, self.step)

    def bucket_of(self, image: Size) -> Bucket:
        """Where an image of this size is trained."""
        no_upscale = self.is_on and self.no_upscale
        return choose_bucket(image, self.resolutions, self.resolution, self.step, no_upscale)


def bucket_resolutions(resolution: Size, minimum: int, maximum: int, step: int) -> list[Size]:
    """All bucket sizes of at most the area of `resolution`, sorted.

    As sd-scripts does, `minimum` is rounded down and `maximum` up to multiples of `step` first.

    Raises UsageError where the limits leave no room for `resolution`.
    """
    if step < 1 or minimum < 1:
        raise UsageError(f"bucket_reso_steps {step} and min_bucket_reso {minimum} must be at least 1")
    least, most = minimum - minimum % step, maximum + -maximum % step
    if least < 1:
        raise UsageError(
            f"min_bucket_reso {minimum} is below bucket_reso_steps {step}, of which buckets are multiples; raise it"
        )
    if min(resolution) < least or max(resolution) > most:
        raise UsageError(
            f"resolution {resolution[0]},{resolution[1]} isn't between min_bucket_reso {minimum} and "
            f"max_bucket_reso {maximum}; change one of them"
        )
    area = resolution[0] * resolution[1]
    square = math.isqrt(area) // step * step
    if square < 1:
        raise UsageError(
            f"bucket_reso_steps {step} is larger than resolution {resolution[0]},{resolution[1]}"
        )
    found = {(square, square)}
    for width in range(least, min(most, area // least) + 1, step):  # no side is shorter than `least`
        height = min(most, area // width // step * step)
        if height >= least:
            found |= {(width, height), (height, width)}
    return sorted(found)


def choose_bucket(
    image: Size, resolutions: Sequence[Size], resolution: Size, step: int, no_upscale: bool = False
) -> Bucket:
    """The bucket of an image of size `image`.

    Without buckets give `resolution` as the only one of `resolutions`. With `no_upscale` they are
    not used: images larger than `resolution` in area are shrunk to it, others keep their size, and
    the bucket is what fits in multiples of `step`. Raises UsageError for an image too small for that.
    """
    return _own_size(image, resolution, step) if no_upscale else _nearest(image, resolutions)


def _nearest(image: Size, resolutions: Sequence[Size]) -> Bucket:
    aspect = image[0] / image[1]
    size = image if image in resolutions else min(resolutions, key=lambda r: abs(r[0] / r[1] - aspect))
    is_wider = aspect > size[0] / size[1]
    scale = size[1] / image[1] if is_wider else size[0] / image[0]
    return Bucket(size, (_rounded(image[0] * scale), _rounded(image[1] * scale)))


def _own_size(image: Size, resolution: Size, step: int) -> Bucket:
    area = resolution[0] * resolution[1]
    resized = _shrunk(image, area, step) if image[0] * image[1] > area else image
    size = (resized[0] // step * step, resized[1] // step * step)
    if min(size) < 1:
        raise UsageError(
            f"an image of {image[0]}x{image[1]} pixels is too narrow for bucket_no_upscale with "
            f"bucket_reso_steps {step}; take a smaller step or leave the image out"
        )
    return Bucket(size, resized)


def _shrunk(image: Size, area: int, step: int) -> Size:
    """The size of about `area` with the image's aspect where one side is a multiple of `step`.

    Of the two ways, the one whose bucket is nearer to the aspect.
    """
    aspect = image[0] / image[1]
    width = math.sqrt(area * aspect)
    by_width = _multiple(width, step)
    by_height = _multiple(area / width, step)
    height_of_width = _multiple(by_width / aspect, step)
    width_of_height = _multiple(by_height * aspect, step)
    error_by_width = abs(by_width / height_of_width - aspect) if height_of_width else math.inf
    error_by_height = abs(width_of_height / by_height - aspect) if by_height else math.inf
    if error_by_width < error_by_height:
        return by_width, _rounded(by_width / aspect)
    return _rounded(by_height * aspect), by_height


def _rounded(value: float) -> int:
    return int(value + 0.5)


def _multiple(value: float, step: int) -> int:
    return _rounded(value) // step * step
