"""What a checkpoint says of the images it was trained on, as sd-scripts' train_network.py (48d368fa) writes it.

Of one size the settings stand for themselves. Of several sizes sd-scripts has a dataset for each, whose settings stand
together in `ss_datasets`, and nowhere else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.encoding import Bucket
from train_tools.engines.packed.data.pictures import Item

SWITCHES = ("flip_aug", "enable_bucket", "shuffle_caption", "color_aug", "random_crop")
# Of a subset, under the arguments' own names.
OF_A_FOLDER = ("keep_tokens", "keep_tokens_separator", "secondary_separator", "caption_prefix", "caption_suffix",
               "resize_interpolation")  # fmt: skip
SWITCHES_OF_A_FOLDER = ("color_aug", "flip_aug", "random_crop", "shuffle_caption", "enable_wildcard")


def of_the_data(
    config: RunConfig, items: Sequence[Item], buckets: Sequence[Bucket], reg_images: int
) -> dict[str, Any]:
    """`items` are all, of all sizes; `reg_images` counts those that are there, with their folders' repeats."""
    first = [item for item in items if item.dataset == 0]
    train = [item for item in first if not item.is_reg]
    sizes = len(config.sizes)
    common = {
        "ss_num_train_images": sum(item.repeats for item in items if not item.is_reg),
        "ss_num_reg_images": sizes * reg_images,
        "ss_tag_frequency": _json(_tags(train)),
    }
    if sizes == 1:
        return common | _of_one_size(config, train, [item for item in first if item.is_reg], buckets)
    datasets = [
        _of_a_size(
            config,
            number,
            [item for item in items if item.dataset == number],
            [bucket for bucket in buckets if bucket.dataset == number],
            reg_images,
        )
        for number in range(sizes)
    ]
    return common | {"ss_datasets": _json(datasets), "ss_dataset_dirs": _json(_folders_of_all(items, sizes))}


def given(arguments: Mapping[str, Any], name: str) -> Any:
    """Where none is given, sd-scripts writes its default."""
    value = arguments.get(name)
    return ARGUMENTS[name].sd_default if value is None else value


def _of_one_size(
    config: RunConfig, train: Sequence[Item], reg: Sequence[Item], buckets: Sequence[Bucket]
) -> dict[str, Any]:
    arguments = config.arguments
    return {
        **{f"ss_{name}": bool(arguments.get(name)) for name in SWITCHES},
        "ss_keep_tokens": given(arguments, "keep_tokens"),
        "ss_batch_size_per_device": config.batch_size,
        "ss_total_batch_size": config.batch_size,
        "ss_resolution": str(config.sizes[0]),
        # Without buckets sd-scripts has no limits.
        "ss_min_bucket_reso": config.min_bucket_reso if config.enable_bucket else None,
        "ss_max_bucket_reso": config.max_bucket_reso if config.enable_bucket else None,
        "ss_bucket_no_upscale": bool(config.enable_bucket and arguments.get("bucket_no_upscale")),
        "ss_dataset_dirs": _json(_folders(train)),
        "ss_reg_dataset_dirs": _json(_folders(reg)),
        "ss_bucket_info": json.dumps(_buckets(buckets, train)) if config.enable_bucket else "null",
    }


def _of_a_size(
    config: RunConfig, number: int, items: Sequence[Item], buckets: Sequence[Bucket], reg_images: int
) -> dict[str, Any]:
    train = [item for item in items if not item.is_reg]
    step, is_on = config.bucket_reso_steps, config.enable_bucket
    return {
        "is_dreambooth": True,
        "batch_size_per_device": config.batch_size,
        "num_train_images": sum(item.repeats for item in train),
        "num_reg_images": reg_images,
        "resolution": config.sizes[number],
        "enable_bucket": is_on,
        "min_bucket_reso": config.min_bucket_reso // step * step if is_on else None,
        "max_bucket_reso": -(-config.max_bucket_reso // step) * step if is_on else None,
        "tag_frequency": _tags(train),
        "bucket_info": _buckets(buckets, train) if is_on else None,
        "resize_interpolation": given(config.arguments, "resize_interpolation"),
        "subsets": [_folder(config, some) for some in _by_folder(items).values()],
    }


def _folder(config: RunConfig, items: Sequence[Item]) -> dict[str, Any]:
    repeats, _, concept = items[0].folder.partition("_")
    return {
        "img_count": len(items),
        "num_repeats": int(repeats),
        **{name: bool(config.arguments.get(name)) for name in SWITCHES_OF_A_FOLDER},
        **{name: given(config.arguments, name) for name in OF_A_FOLDER},
        "image_dir": items[0].folder,
        "class_tokens": concept,
        "is_reg": items[0].is_reg,
    }


def _by_folder(items: Sequence[Item]) -> dict[tuple[bool, str], list[Item]]:
    found: dict[tuple[bool, str], list[Item]] = {}
    for item in items:
        found.setdefault((item.is_reg, item.folder), []).append(item)
    return found


def _folders(items: Sequence[Item]) -> dict[str, dict[str, int]]:
    counts = Counter(item.folder for item in items)
    repeats = {item.folder: item.repeats for item in items}
    return {folder: {"n_repeats": repeats[folder], "img_count": count} for folder, count in counts.items()}


def _folders_of_all(items: Sequence[Item], sizes: int) -> dict[str, dict[str, int]]:
    """A folder's second size is called `3_zorb (2)`."""
    found: dict[str, dict[str, int]] = {}
    for number in range(sizes):
        own = _folders([item for item in items if item.dataset == number and not item.is_reg])
        found |= {f"{name} ({number + 1})" if number else name: facts for name, facts in own.items()}
    return found


def _tags(items: Sequence[Item]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for item in items:
        tags = (tag.strip().lower() for tag in item.caption.split(","))
        found.setdefault(item.folder, Counter()).update(tag for tag in tags if tag)
    return {folder: dict(counts) for folder, counts in found.items()}


def _buckets(buckets: Sequence[Bucket], items: Sequence[Item]) -> dict[str, Any]:
    errors = [abs(i.bucket[0] / i.bucket[1] - i.original[0] / i.original[1]) for i in items if i.original[1]]
    return {
        "buckets": {str(i): {"resolution": b.size, "count": len(b.order)} for i, b in enumerate(buckets)},
        "mean_img_ar_error": sum(errors) / len(errors) if errors else 0.0,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
