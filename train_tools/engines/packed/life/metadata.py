"""What a checkpoint says of its training: sd-scripts' `ss_*` keys and the modelspec keys."""

from __future__ import annotations

import base64
import json
import mimetypes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools import __version__
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import batches_per_epoch
from train_tools.engines.packed.data.encoding import Bucket
from train_tools.engines.packed.data.pictures import Item
from train_tools.engines.packed.life.data_metadata import given, of_the_data
from train_tools.engines.packed.step.optimizers import find
from train_tools.engines.packed.support import SAID
from train_tools.families.interface import Family
from train_tools.families.registry import USUAL

# Keys that stand for the argument of the same name; where none is given, sd-scripts writes its default.
SAME_NAME = (
    "learning_rate", "text_encoder_lr", "unet_lr", "lr_scheduler", "lr_warmup_steps", "network_module",
    "network_dim", "network_alpha", "network_dropout", "mixed_precision", "seed", "min_snr_gamma", "max_grad_norm",
    "clip_skip", "max_token_length", "training_comment", "lowram", "noise_offset", "noise_offset_random_strength",
    "multires_noise_iterations", "multires_noise_discount", "adaptive_noise_scale", "zero_terminal_snr",
    "caption_dropout_rate", "caption_dropout_every_n_epochs", "caption_tag_dropout_rate", "face_crop_aug_range",
    "prior_loss_weight", "scale_weight_norms", "ip_noise_gamma", "ip_noise_gamma_random_strength", "loss_type",
    "huber_schedule", "huber_scale", "huber_c", "validation_seed", "validation_split", "max_validation_steps",
    "validate_every_n_epochs", "validate_every_n_steps", "resize_interpolation",
    "gradient_checkpointing", "gradient_accumulation_steps",
)  # fmt: skip
SWITCHES = ("full_fp16", "fp8_base", "fp8_base_unet", "cache_latents", "v2")
THUMBNAIL = "modelspec.thumbnail"
NO_REVISION = (
    "(unknown)"  # what sd-scripts writes where it isn't a checkout: none of its own code trained this
)


@dataclass(frozen=True)
class Shared:
    """What all checkpoints of all runs of a pack say alike. The legacy hashes are of a piece of the file.

    `reg_images` counts those that are there, with their folders' repeats.
    """

    items: list[Item]
    buckets: list[Bucket]
    model_name: str
    model_hash: str
    started_at: float
    vae_name: str = ""
    vae_hash: str = ""
    model_legacy_hash: str = ""
    vae_legacy_hash: str = ""
    reg_images: int = 0
    family: Family = USUAL
    held_back: Sequence[Bucket] = ()


def build(config: RunConfig, shared: Shared, epoch: int, step: int) -> dict[str, str]:
    """All metadata of the checkpoint after `epoch` epochs and `step` steps; every value is a string."""
    arguments = config.arguments
    batches = batches_per_epoch(shared.buckets, config.batch_size)
    words = shared.family.words
    values: dict[str, Any] = {f"ss_{name}": given(arguments, name) for name in SAME_NAME}
    values |= {f"ss_{name}": bool(arguments.get(name)) for name in SWITCHES}
    values |= of_the_data(config, shared.items, shared.buckets, shared.reg_images)
    values |= {
        "ss_output_name": config.output_name,
        "ss_session_id": str(int(shared.started_at * 1000) % 2**32),
        "ss_training_started_at": shared.started_at,
        "ss_training_finished_at": time.time(),
        "ss_sd_model_name": shared.model_name,
        "ss_new_sd_model_hash": shared.model_hash,
        "ss_sd_model_hash": shared.model_legacy_hash,
        "ss_sd_scripts_commit_hash": NO_REVISION,
        "ss_base_model_version": words.version_in_files.format(v="_v" if config.v_parameterization else ""),
        "ss_debiased_estimation": config.debiased_estimation_loss,
        "ss_num_validation_images": sum(len(bucket.order) for bucket in shared.held_back),
        "ss_optimizer": _optimizer(config),
        "ss_num_epochs": config.epochs,
        "ss_epoch": epoch,
        "ss_steps": step,
        "ss_max_train_steps": config.max_train_steps,
        "ss_num_batches_per_epoch": batches,
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": words.architecture.format(v="768-v" if config.v_parameterization else "512")
        + "/lora",
        "modelspec.implementation": words.implementation,
        "modelspec.implementation_version": f"train-tools/{__version__}",
        "modelspec.title": config.output_name,
        "modelspec.resolution": "{}x{}".format(*config.sizes[-1]),
        "modelspec.prediction_type": "v" if config.v_parameterization else "epsilon",
        "modelspec.date": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    values |= _said(config)
    if config.network_args:
        values["ss_network_args"] = _network_args(config)
    if shared.vae_name:
        values |= {
            "ss_vae_name": shared.vae_name, "ss_new_vae_hash": shared.vae_hash, "ss_vae_hash": shared.vae_legacy_hash,
        }  # fmt: skip
    return {name: str(value) for name, value in values.items()}


def _said(config: RunConfig) -> dict[str, Any]:
    """What a person wants to stand there, and which noise and layer it is for where that isn't the usual one."""
    said = config.arguments
    found = {
        f"modelspec.{name.removeprefix('metadata_')}": said[name]
        for name in sorted(SAID)
        if said.get(name) not in (None, "", False)
    }
    thumbnail = str(found.pop(THUMBNAIL, ""))
    if picture := thumbnail if thumbnail.startswith("data:") else _as_url(Path(thumbnail)):
        found[THUMBNAIL] = picture
    if any(said.get(name) is not None for name in ("min_timestep", "max_timestep")):
        found["modelspec.timestep_range"] = f"{config.min_timestep},{config.max_timestep}"
    if said.get("clip_skip") is not None:
        found["modelspec.encoder_layer"] = config.clip_skip
    return found


def _as_url(file: Path) -> str:
    """The picture itself, as a `data:` URL; empty where there is none."""
    if not file.is_file():
        return ""
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"


def _network_args(config: RunConfig) -> str:
    """As sd-scripts writes them: with network_dropout among them, but where the network is made of a file."""
    said: dict[str, Any] = dict(config.network_args)
    if not config.dim_from_weights:
        said.setdefault("dropout", config.arguments.get("network_dropout"))
    return json.dumps(said)


def _optimizer(config: RunConfig) -> str:
    """`torch.optim.adamw.AdamW(weight_decay=0.01,betas=(0.9, 0.99))`, as sd-scripts writes it."""
    row = find(config.optimizer)
    assert row is not None  # `support` has seen to it
    kind = row.load()
    options = {**config.optimizer_args, **row.forced}
    said = f"({','.join(f'{name}={value}' for name, value in options.items())})" if options else ""
    return f"{kind.__module__}.{kind.__name__}{said}"
