"""Settings of a version that sd-webui-train-tools made: read from its JSON files, which stay as they are.

It wrote dataset_config.json, train_config.json and preview_config.json into the version's folder, with the names
of its page's fields as keys. Facts from its source: config_file.py, dateset_ui.py, train_ui.py, ArgsList.py.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json

DATASET, TRAIN, PREVIEW = "dataset_config.json", "train_config.json", "preview_config.json"
FILES = (DATASET, TRAIN, PREVIEW)
# What its trainer was given whatever the page said, where ours differs.
ALWAYS = (
    "seed=23, min_bucket_reso=320, max_bucket_reso=960, max_token_length=150, min_snr_gamma=none, "
    "optimizer_args='weight_decay=0.1 betas=0.9,0.99', resolution=512,512"
)
PLACES = ("train_data_dir", "reg_data_dir", "output_dir", "output_name", "logging_dir")
# Those that are rendered without a webui; a scheduler may stand behind.
SAMPLERS = ("DDIM", "Euler", "Euler a", "Heun", "DPM2", "DPM++ 2M", "DPM++ 2M SDE", "UniPC")
SCHEDULERS = (" Karras", " Exponential")


class NotMappedError(Exception):
    """The text says why a value has no place in our settings."""


@dataclass(frozen=True)
class Rule:
    """Where a key goes. `read` raises NotMappedError, or ValueError or TypeError for a value of a wrong kind."""

    section: str
    name: str
    read: Callable[[Any], Any]


@dataclass(frozen=True)
class Read:
    """`data` is as in version.toml; `notes` say what became of every key."""

    data: dict[str, dict[str, Any]]
    notes: tuple[str, ...]


def read(folder: Path) -> Read:
    """Empty where the folder holds none of the files."""
    data: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    for name in FILES:
        if (folder / name).is_file():
            notes += read_file(folder / name, data)
    return Read(data, tuple(notes))


def read_file(path: Path, data: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Adds what the file says to `data`; gives a note for each key."""
    try:
        content = read_json(path)
    except (OSError, TrainToolsError) as error:
        yield f"{path.name} can't be read; its settings have their defaults ({error})"
        return
    if not isinstance(content, Mapping):
        yield f"{path.name} holds no settings; they have their defaults"
        return
    for key, value in content.items():
        try:
            yield f"{path.name}: {key} -> {', '.join(take(path, key, value, data))}"
        except NotMappedError as reason:
            yield f"{path.name}: {key} = {value!r} is left out: {reason}"
        except (ValueError, TypeError, OverflowError):
            yield f"{path.name}: {key} = {value!r} is left out: it can't be read"
    if path.name == DATASET:
        data.setdefault("dataset", {}).update(keep_aspect=False, small_images="upscale")
        yield (
            f"{path.name}: dataset.keep_aspect = False and dataset.small_images = upscale, as sd-webui-train-tools "
            "scaled and cut all images to width x height"
        )
    if path.name == TRAIN:
        yield f"{path.name}: sd-webui-train-tools always trained with {ALWAYS}; set these to repeat its runs"


def take(path: Path, key: str, value: Any, data: dict[str, dict[str, Any]]) -> list[str]:
    """Puts the value where it belongs; returns `section.name = value` of each setting that it became."""
    if key in LEFT_OUT:
        raise NotMappedError(LEFT_OUT[key])
    if key == "sd_script_args":
        found = {("training", name): text for name, text in script_arguments(str(value)).items()}
    elif key == "train_base_model":
        found = {("training", "pretrained_model_name_or_path"): base_model(path, str(value or ""))}
    elif key in RULES:
        rule = RULES[key]
        found = {(rule.section, rule.name): rule.read(value)}
    else:
        raise NotMappedError("no version of sd-webui-train-tools that we know has this setting")
    for (section, name), result in found.items():
        data.setdefault(section, {})[name] = result
    return [f"{section}.{name} = {result}" for (section, name), result in found.items()] or ["nothing"]


def base_model(path: Path, title: str) -> str:
    """The file of `name.safetensors [hash]`, where the webui around this workspace has it."""
    name = title.rpartition(" [")[0] or title
    # <webui>/outputs/train_tools/projects/<project>/versions/<version>/train_config.json
    webui = path.absolute().parents[6] if len(path.absolute().parents) > 6 else path.parent
    file = webui / "models" / "Stable-diffusion" / name
    if not name or not file.is_file():
        raise NotMappedError("its file isn't found; set training.pretrained_model_name_or_path to it")
    return str(file)


def script_arguments(text: str) -> dict[str, Any]:
    """`--a=1 --b --c x y` -> `{"a": "1", "b": True, "c": "x y"}`; places of files aren't settings."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in shlex.split(text):
        if word.startswith("--"):
            name, equals, value = word.removeprefix("--").partition("=")
            found[name] = [value] if equals else []
        elif name:
            found[name].append(word)
    return {name: " ".join(words) if words else True for name, words in found.items() if name not in PLACES}


def number(value: Any) -> int | float:
    """As the page gave it: a number or its text; whole ones as int."""
    if isinstance(value, bool) or value is None:
        raise TypeError
    result = float(value)
    return int(result) if result.is_integer() else result


def whole(value: Any) -> int:
    result = number(value)
    if isinstance(result, float):
        raise TypeError
    return result


def positive(value: Any) -> int:
    if whole(value) < 1:
        raise NotMappedError("it must be at least 1")
    return whole(value)


def yes_or_no(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def values(value: Any) -> str:
    """`["Lion", "AdamW"]` or `0.0001,0.0002`, as a grid's values."""
    return ",".join(map(str, value)) if isinstance(value, list) else text(value)


