"""Settings from a job of ai-toolkit, YAML or JSON: its examples, those of its page, and what people make of them.

Names and defaults are those of ai-toolkit at 27a03a9 (August 2026). What a job doesn't say is ai-toolkit's default.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from train_tools.arguments.sizes import of_sides
from train_tools.arguments.table import ARGUMENTS
from train_tools.errors import UsageError
from train_tools.families.programs import AI_TOOLKIT
from train_tools.families.registry import BY_NAME, USUAL, by_program
from train_tools.planning.imports.imported import Collector, Imported, is_on
from train_tools.planning.imports.lora_files import foreign_name
from train_tools.planning.imports.optimizers import optimizer_named

SOURCE = "ai-toolkit job"
ARCHS = by_program(AI_TOOLKIT)  # and flags, as is_xl
OTHER_FLAGS = ("is_pixart", "is_pixart_sigma", "is_auraflow", "is_ssd", "is_vega")
TRAINERS = ("sd_trainer", "ui_trainer", "diffusion_trainer")
PRECISIONS = {"bf16": "bf16", "bfloat16": "bf16", "fp16": "fp16", "float16": "fp16", "fp32": "no", "float32": "no",
              "float": "no"}  # fmt: skip
TRAIN = {
    "batch_size": "train_batch_size", "lr": "learning_rate", "unet_lr": "unet_lr",
    "gradient_checkpointing": "gradient_checkpointing", "noise_offset": "noise_offset",
    "max_grad_norm": "max_grad_norm", "min_snr_gamma": "min_snr_gamma", "xformers": "xformers", "sdp": "sdpa",
    "cache_text_embeddings": "cache_text_encoder_outputs",
    "min_denoising_steps": "min_timestep", "max_denoising_steps": "max_timestep",
}  # fmt: skip
DATASET = {
    "caption_ext": "caption_extension", "caption_dropout_rate": "caption_dropout_rate",
    "shuffle_tokens": "shuffle_caption", "keep_tokens": "keep_tokens", "token_dropout_rate": "caption_tag_dropout_rate",
    "flip_x": "flip_aug", "random_crop": "random_crop", "buckets": "enable_bucket", "alpha_mask": "alpha_mask",
    "cache_latents": "cache_latents", "cache_latents_to_disk": "cache_latents_to_disk",
}  # fmt: skip
DATASET_PLACES = {
    "num_repeats": "repeats are the version's own: the number that its concept's folder begins with",
    "is_reg": "regularisation images are the version's own, in dataset/reg",
    "mask_path": "masks are the version's own, beside its images",
    "control_path": "a LoRA is trained without control images here",
    "trigger_word": "put it into the captions", "default_caption": "a caption of its own for each image says it",
}  # fmt: skip
DEFAULTS: Mapping[str, Any] = {
    "network_alpha": 1, "learning_rate": 1e-6, "lr_scheduler": "constant", "optimizer_type": "AdamW",
    "min_snr_gamma": None, "enable_bucket": True, "gradient_checkpointing": True,
}  # fmt: skip


def is_ai_toolkit(data: Mapping[str, Any]) -> bool:
    return bool(_processes(data))


def from_ai_toolkit(data: Mapping[str, Any]) -> Imported:
    """From the parsed file. Raises UsageError where it does something else than training a LoRA that is known here."""
    processes = _processes(data)
    process = next((p for p in processes if str(p.get("type")) in TRAINERS), processes[0])
    kind = str(process.get("type"))
    network = _table(process, "network")
    if kind not in TRAINERS or not network:
        raise UsageError(
            f"this job of ai-toolkit ({kind}) trains no LoRA from pictures; only such jobs are read here"
        )
    model, train = _table(process, "model"), _table(process, "train")
    into = Collector(SOURCE, _family(model), "ai-toolkit")
    _take_model(into, model)
    _take_network(into, network)
    for key, name in TRAIN.items():
        if train.get(key) is not None and not (
            key.endswith("denoising_steps") and train[key] in (0, 999, 1000)
        ):
            into.take(f"train: {key}", train[key], name)
    _take_training(into, train)
    _take_datasets(into, process.get("datasets"))
    _take_saving(into, _table(process, "save"))
    if is_on(process.get("trigger_word")):
        into.leave("trigger_word", process["trigger_word"], DATASET_PLACES["trigger_word"])
    if len(processes) > 1:
        into.leave(
            "process", f"{len(processes)}", "the job has several processes; the first that trains is taken"
        )
    into.assume(DEFAULTS)
    return into.result()


def _processes(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    config = data.get("config")
    found = config.get("process") if isinstance(config, Mapping) else None
    return [process for process in found if isinstance(process, Mapping)] if isinstance(found, list) else []


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name)
    return table if isinstance(table, Mapping) else {}


def _family(model: Mapping[str, Any]) -> str:
    arch = str(model.get("arch") or "").split(":")[0]
    if arch and arch not in ARCHS:
        raise UsageError(f"this job of ai-toolkit trains a LoRA for {arch}, which can't be trained here")
    if other := next((flag for flag in OTHER_FLAGS if is_on(model.get(flag))), ""):
        raise UsageError(f"this job of ai-toolkit trains a LoRA for {other[3:]}, which can't be trained here")
    if variant := foreign_name(str(model.get("name_or_path") or "")):
        raise UsageError(f"this job of ai-toolkit trains a LoRA for {variant}, which can't be trained here")
    said = next((family for flag, family in ARCHS.items() if is_on(model.get(flag))), USUAL)
    return ARCHS.get(arch, said).name


def _take_model(into: Collector, model: Mapping[str, Any]) -> None:
    name = str(model.get("name_or_path") or "")
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not name.endswith((".safetensors", ".ckpt")):
        into.leave("model: name_or_path", name,
                   "it is a name on Hugging Face; set pretrained_model_name_or_path to your copy of it")  # fmt: skip
    else:
        into.take("model: name_or_path", name, "pretrained_model_name_or_path")
    into.take("model: vae_path", model.get("vae_path") or "", "vae")
    if is_on(model.get("is_v2")):
        into.take("model: is_v2", True, "v2")
    if is_on(model.get("is_v_pred")):
        into.take("model: is_v_pred", True, "v_parameterization")
    if is_on(model.get("quantize")) and BY_NAME[into.family].training.is_flow:
        into.take("model: quantize", True, "fp8_base")
    if is_on(model.get("assistant_lora_path")):
        into.leave(
            "model: assistant_lora_path",
            model["assistant_lora_path"],
            "sd-scripts trains without such an aid",
        )


def _take_network(into: Collector, network: Mapping[str, Any]) -> None:
    kind = str(network.get("type", "lora")).lower()
    rank = network.get("linear", network.get("rank"))
    into.take("network: linear", 4 if rank is None else rank, "network_dim")
    alpha = network.get("linear_alpha", network.get("alpha"))
    if alpha is not None:
        into.take("network: linear_alpha", alpha, "network_alpha")
    if is_on(network.get("dropout")):
        into.take("network: dropout", network["dropout"], "network_dropout")
    if is_on(network.get("pretrained_lora_path")):
        into.take("network: pretrained_lora_path", network["pretrained_lora_path"], "network_weights")
    words = []
    if is_on(conv := network.get("conv")):
        words = [f"conv_dim={conv}", f"conv_alpha={network.get('conv_alpha', conv)}"]
    if kind in ("lokr", "dora", "loha"):
        further = {"lokr": [f"factor={network.get('lokr_factor', -1)}"], "dora": ["dora_wd=True"]}.get(
            kind, []
        )
        words = [f"algo={'locon' if kind == 'dora' else kind}", *further, *words]
        into.take("network: type", "lycoris.kohya", "network_module")
    elif kind in ("lora", "locon", "lierla"):
        into.take("network: type", BY_NAME[into.family].training.network_modules[0], "network_module")
    else:
        into.leave("network: type", kind, "this kind of network isn't known")
    if words:
        into.take("network: conv" if is_on(conv) else "network: type", words, "network_args")


def _take_training(into: Collector, train: Mapping[str, Any]) -> None:
    into.take_epochs("train: steps", None, train.get("steps", 1000))
    accumulated = train.get("gradient_accumulation_steps", train.get("gradient_accumulation"))
    if accumulated is not None:
        into.take("train: gradient_accumulation_steps", accumulated, "gradient_accumulation_steps")
    has_text, has_unet = is_on(train.get("train_text_encoder", False)), is_on(train.get("train_unet", True))
    if not has_text:
        into.take("train: train_text_encoder", True, "network_train_unet_only")
    elif not has_unet:
        into.take("train: train_unet", True, "network_train_text_encoder_only")
    if has_text and train.get("text_encoder_lr") is not None:
        into.take("train: text_encoder_lr", train["text_encoder_lr"], "text_encoder_lr")
    if (precision := PRECISIONS.get(str(train.get("dtype", "")))) is not None:
        into.take("train: dtype", precision, "mixed_precision")
    _take_steps(into, train)


def _take_steps(into: Collector, train: Mapping[str, Any]) -> None:
    """How the weights are changed, and which noise levels are drawn."""
    if is_on(train.get("snr_gamma")) and not is_on(train.get("min_snr_gamma")):
        into.take("train: snr_gamma", train["snr_gamma"], "min_snr_gamma")
    said = str(train.get("optimizer", ""))
    if said and (name := optimizer_named(said)):
        into.take("train: optimizer", name, "optimizer_type")
        if is_on(params := train.get("optimizer_params")):
            into.take("train: optimizer_params", params, "optimizer_args")
    elif said:
        into.leave(
            "train: optimizer", said, "sd-scripts has no such optimizer; choose another in optimizer_type"
        )
    if schedule := str(train.get("lr_scheduler") or ""):
        into.take("train: lr_scheduler", schedule, "lr_scheduler")
    drawn = {"sigmoid": "sigmoid", "linear": "uniform", "shift": "shift", "flux_shift": "flux_shift",
             "lumina2_shift": "nextdit_shift"}  # fmt: skip
    knows = ARGUMENTS["timestep_sampling"].is_known_in(into.family)
    if (kind := str(train.get("timestep_type") or "")) and knows:
        if kind in drawn:
            into.take("train: timestep_type", drawn[kind], "timestep_sampling")
        else:
            into.leave("train: timestep_type", kind, "sd-scripts doesn't draw noise levels so")
    ema = train.get("ema_config")
    if isinstance(ema, Mapping) and is_on(ema.get("use_ema")):
        into.leave("train: ema_config", None, "sd-scripts keeps no moving average")


def _take_datasets(into: Collector, datasets: Any) -> None:
    found = [table for table in datasets if isinstance(table, Mapping)] if isinstance(datasets, list) else []
    trained = [table for table in found if not is_on(table.get("is_reg"))]
    if not trained:
        return
    first = trained[0]
    for key, name in DATASET.items():
        if first.get(key) is not None:
            into.take(f"datasets: {key}", first[key], name)
    # A folder may also stand there once for each of its sizes.
    same = [table for table in trained if table.get("folder_path") == first.get("folder_path")]
    _take_resolutions(into, [table.get("resolution") for table in same])
    for key, reason in DATASET_PLACES.items():
        values = list(dict.fromkeys(str(table[key]) for table in found if is_on(table.get(key))))
        if values and values != ["1"]:
            into.leave(f"datasets: {key}", ", ".join(values), reason)
    if len(trained) > 1:
        into.leave(
            "datasets", f"{len(trained)}", "a version has one value for all its images; the first is taken"
        )


def _take_resolutions(into: Collector, given: Sequence[Any]) -> None:
    """Each is a side or a list of them; of several every image is trained at all of them there, too."""
    listed = [one if isinstance(one, list) else [one] for one in given]
    if sides := [side for one in listed for side in one if isinstance(side, int)]:
        into.take("datasets: resolution", of_sides(sides), "resolution")


def _take_saving(into: Collector, save: Mapping[str, Any]) -> None:
    if (saved := PRECISIONS.get(str(save.get("dtype", "")))) is not None:
        into.take("save: dtype", "float" if saved == "no" else saved, "save_precision")
    if is_on(save.get("save_every")):
        into.take("save: save_every", save["save_every"], "save_every_n_steps")
