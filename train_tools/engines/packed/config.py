"""A run's TOML (sd-scripts' argument names) as the packed engine's typed settings."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train_tools.dataset.buckets import BucketRule
from train_tools.errors import UsageError
from train_tools.workspace import toml

from .support import unsupported


@dataclass(frozen=True)
class RunConfig:
    """One run. Learning rates are per step, sizes in pixels; 0 means off where sd-scripts has None."""

    folder: Path
    output_name: str
    base_model: Path
    train_data_dir: Path
    epochs: int
    batch_size: int = 1
    reg_data_dir: Path | None = None
    resolution: tuple[int, int] = (512, 512)  # width, height
    enable_bucket: bool = False
    min_bucket_reso: int = 256
    max_bucket_reso: int = 1024
    bucket_reso_steps: int = 64
    bucket_no_upscale: bool = False
    flip_aug: bool = False
    caption_extension: str = ".caption"
    shuffle_caption: bool = False
    keep_tokens: int = 0
    save_every_n_epochs: int = 0
    save_precision: str = "float"
    mixed_precision: str = "no"
    clip_skip: int = 1
    train_unet: bool = True
    train_text_encoder: bool = True
    unet_lr: float = 1e-4
    text_encoder_lr: float = 1e-4
    optimizer: str = "AdamW"
    optimizer_args: Mapping[str, Any] = field(default_factory=dict)
    lr_scheduler: str = "constant"
    lr_warmup_steps: float = 0  # steps; below 1 a share of all steps
    network_dim: int = 4
    network_alpha: float = 1
    seed: int = 0
    min_snr_gamma: float = 0
    prior_loss_weight: float = 1.0  # of regularisation images
    vae: Path | None = None  # instead of the base model's own
    max_grad_norm: float = 1.0
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)  # as they stand in run.toml

    @functools.cached_property
    def bucket_rule(self) -> BucketRule:
        return BucketRule(
            self.resolution, self.enable_bucket, self.min_bucket_reso, self.max_bucket_reso,
            self.bucket_reso_steps, self.bucket_no_upscale,
        )  # fmt: skip


def read(folder: Path) -> RunConfig:
    """The settings in `folder`/run.toml; defaults are sd-scripts'.

    Raises UsageError where the file is missing or asks for something this engine doesn't know.
    """
    file = folder / "run.toml"
    if not file.is_file():
        raise UsageError(f"{folder} holds no run.toml; plan the run first")
    return from_arguments(folder, toml.load(file))


def from_arguments(folder: Path, arguments: Mapping[str, Any]) -> RunConfig:
    if reasons := unsupported(arguments):
        raise UsageError(f"{folder.name}: {'; '.join(reasons)}")
    get = arguments.get
    rate = _first_number(get("learning_rate"), 1e-4)
    text_rates = get("text_encoder_lr")
    if isinstance(text_rates, list):
        text_rates = text_rates[0] if text_rates else None
    unet_only = bool(get("network_train_unet_only"))
    text_only = bool(get("network_train_text_encoder_only"))
    if unet_only and text_only:
        raise UsageError(
            f"{folder.name}: network_train_unet_only and network_train_text_encoder_only leave nothing to train"
        )
    seed = get("seed")
    rank = int(get("network_dim") or 4)
    return RunConfig(
        folder=folder,
        output_name=str(get("output_name") or folder.name),
        base_model=Path(str(get("pretrained_model_name_or_path"))),
        train_data_dir=Path(str(get("train_data_dir"))),
        reg_data_dir=Path(str(get("reg_data_dir"))) if get("reg_data_dir") else None,
        epochs=int(arguments["max_train_epochs"]),
        batch_size=int(get("train_batch_size") or 1),
        resolution=_resolution(get("resolution")),
        enable_bucket=bool(get("enable_bucket")),
        min_bucket_reso=int(get("min_bucket_reso") or 256),
        max_bucket_reso=int(get("max_bucket_reso") or 1024),
        bucket_reso_steps=int(get("bucket_reso_steps") or 64),
        bucket_no_upscale=bool(get("bucket_no_upscale")),
        flip_aug=bool(get("flip_aug")),
        caption_extension=str(get("caption_extension") or ".caption"),
        shuffle_caption=bool(get("shuffle_caption")),
        keep_tokens=int(get("keep_tokens") or 0),
        save_every_n_epochs=int(get("save_every_n_epochs") or 0),
        save_precision=str(get("save_precision") or "float"),
        mixed_precision=str(get("mixed_precision") or "no"),
        clip_skip=int(get("clip_skip") or 1),
        train_unet=not text_only,
        train_text_encoder=not unet_only,
        unet_lr=_first_number(get("unet_lr"), rate),
        text_encoder_lr=_first_number(text_rates, rate),
        optimizer=str(get("optimizer_type") or "AdamW"),
        optimizer_args=_optimizer_args(get("optimizer_args") or []),
        lr_scheduler=str(get("lr_scheduler") or "constant"),
        lr_warmup_steps=float(get("lr_warmup_steps") or 0),
        network_dim=rank,
        network_alpha=_first_number(get("network_alpha"), 1)
        or rank,  # 0 is the rank, as in sd-scripts' LoRAModule
        # sd-scripts draws a seed where none is given; a run must be repeatable, so 0 it is.
        seed=int(seed) if seed is not None else 0,
        min_snr_gamma=float(get("min_snr_gamma") or 0),
        prior_loss_weight=_first_number(get("prior_loss_weight"), 1.0),
        max_grad_norm=_first_number(get("max_grad_norm"), 1.0),
        vae=Path(str(get("vae"))) if get("vae") else None,
        arguments=dict(arguments),
    )


def _first_number(value: Any, otherwise: float) -> float:
    # Zero is a value: it freezes a part or switches clipping off.
    return otherwise if value is None else float(value)


def _resolution(value: Any) -> tuple[int, int]:
    sizes = [int(part) for part in str(value or 512).split(",")]
    return (sizes[0], sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _optimizer_args(items: list[str]) -> dict[str, Any]:
    """`["betas=0.9,0.99", "weight_decay=0.1"]` as keyword arguments, read as Python literals."""
    found = {}
    for item in items:
        name, _, text = item.partition("=")
        try:
            found[name.strip()] = ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise UsageError(
                f"optimizer_args {item!r} is no name=value with a number, pair or True/False"
            ) from error
    return found
