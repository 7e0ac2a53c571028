"""A run's images as sd-scripts' dataset_config (TOML): for several sizes at once, a dataset of all folders for each.

Everything else that sd-scripts asks of a dataset it takes from the run's arguments, to which library/config_util.py
(48d368fa) falls back: batch size, buckets, captions, variation, validation, masks. It doesn't fall back to
train_data_dir and reg_data_dir, so that the folders stand here, with their repeats and the words for images without a
caption.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.sizes import read_sizes, sizes_of
from train_tools.dataset.training import TrainingImage, training_images
from train_tools.engines.sd_scripts.caches import Cache
from train_tools.workspace import toml


def has_several_sizes(arguments: Mapping[str, Any]) -> bool:
    return len(read_sizes(str(arguments.get("resolution")))) > 1


def dataset_config(arguments: Mapping[str, Any], cache: Cache | None) -> str:
    """Of the images in `cache`, which has folders of its own for each size, else of the version's own."""
    lines: list[str] = []
    for number, size in enumerate(sizes_of(arguments["resolution"])):
        lines += ["[[datasets]]", f"resolution = {toml.literal(list(size), 'resolution')}", ""]
        for folder in _folders(*_places(arguments, cache, number)):
            lines += ["[[datasets.subsets]]", *toml.table_lines(folder, ()), ""]
    return "\n".join(lines)


def _places(arguments: Mapping[str, Any], cache: Cache | None, number: int) -> tuple[Path, Path | None]:
    if cache is not None:
        return cache.images(number), cache.reg(number)
    reg = arguments.get("reg_data_dir")
    return Path(arguments["train_data_dir"]), Path(reg) if reg else None


def _folders(images: Path, reg: Path | None) -> Iterator[dict[str, Any]]:
    yield from (_folder(image, is_reg=False) for image in _first_of_each(images))
    if reg is not None:
        yield from (_folder(image, is_reg=True) for image in _first_of_each(reg))


def _first_of_each(folder: Path) -> list[TrainingImage]:
    return list({image.path.parent: image for image in training_images(folder)}.values())


def _folder(image: TrainingImage, *, is_reg: bool) -> dict[str, Any]:
    return {
        "image_dir": str(image.path.parent), "num_repeats": image.repeats, "class_tokens": image.concept,
        "is_reg": is_reg,
    }  # fmt: skip
