"""What a checkpoint says of its training: sd-scripts' `ss_*` keys and the modelspec keys."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_tools import __version__

from .config import RunConfig
from .data import Bucket, Item, steps_per_epoch

# Keys that stand for an argument of the same name; sd-scripts writes "None" where none is given.
SAME_NAME = (
    "learning_rate", "text_encoder_lr", "unet_lr", "lr_scheduler", "lr_warmup_steps", "network_module",
    "network_dim", "network_alpha", "mixed_precision", "seed", "min_snr_gamma", "max_grad_norm", "clip_skip",
    "max_token_length", "cache_latents", "training_comment",
)  # fmt: skip
DATASET_SWITCHES = ("flip_aug", "enable_bucket", "shuffle_caption")
OPTIMIZER_CLASSES = {"adamw": "torch.optim.adamw.AdamW", "lion": "lion_pytorch.lion_pytorch.Lion"}


@dataclass(frozen=True)
class Shared:
    """What all checkpoints of all runs of a pack say alike."""

    items: list[Item]
    buckets: list[Bucket]
    model_name: str
    model_hash: str
    started_at: float
    vae_name: str = ""
    vae_hash: str = ""


def build(config: RunConfig, shared: Shared, epoch: int, step: int) -> dict[str, str]:
    """All metadata of the checkpoint after `epoch` epochs and `step` steps; every value is a string."""
    arguments = config.arguments
    train = [item for item in shared.items if not item.is_reg]
    reg = [item for item in shared.items if item.is_reg]
    batches = steps_per_epoch(shared.buckets, config.batch_size)
    resolution = f"{config.resolution[0]}x{config.resolution[1]}"
    values: dict[str, Any] = {f"ss_{name}": arguments.get(name) for name in SAME_NAME}
    values |= {f"ss_{name}": bool(arguments.get(name)) for name in DATASET_SWITCHES}
    values |= {
        "ss_output_name": config.output_name,
        "ss_session_id": str(int(shared.started_at * 1000) % 2**32),
        "ss_training_started_at": shared.started_at,
        "ss_training_finished_at": time.time(),
        "ss_sd_model_name": shared.model_name,
        "ss_new_sd_model_hash": shared.model_hash,
        "ss_base_model_version": "sd_v1",
        "ss_v2": False,
        "ss_keep_tokens": config.keep_tokens,
        # Without buckets sd-scripts has no limits.
        "ss_min_bucket_reso": config.min_bucket_reso if config.enable_bucket else None,
        "ss_max_bucket_reso": config.max_bucket_reso if config.enable_bucket else None,
        "ss_bucket_no_upscale": bool(config.enable_bucket and arguments.get("bucket_no_upscale")),
        "ss_optimizer": OPTIMIZER_CLASSES[config.optimizer.lower()] + _options(config.optimizer_args),
        "ss_loss_type": "l2",
        "ss_num_epochs": config.epochs,
        "ss_epoch": epoch,
        "ss_steps": step,
        "ss_max_train_steps": config.epochs * batches,
        "ss_num_train_images": sum(item.repeats for item in train),
        "ss_num_reg_images": sum(item.repeats for item in reg),
        "ss_prior_loss_weight": config.prior_loss_weight,
        "ss_num_batches_per_epoch": batches,
        "ss_batch_size_per_device": config.batch_size,
        "ss_total_batch_size": config.batch_size,
        "ss_gradient_accumulation_steps": 1,
        "ss_gradient_checkpointing": False,
        "ss_resolution": str(config.resolution),
        "ss_dataset_dirs": json.dumps(_folders(train), ensure_ascii=False),
        "ss_reg_dataset_dirs": json.dumps(_folders(reg), ensure_ascii=False),
        "ss_tag_frequency": json.dumps(_tags(train), ensure_ascii=False),
        "ss_bucket_info": json.dumps(_buckets(shared.buckets)) if config.enable_bucket else "null",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.implementation_version": f"train-tools/{__version__}",
        "modelspec.title": config.output_name,
        "modelspec.resolution": resolution,
        "modelspec.prediction_type": "epsilon",
        "modelspec.date": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    if shared.vae_name:
        values |= {"ss_vae_name": shared.vae_name, "ss_new_vae_hash": shared.vae_hash}
    return {name: str(value) for name, value in values.items()}


def _options(options: Mapping[str, Any]) -> str:
    """`(weight_decay=0.01,betas=(0.9, 0.99))`, as sd-scripts writes them behind the class."""
    return f"({','.join(f'{k}={v}' for k, v in options.items())})" if options else ""


def _folders(items: list[Item]) -> dict[str, dict[str, int]]:
    counts = Counter(item.folder for item in items)
    repeats = {item.folder: item.repeats for item in items}
    return {folder: {"n_repeats": repeats[folder], "img_count": count} for folder, count in counts.items()}


def _tags(items: list[Item]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for item in items:
        tags = (tag.strip().lower() for tag in item.caption.split(","))
        found.setdefault(item.folder, Counter()).update(tag for tag in tags if tag)
    return {folder: dict(counts) for folder, counts in found.items()}


def _buckets(buckets: list[Bucket]) -> dict[str, Any]:
    return {"buckets": {str(i): {"resolution": b.size, "count": len(b.order)} for i, b in enumerate(buckets)}}
