"""A run's TOML (sd-scripts' argument names) as the packed engine's typed settings: one row for each argument.

What the engine knows of sd-scripts' arguments stands here alone: planning asks `support`, which reads these rows, as
does `from_arguments`. Imports no torch: planning asks often.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from train_tools.arguments.sizes import sizes_of
from train_tools.arguments.values import times_of_a_face
from train_tools.dataset.buckets import BucketRule, Size
from train_tools.engines.packed.network.words import MODULES, PLAIN, Network, words_of
from train_tools.engines.packed.network.words import read as read_network
from train_tools.errors import UsageError
from train_tools.workspace import toml

Scope = Literal["each run", "the pack"]
RUN: Scope = "each run"  # its own value
PACK: Scope = (
    "the pack"  # one value for all runs of a pack, as they share the batch that runs through the base
)

GIVEN_MASKS, ALPHA_MASKS = "given", "alpha"  # pictures beside the images, and the images' transparency


LAST_STATE = "state.safetensors"  # in the folder that `save_state_on_train_end` leaves


@dataclass(frozen=True)
class Row:
    """One argument: `read` makes the setting of a value that is given. `only`: the values that mean what is done."""

    argument: str
    scope: Scope
    read: Callable[[Any], Any]
    only: tuple[Any, ...] = ()


def row(
    default: Any,
    read: Callable[[Any], Any],
    argument: str = "",
    *,
    scope: Scope = RUN,
    only: tuple[Any, ...] = (),
) -> Any:
    """A setting; `default` is sd-scripts', `argument` its name there where it is another than the field's."""
    return field(default=default, metadata={"row": Row(argument, scope, read, only)})


def shared(
    default: Any, read: Callable[[Any], Any], argument: str = "", *, only: tuple[Any, ...] = ()
) -> Any:
    """One that all runs of a pack share."""
    return row(default, read, argument, scope=PACK, only=only)


def _optional_path(value: Any) -> Path | None:
    return Path(str(value)) if value else None


def _paths(value: Any) -> tuple[Path, ...]:
    return tuple(Path(str(one)) for one in (value if isinstance(value, list) else [value]) if one)


def _range(value: Any) -> tuple[float, float] | None:
    """`2.0,4.0`."""
    return times_of_a_face(str(value)) if value else None


def _rates(value: Any) -> tuple[float, ...]:
    return tuple(float(one) for one in (value if isinstance(value, list) else [value]))


def _words(value: Any, argument: str) -> dict[str, Any]:
    """`["betas=0.9,0.99", "weight_decay=0.1"]` as keyword arguments, read as Python literals."""
    found = {}
    for item in value:
        name, _, text = str(item).partition("=")
        try:
            found[name.strip()] = ast.literal_eval(text)
        except (ValueError, SyntaxError) as error:
            raise UsageError(
                f"{argument} {item!r} is no name=value with a number, pair or True/False"
            ) from error
    return found


def words(argument: str) -> Any:
    """Keyword arguments of what each run has its own of."""
    known = Row("", RUN, functools.partial(_words, argument=argument))
    return field(default_factory=dict, metadata={"row": known})


def _steps(value: Any) -> float:
    """Steps, or below 1 a share of all steps."""
    return float(value)


@dataclass(frozen=True)
class RunConfig:
    """One run. Learning rates are per step, sizes in pixels; 0 means off where sd-scripts has None."""

    folder: Path
    output_name: str = row("", str)
    # What it is made from
    base_model: Path = shared(Path(), Path, "pretrained_model_name_or_path")
    vae: Path | None = shared(None, _optional_path)  # instead of the base model's own
    family: str = shared("", str)
    train_data_dir: Path = shared(Path(), Path)
    reg_data_dir: Path | None = shared(None, _optional_path)
    caption_extension: str = shared(".caption", lambda value: str(value or ".caption"))
    sizes: tuple[Size, ...] = shared(((512, 512),), sizes_of, "resolution")  # each image is trained at all
    enable_bucket: bool = shared(False, bool)
    min_bucket_reso: int = shared(256, int)
    max_bucket_reso: int = shared(1024, int)
    bucket_reso_steps: int = shared(64, int)
    bucket_no_upscale: bool = shared(False, bool)
    resize_interpolation: str = shared("", lambda value: str(value or ""))  # empty: what suits
    flip_aug: bool = shared(False, bool)
    color_aug: bool = row(False, bool)
    random_crop: bool = row(False, bool)
    face_crop_aug_range: tuple[float, float] | None = row(None, _range)  # times the face's size
    # Masks
    alpha_mask: bool = row(False, bool)
    masked_loss: bool = row(False, bool)
    conditioning_data_dir: Path | None = shared(None, _optional_path)
    # What is held back to validate
    validation_split: float = shared(0.0, float)
    validation_seed: int | None = shared(None, int)
    validate_every_n_epochs: int = row(0, int)
    validate_every_n_steps: int = row(0, int)
    max_validation_steps: int = shared(0, int)
    # How long, and how much at once
    epochs: int = row(0, int, "max_train_epochs")  # 0: as many as max_train_steps need
    max_train_steps: int = row(1600, int)  # in all; counts where no epochs are given
    initial_epoch: int = row(1, int)  # the first one that is trained
    initial_step: int = row(0, int)  # that were done before it; 0: as many as its epochs before have
    resume: Path | None = row(None, _optional_path)  # a state that `save_state_on_train_end` kept
    batch_size: int = shared(1, int, "train_batch_size")
    gradient_accumulation_steps: int = shared(1, lambda value: int(value or 1))
    gradient_checkpointing: bool = shared(False, bool)
    mixed_precision: str = shared("no", lambda value: str(value or "no"), only=(None, "no", "bf16", "fp16"))
    torch_compile: bool = shared(False, bool)
    dynamo_backend: str = shared("inductor", lambda value: str(value or "inductor"))
    full_bf16: bool = shared(False, bool)
    full_fp16: bool = shared(False, bool)
    fp8_base: bool = shared(False, bool)
    fp8_base_unet: bool = shared(False, bool)
    no_half_vae: bool = shared(False, bool)
    cache_text_encoder_outputs: bool = shared(False, bool)  # decides only in which precision it is done
    seed: int = row(0, int)  # sd-scripts draws one where none is given; a run must be repeatable
    # Captions
    clip_skip: int = shared(1, int)
    max_token_length: int = shared(75, int, only=(None, 75, 150, 225))
    weighted_captions: bool = shared(False, bool)
    shuffle_caption: bool = row(False, bool)
    keep_tokens: int = row(0, int)
    keep_tokens_separator: str = row("", str)
    secondary_separator: str = row("", str)
    caption_separator: str = row(",", str)
    enable_wildcard: bool = row(False, bool)
    caption_prefix: str = row("", str)
    caption_suffix: str = row("", str)
    caption_dropout_rate: float = row(0.0, float)
    caption_dropout_every_n_epochs: int = row(0, int)
    caption_tag_dropout_rate: float = row(0.0, float)
    token_warmup_min: int = row(1, int)
    token_warmup_step: float = row(0.0, _steps)
    # Noise
    noise_offset: float = row(0.0, float)
    noise_offset_random_strength: bool = row(False, bool)
    adaptive_noise_scale: float | None = row(None, float)
    multires_noise_iterations: int = row(0, int)
    multires_noise_discount: float = row(0.3, float)
    ip_noise_gamma: float = row(0.0, float)
    ip_noise_gamma_random_strength: bool = row(False, bool)
    min_timestep: int = row(0, int)
    max_timestep: int = row(1000, int)
    zero_terminal_snr: bool = shared(False, bool)
    # Loss
    loss_type: str = row("l2", str, only=(None, "l1", "l2", "huber", "smooth_l1"))
    huber_schedule: str = row("snr", str)
    huber_c: float = row(0.1, float)
    huber_scale: float = row(1.0, float)
    min_snr_gamma: float = row(0.0, float)
    debiased_estimation_loss: bool = row(False, bool)
    v_parameterization: bool = row(False, bool)
    scale_v_pred_loss_like_noise_pred: bool = row(False, bool)
    v_pred_like_loss: float = row(0.0, float)
    prior_loss_weight: float = row(1.0, float)  # of regularisation images
    # Steps
    train_unet_only: bool = shared(False, bool, "network_train_unet_only")
    train_text_only: bool = shared(False, bool, "network_train_text_encoder_only")
    learning_rate: float = row(2e-6, float)
    unet_rate: float | None = row(None, float, "unet_lr")
    text_rates: tuple[float, ...] = row((), _rates, "text_encoder_lr")
    optimizer: str = row("AdamW", lambda value: str(value or "AdamW"), "optimizer_type")
    optimizer_args: Mapping[str, Any] = words("optimizer_args")
    max_grad_norm: float = row(1.0, float)
    lr_scheduler: str = row("constant", lambda value: str(value or "constant"))
    lr_scheduler_type: str = row("", str)
    lr_scheduler_args: Mapping[str, Any] = words("lr_scheduler_args")
    lr_warmup_steps: float = row(0.0, _steps)
    lr_decay_steps: float = row(0.0, _steps)
    lr_scheduler_num_cycles: int = row(1, int)
    lr_scheduler_power: float = row(1.0, float)
    lr_scheduler_timescale: int | None = row(None, int)
    lr_scheduler_min_lr_ratio: float | None = row(None, float)
    # The network
    network_module: str = row(PLAIN, lambda value: str(value or PLAIN), only=(None, *MODULES))
    network_dim: int = row(4, lambda value: int(value or 4))
    network_alpha: float = row(1.0, float)
    network_args: Mapping[str, str] = field(default_factory=dict, metadata={"row": Row("", RUN, words_of)})
    network_dropout: float = row(0.0, float)
    scale_weight_norms: float = row(0.0, float)
    network_weights: Path | None = row(None, _optional_path)
    dim_from_weights: bool = row(False, bool)
    base_weights: tuple[Path, ...] = shared((), _paths)
    base_weights_multiplier: tuple[float, ...] = shared((), _rates)
    # Files
    save_precision: str = row("float", lambda value: str(value or "float"))
    save_model_as: str = row("safetensors", str, only=(None, "safetensors"))
    save_every_n_epochs: int = row(0, int)
    save_every_n_steps: int = row(0, int)
    save_n_epoch_ratio: int = row(0, int)
    save_last_n_epochs: int = row(0, int)
    save_last_n_steps: int = row(0, int)
    save_state_on_train_end: bool = row(False, bool)
    save_state: bool = row(False, bool)  # at the end, too; until then the newest one is always kept
    training_comment: str = row("", str)
    # Pictures on the way
    sample_prompts: Path | None = row(None, _optional_path)
    sample_every_n_epochs: int = row(0, int)
    sample_every_n_steps: int = row(0, int)
    sample_at_first: bool = row(False, bool)
    sample_sampler: str = row("ddim", lambda value: str(value or "ddim"))
    # All, as they stand in run.toml
    arguments: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @functools.cached_property
    def bucket_rules(self) -> tuple[BucketRule, ...]:
        """One for each size."""
        return tuple(
            BucketRule(
                size, self.enable_bucket, self.min_bucket_reso, self.max_bucket_reso, self.bucket_reso_steps,
                self.bucket_no_upscale,
            )
            for size in self.sizes
        )  # fmt: skip

    @property
    def is_varied(self) -> bool:
        """Whether pictures look otherwise each time, so that their latents can't be kept."""
        return self.color_aug or self.random_crop or self.face_crop_aug_range is not None

    @property
    def masks(self) -> str:
        """Which masks its loss has; empty where it has none."""
        if self.masked_loss and self.conditioning_data_dir is not None:
            return GIVEN_MASKS
        return ALPHA_MASKS if self.alpha_mask else ""

    @property
    def train_unet(self) -> bool:
        return not self.train_text_only

    @property
    def train_text_encoder(self) -> bool:
        return not self.train_unet_only

    @property
    def unet_lr(self) -> float:
        return self.learning_rate if self.unet_rate is None else self.unet_rate

    def text_encoder_lr(self, encoder: int = 0) -> float:
        """Of the first text encoder, the second …; the last rate that is given goes on."""
        if not self.text_rates:
            return self.learning_rate
        return self.text_rates[min(encoder, len(self.text_rates) - 1)]

    @functools.cached_property
    def network(self) -> Network:
        return read_network(
            self.network_module, self.network_dim, self.network_alpha, self.network_dropout, self.network_args,
            self.dim_from_weights,
        )  # fmt: skip