def repeats(value: Any) -> int:
    if whole(value) == 0:
        raise NotMappedError("0 repeats would train nothing")
    return -1 if whole(value) < 0 else whole(value)


def numbers(value: Any) -> list[int | float]:
    """Of `20,24,28`: an axis."""
    return [number(item) for item in str(value).split(",") if item.strip()]


def seeds(value: Any) -> list[int | float]:
    if any(seed < 0 for seed in numbers(value)):
        raise NotMappedError("a random seed makes pictures that can't be compared; preview.seed is taken")
    return numbers(value)


def samplers(value: Any) -> list[str]:
    names = value if isinstance(value, list) else [value]
    known = [name for name in names if isinstance(name, str) and _without_scheduler(name) in SAMPLERS]
    if not known:
        raise NotMappedError(f"previews are rendered with {', '.join(SAMPLERS)}; preview.sampler is taken")
    return known


def _without_scheduler(name: str) -> str:
    return next((name.removesuffix(end) for end in SCHEDULERS if name.endswith(end)), name)


RULES: Mapping[str, Rule] = {
    "train_num_repetitions": Rule("dataset", "repeats", repeats),
    "process_width": Rule("dataset", "width", whole),
    "process_height": Rule("dataset", "height", whole),
    "preprocess_txt_action": Rule("dataset", "existing_caption", text),
    "process_flip": Rule("dataset", "flip", yes_or_no),
    "process_split": Rule("dataset", "split", yes_or_no),
    "process_split_threshold": Rule("dataset", "split_threshold", number),
    "process_overlap_ratio": Rule("dataset", "overlap_ratio", number),
    "process_focal_crop": Rule("dataset", "focal_crop", yes_or_no),
    "process_focal_crop_face_weight": Rule("dataset", "focal_crop_face_weight", number),
    "process_focal_crop_entropy_weight": Rule("dataset", "focal_crop_entropy_weight", number),
    "process_focal_crop_edges_weight": Rule("dataset", "focal_crop_edges_weight", number),
    "process_multicrop": Rule("dataset", "multicrop", yes_or_no),
    "process_multicrop_mindim": Rule("dataset", "multicrop_mindim", whole),
    "process_multicrop_maxdim": Rule("dataset", "multicrop_maxdim", whole),
    "process_multicrop_minarea": Rule("dataset", "multicrop_minarea", whole),
    "process_multicrop_maxarea": Rule("dataset", "multicrop_maxarea", whole),
    "process_multicrop_objective": Rule("dataset", "multicrop_objective", lambda value: text(value).lower()),
    "process_multicrop_threshold": Rule("dataset", "multicrop_threshold", number),
    "train_batch_size": Rule("training", "train_batch_size", positive),
    "train_num_epochs": Rule("training", "max_train_epochs", positive),
    "train_save_every_n_epochs": Rule("training", "save_every_n_epochs", positive),
    "train_optimizer_type": Rule("training", "optimizer_type", values),
    "train_learning_rate": Rule("training", "learning_rate", values),
    "train_net_dim": Rule("training", "network_dim", positive),
    "train_alpha": Rule("training", "network_alpha", number),
    "train_clip_skip": Rule("training", "clip_skip", positive),
    "train_mixed_precision": Rule("training", "mixed_precision", text),
    "train_base_on_sd_v2": Rule("training", "v2", yes_or_no),
    "preview_txt2img_prompt": Rule("preview", "prompts", lambda value: [text(value)]),
    "preview_txt2img_negative_prompt": Rule("preview", "negative_prompt", lambda value: [text(value)]),
    "preview_sampling_method": Rule("preview", "sampler", samplers),
    "preview_sampling_steps": Rule("preview", "steps", numbers),
    "preview_width": Rule("preview", "width", whole),
    "preview_height": Rule("preview", "height", whole),
    "preview_cfg_scale": Rule("preview", "cfg_scale", numbers),
    "preview_seed": Rule("preview", "seed", seeds),
    "preview_lora_multiplier": Rule("preview", "weights", lambda value: list(map(float, numbers(value)))),
}

LEFT_OUT: Mapping[str, str] = {
    "process_focal_crop_debug": "a single image can be looked at before all are processed",
    "process_caption": "captions are a step of their own, `dataset caption`",
    "process_caption_deepbooru": "captions are a step of their own, `dataset caption`",
    "train_finish_generate_all_checkpoint_preview": "previews are a step of their own, `preview`",
    "train_xformers": "the trainer takes the fastest attention by itself",
    "use_sdxl": "what the base model is stands in its file",
    "preview_include_sub_img": "single pictures are always kept",
    "preview_batch_count": "a cell is one picture",
    "preview_batch_size": "a cell is one picture",
}
