"""Settings from a finished LoRA's own metadata, `ss_*`: train again like this one. Only the file's head is read."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from train_tools.arguments.schema.learning import OPTIMIZERS
from train_tools.arguments.table import ARGUMENTS, KNOWN
from train_tools.arguments.text import split
from train_tools.errors import UsageError
from train_tools.families.registry import USUAL
from train_tools.planning.imports.dataset_config import plain, sizes_together
from train_tools.planning.imports.imported import Collector, Imported
from train_tools.planning.imports.lora_files import SAYS_NOTHING, family, foreign_model, parts, whose
from train_tools.planning.imports.onetrainer import from_onetrainer

RENAMED = {
    "ss_num_epochs": "max_train_epochs",
    "ss_batch_size_per_device": "train_batch_size",
    "ss_debiased_estimation": "debiased_estimation_loss",
}
# Facts about that training that are no settings: dates, counts, hashes, folders.
FACTS = re.compile(
    r"ss_(session_id|training_(started|finished)_at|output_name|num_.*|max_train_steps|steps|epoch|total_batch_size"
    r"|.*hash.*|tag_frequency|bucket_info|(reg_)?dataset_dirs|base_model_version|datasets|network_args|optimizer|resolution"
    r"|v2|sd_model_name|vae_name)"
)
NO_PATH = "the file knows only its name; set {} to your copy of it"
# Of ss_datasets, written for trainings with a dataset_config: names there -> arguments.
DATASET = {"batch_size_per_device": "train_batch_size", "enable_bucket": "", "min_bucket_reso": "",
           "max_bucket_reso": "", "resize_interpolation": ""}  # fmt: skip
SUBSET = ("color_aug", "flip_aug", "random_crop", "shuffle_caption", "keep_tokens", "keep_tokens_separator",
          "secondary_separator", "enable_wildcard", "caption_prefix", "caption_suffix")  # fmt: skip


def from_lora(metadata: Mapping[str, str], tensors: Collection[str] = ()) -> Imported:
    """From a safetensors file's `__metadata__` and the names of its tensors.

    Raises UsageError where it says nothing of a training, or was trained on what can't be trained here.
    """
    metadata = {str(key): str(value) for key, value in metadata.items()}
    if (configuration := _json(metadata, "ot_config")) and isinstance(configuration, dict):
        return from_onetrainer(configuration)
    if other := foreign_model(metadata, tensors):
        raise UsageError(f"this LoRA is for {other}, which can't be trained here")
    if "ss_network_module" not in metadata:
        raise UsageError(whose(metadata, tensors))
    return from_metadata(metadata, tensors)


def from_metadata(metadata: Mapping[str, str], tensors: Collection[str] = ()) -> Imported:
    """From sd-scripts' own keys. Raises UsageError where there are none."""
    if "ss_network_module" not in metadata:
        raise UsageError(f"{SAYS_NOTHING}; only LoRAs with ss_* keys do")
    metadata = {key: str(value) for key, value in metadata.items()}
    found = family(metadata, tensors)
    into = Collector("LoRA metadata", found or USUAL.name, is_guess=not found)
    for key, value in metadata.items():
        if not key.startswith("ss_") or (FACTS.fullmatch(key) and key not in RENAMED):
            continue
        name = RENAMED.get(key, key.removeprefix("ss_"))
        if name in KNOWN and value not in ("", "None", "null"):
            _take(into, key, value, name)
        elif key.removeprefix("ss_") not in ARGUMENTS:
            into.leave(key, value, "it is no setting of sd-scripts")
    _take_none(into, metadata)
    _take_resolution(into, metadata)
    _take_optimizer(into, metadata.get("ss_optimizer", ""))
    _take_network_args(into, metadata)
    _take_datasets(into, metadata)
    _take_models(into, metadata)
    _take_parts(into, tensors)
    if into.settings.get("enable_bucket"):
        into.leave(
            "bucket_reso_steps", None, "metadata doesn't hold it; set it where it wasn't sd-scripts' 64"
        )
    return into.result()


def _take(into: Collector, key: str, value: str, name: str) -> None:
    row = KNOWN[name]
    if value == "False" and row.kind in ("int", "float", "int_or_ratio"):
        if row.sd_default is None or name not in ("keep_tokens",):
            return  # packed LoRAs of earlier versions said so of what wasn't set
        value = str(row.sd_default)
    if name == "lr_scheduler" and value.startswith("adafactor:"):
        # With relative_step, sd-scripts hands the learning rate on to the schedule and keeps none.
        value, _, rate = value.partition(":")
        into.take(key, rate, "learning_rate")
    into.take(key, _rates(value), name)