# What must be computed in half precision, and in which.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "full_bf16": ("bf16",), "full_fp16": ("fp16",), "fp8_base": ("bf16", "fp16"), "fp8_base_unet": ("bf16", "fp16"),
}  # fmt: skip
ROWS: Mapping[str, tuple[str, Row]] = {
    (known.argument or one.name): (one.name, known)
    for one in dataclasses.fields(RunConfig)
    if (known := one.metadata.get("row")) is not None
}  # argument -> the field that holds it, and its row


def read(folder: Path) -> RunConfig:
    """The settings in `folder`/run.toml; defaults are sd-scripts'.

    Raises UsageError where the file is missing or asks for something this engine doesn't know.
    """
    file = folder / "run.toml"
    if not file.is_file():
        raise UsageError(f"{folder} holds no run.toml; plan the run first")
    return from_arguments(folder, toml.load(file))


def from_arguments(folder: Path, arguments: Mapping[str, Any]) -> RunConfig:
    from train_tools.engines.packed.support import unsupported  # which reads the rows above

    if reasons := unsupported(arguments):
        raise UsageError(f"{folder.name}: {'; '.join(reasons)}")
    given = {
        name: known.read(arguments[argument])
        for argument, (name, known) in ROWS.items()
        if arguments.get(argument) is not None
    }
    config = RunConfig(folder=folder, arguments=dict(arguments), **given)
    if config.train_unet_only and config.train_text_only:
        raise UsageError(
            f"{folder.name}: network_train_unet_only and network_train_text_encoder_only leave nothing to train"
        )
    for name, precisions in NEEDS.items():
        if getattr(config, name) and config.mixed_precision not in precisions:
            raise UsageError(
                f"{folder.name}: {name} needs mixed_precision {' or '.join(precisions)}; set that, or leave it out"
            )
    return config if config.output_name else dataclasses.replace(config, output_name=folder.name)
