"""Settings from sd-scripts' dataset_config: [general], [[datasets]], [[datasets.subsets]], and what looks like it.

A version has one dataset, which is its own: of theirs the settings are taken, not the folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from train_tools.arguments.sizes import TOGETHER, read_sizes, sizes_text
from train_tools.planning.imports.imported import Collector

RENAMED = {"batch_size": "train_batch_size"}
# Of a dataset and of a subset; all of them may stand above, in [general].
OF_DATASET = frozenset({
    "batch_size", "bucket_no_upscale", "bucket_reso_steps", "enable_bucket", "max_bucket_reso", "min_bucket_reso",
    "resolution", "validation_seed", "validation_split", "resize_interpolation", "prior_loss_weight",
    "max_token_length", "debug_dataset",
})  # fmt: skip
OF_SUBSET = frozenset({
    "alpha_mask", "caption_dropout_every_n_epochs", "caption_dropout_rate", "caption_extension", "caption_prefix",
    "caption_separator", "caption_suffix", "caption_tag_dropout_rate", "color_aug", "enable_wildcard",
    "face_crop_aug_range", "flip_aug", "keep_tokens", "keep_tokens_separator", "random_crop", "secondary_separator",
    "shuffle_caption", "token_warmup_min", "token_warmup_step",
})  # fmt: skip
PLACES = {
    "image_dir": "Train Tools trains on the version's own dataset",
    "num_repeats": "repeats are the version's own: the number that its concept's folder begins with",
    "class_tokens": "a caption of its own for each image says it",
    "is_reg": "regularisation images are the version's own, in dataset/reg",
    "conditioning_data_dir": "masks are the version's own, beside its images",
    "metadata_file": "captions are the version's own, beside its images",
    "name": "", "cache_info": "", "id": "",
    "network_multiplier": "a version has one network with one weight",
    "custom_attributes": "the LoRA trainer doesn't use it",
}  # fmt: skip
DATASET_KEYS = OF_DATASET | OF_SUBSET | set(PLACES)


def describes_datasets(data: Mapping[str, Any]) -> bool:
    """Whether it holds datasets, or a [general] with a dataset's settings alone."""
    if _tables(data.get("datasets")) or _tables(data.get("subsets")):
        return True
    general = data.get("general")
    return isinstance(general, Mapping) and bool(general) and set(general) <= DATASET_KEYS


def take_datasets(into: Collector, data: Mapping[str, Any]) -> None:
    """The settings of the first dataset and of its first subset that is no regularisation; says where others differ.

    Datasets of the same folders in several sizes are one that is trained at all of them.
    """
    general = data.get("general")
    above = (
        {key: value for key, value in general.items() if key in DATASET_KEYS}
        if isinstance(general, Mapping)
        else {}
    )
    datasets = _tables(data.get("datasets")) or [{"subsets": data.get("subsets")}]
    merged = [
        {**above, **_own(dataset), **_own(subset)}
        for dataset in datasets
        for subset in _tables(dataset.get("subsets")) or [{}]
    ]
    trained = [subset for subset in merged if not subset.get("is_reg")] or merged
    whole = [{**above, **dataset} for dataset in datasets]
    together = sizes_together((_folders(above, dataset), dataset.get("resolution")) for dataset in whole)
    first = {**trained[0], "resolution": together} if together else trained[0]
    take_subset(into, first, "datasets: " if _tables(data.get("datasets")) else "")
    _say_places(into, merged)
    own = {"resolution"} if together else set()
    for key in sorted({key for subset in trained for key in subset if key not in PLACES.keys() | own}):
        values = _different(subset.get(key) for subset in trained)
        if len(values) > 1:
            into.leave(
                key, ", ".join(values), "a version has one value for all its images; the first is taken"
            )


def sizes_together(datasets: Iterable[tuple[Any, Any]]) -> str:
    """What their resolutions are in one run, where they are of the same images, told by what stands for these.

    Empty where they aren't, or have but one size.
    """
    images, resolutions = zip(*datasets, strict=True)
    texts = [str(plain("resolution", resolution)) for resolution in resolutions]
    sizes = read_sizes(TOGETHER.join(texts))
    are_same = images[0] and all(one == images[0] for one in images)
    return sizes_text(sizes) if are_same and len(sizes) > 1 else ""


def _folders(above: Mapping[str, Any], dataset: Mapping[str, Any]) -> list[str]:
    """Those that are trained, with their repeats."""
    subsets = [{**above, **_own(dataset), **_own(subset)} for subset in _tables(dataset.get("subsets"))]
    trained = [subset for subset in subsets if not subset.get("is_reg")]
    return sorted(f"{subset.get('image_dir')} {subset.get('num_repeats', 1)}" for subset in trained)


def take_subset(into: Collector, values: Mapping[str, Any], prefix: str = "") -> None:
    for key, value in values.items():
        if key not in PLACES:
            into.take(f"{prefix}{key}", plain(key, value), RENAMED.get(key, key))


def plain(key: str, value: Any) -> Any:
    """A pair as the arguments write it: 768,512."""
    if key in ("resolution", "face_crop_aug_range") and isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value) if key == "resolution" and isinstance(value, (int, float)) else value


def _own(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != "subsets"}


def _say_places(into: Collector, merged: Sequence[Mapping[str, Any]]) -> None:
    for key, reason in PLACES.items():
        values = _different(subset.get(key) for subset in merged if subset.get(key) not in (None, "", False))
        if values and reason and not (key == "num_repeats" and values == ["1"]):
            into.leave(key, ", ".join(values), reason)


def _different(values: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values))


def _tables(value: Any) -> list[Mapping[str, Any]]:
    return [table for table in value if isinstance(table, Mapping)] if isinstance(value, list) else []