def _take_parts(into: Collector, tensors: Collection[str]) -> None:
    """Whether text encoder or UNet stayed as they were isn't in the metadata, but in which tensors there are."""
    has_unet, has_text = parts(tensors)
    if has_unet:
        into.take("tensors", not has_text, "network_train_unet_only")
    if has_text:
        into.take("tensors", not has_unet, "network_train_text_encoder_only")


def _rates(value: str) -> str | list[str]:
    """`[5e-05, 1e-05]`, one learning rate for each text encoder, as a list."""
    return re.findall(r"[^\s,]+", value[1:-1]) if re.fullmatch(r"\[[\d.e+,\s-]+\]", value) else value


def _take_none(into: Collector, metadata: Mapping[str, str]) -> None:
    """What was none there, and isn't by default here."""
    for name, row in KNOWN.items():
        if metadata.get(f"ss_{name}") == "None" and row.allows_none and row.default is not None:
            into.take(f"ss_{name}", "none", name)


def _take_resolution(into: Collector, metadata: Mapping[str, str]) -> None:
    sides = re.findall(r"\d+", metadata.get("ss_resolution", ""))
    if len(sides) in (1, 2):
        into.take("ss_resolution", ",".join(sides), "resolution")


def _take_optimizer(into: Collector, text: str) -> None:
    """`torch.optim.adamw.AdamW(weight_decay=0.1,betas=(0.9, 0.99))`."""
    found = re.fullmatch(r"([\w.]+)(?:\((.*)\))?", text, re.DOTALL)
    if not found:
        return
    path, arguments = found.groups()
    name = path.rpartition(".")[2]
    into.take("ss_optimizer", next((known for known in OPTIMIZERS if known.lower() == name.lower()), path),
              "optimizer_type")  # fmt: skip
    if arguments:
        into.take("ss_optimizer", [word.replace(" ", "") for word in split(arguments, ",")], "optimizer_args")


def _take_network_args(into: Collector, metadata: Mapping[str, str]) -> None:
    arguments = _json(metadata, "ss_network_args")
    if isinstance(arguments, dict) and arguments:
        given = {name: value for name, value in arguments.items() if value is not None}
        into.take("ss_network_args", given, "network_args")


def _take_datasets(into: Collector, metadata: Mapping[str, str]) -> None:
    datasets = _json(metadata, "ss_datasets")
    if not isinstance(datasets, list) or not datasets or not isinstance(datasets[0], dict):
        return
    first = datasets[0]
    together = sizes_together(_images_and_size(dataset) for dataset in datasets)
    if together:
        first = {**first, "resolution": together}
    elif len(datasets) > 1:
        into.leave(
            "ss_datasets",
            f"{len(datasets)} datasets",
            "a version has one; the first one's settings are taken",
        )
    for key, value in _dataset_values(first):
        into.take(f"ss_datasets: {key}", value, DATASET.get(key) or key)


def _dataset_values(dataset: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(resolution := dataset.get("resolution"), (list, str)):
        yield "resolution", plain("resolution", resolution)
    yield from ((key, dataset[key]) for key in DATASET if dataset.get(key) is not None)
    subset = next(iter(_trained(dataset)), {})
    yield from ((key, subset[key]) for key in SUBSET if subset.get(key) not in (None, ""))


def _images_and_size(dataset: Any) -> tuple[Any, Any]:
    if not isinstance(dataset, dict):
        return [], None
    return [(s.get("image_dir"), s.get("num_repeats")) for s in _trained(dataset)], dataset.get("resolution")


def _trained(dataset: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = dataset.get("subsets")
    subsets = found if isinstance(found, list) else []
    return [subset for subset in subsets if isinstance(subset, dict) and not subset.get("is_reg")]


def _take_models(into: Collector, metadata: Mapping[str, str]) -> None:
    if metadata.get("ss_v2") == "True":
        into.take("ss_v2", True, "v2")
    prediction = metadata.get("modelspec.prediction_type", "").lower()
    key = "modelspec.prediction_type"
    if metadata.get("ss_base_model_version", "").endswith("_v"):
        prediction, key = "v", "ss_base_model_version"
    if (
        into.family in ARGUMENTS["v_parameterization"].acts_in
        and prediction
        and "ss_v_parameterization" not in metadata
    ):
        into.take(key, prediction in ("v", "v_prediction", "v-prediction", "velocity"), "v_parameterization")
    for key, name in (("ss_sd_model_name", "pretrained_model_name_or_path"), ("ss_vae_name", "vae")):
        if metadata.get(key) not in (None, "", "None"):
            into.leave(key, metadata[key], NO_PATH.format(name))


def _json(metadata: Mapping[str, str], key: str) -> Any:
    try:
        return json.loads(metadata.get(key, "null"))
    except ValueError:
        return None
