"""What a plan says that is odd, mended at a click: the settings that do it. Adding a fix is adding a function.

Where only some of the runs are concerned, by their optimizer, the fix is an override for these.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.current import current
from train_tools.engines.registry import ENGINES
from train_tools.families.registry import FAMILIES
from train_tools.planning.checks import FEWEST_STEPS
from train_tools.planning.setting_text import one_text

ENOUGH_IMAGES_SEEN = 1000
LION_RATE = 1e-4
# Another one of these is another training.
WHAT_IS_TRAINED = frozenset(
    {"network_module", "network_args", "optimizer_type", "optimizer_args", "lr_scheduler"}
)
ADAPTIVE = ("dadapt", "prodigy")


@dataclass(frozen=True)
class Runs:
    """The complete arguments of a plan's runs, and `steps` of each."""

    arguments: Sequence[Mapping[str, Any]]
    steps: Sequence[int]

    def values(self, name: str) -> list[Any]:
        """The different ones, in their order."""
        return list(dict.fromkeys(_plain(one.get(name)) for one in self.arguments))

    def only(self, name: str) -> Any:
        """The value that all runs have; None where they differ."""
        values = self.values(name)
        return values[0] if len(values) == 1 else None


Fix = Callable[[Runs], dict[str, str]]
FIXES: dict[str, Fix] = {}


def fixes(identity: str) -> Callable[[Fix], Fix]:
    def keep(fix: Fix) -> Fix:
        FIXES[identity] = fix
        return fix

    return keep


def fix_for(identity: str, runs: Runs, overrides: str = "") -> dict[str, str]:
    """Settings as texts, "" for a default; {} where the finding has no fix that is surely meant.

    `overrides` are those that are set already; a fix adds to them.
    """
    found = FIXES[identity](runs) if identity in FIXES else {}
    if "overrides" in found and overrides.strip():
        found["overrides"] = f"{overrides.strip().rstrip(';')}; {found['overrides']}"
    return found


def _plain(value: Any) -> Any:
    return " ".join(value) if isinstance(value, (list, tuple)) else value


def _for_optimizers(runs: Runs, starts: tuple[str, ...], changes: Mapping[str, str]) -> dict[str, str]:
    """The changes for the optimizers whose names start so: all runs, or an override for each such optimizer."""
    optimizers = [str(name) for name in runs.values("optimizer_type")]
    concerned = [name for name in optimizers if name.lower().startswith(starts)]
    if len(concerned) == len(optimizers):
        return dict(changes)
    words = " ".join(f'{n}="{value}"' if " " in value else f"{n}={value}" for n, value in changes.items())
    return {"overrides": "; ".join(f"optimizer_type={name} -> {words}" for name in concerned)}


def _with_words(runs: Runs, name: str, words: Mapping[str, str]) -> str:
    """A list argument with these words in it; others that all runs have are kept."""
    kept = [word for word in str(runs.only(name) or "").split() if word.partition("=")[0] not in words]
    return " ".join([*(f"{key}={value}" for key, value in words.items()), *kept])


@fixes("alpha-above-dim")
def half_the_rank(runs: Runs) -> dict[str, str]:
    return {"network_alpha": f"{min(runs.values('network_dim')) / 2:g}"}


@fixes("large-rank")
def smaller_rank(runs: Runs) -> dict[str, str]:
    return {"network_dim": "64", "network_alpha": "32"} if runs.only("network_dim") else {}


@fixes("adaptive-learning-rate")
def learning_rate_of_one(runs: Runs) -> dict[str, str]:
    rates = {"learning_rate": "1"}
    parts = ("unet_lr", "text_encoder_lr")
    rates |= {name: "none" for name in parts if runs.values(name) != [None]}
    return _for_optimizers(runs, ADAPTIVE, rates)


@fixes("adaptive-arguments")
def decoupled(runs: Runs) -> dict[str, str]:
    words = _with_words(runs, "optimizer_args", {"decouple": "True", "weight_decay": "0.01"})
    return _for_optimizers(runs, ADAPTIVE, {"optimizer_args": words})


@fixes("fixed-learning-rate")
def usual_learning_rate(runs: Runs) -> dict[str, str]:
    fixed = tuple(o.lower() for o in runs.values("optimizer_type") if not o.lower().startswith(ADAPTIVE))
    rates = {"learning_rate": "1e-4"}
    rates |= {name: "none" for name in ("unet_lr", "text_encoder_lr") if runs.values(name) != [None]}
    return _for_optimizers(runs, fixed, rates)


@fixes("lion-learning-rate")
def rate_for_lion(runs: Runs) -> dict[str, str]:
    return _for_optimizers(runs, ("lion", "pagedlion"), {"learning_rate": f"{LION_RATE:g}"})


@fixes("prodigy-warmup")
def no_warmup(runs: Runs) -> dict[str, str]:
    return _for_optimizers(runs, ("prodigy",), {"lr_warmup_steps": "0"})


@fixes("prodigy-full-fp16")
def no_full_fp16(runs: Runs) -> dict[str, str]:
    return _for_optimizers(runs, ADAPTIVE, {"full_fp16": "false"})


@fixes("adafactor-rates")
def heed_the_rate(runs: Runs) -> dict[str, str]:
    words = _with_words(runs, "optimizer_args", {"relative_step": "False"})
    return _for_optimizers(runs, ("adafactor",), {"optimizer_args": words})


@fixes("warmup-too-long")
def tenth_of_the_steps(_runs: Runs) -> dict[str, str]:
    return {"lr_warmup_steps": "0.1"}


@fixes("sdxl-fp16-vae")
def full_precision_vae(_runs: Runs) -> dict[str, str]:
    return {"no_half_vae": "true"}


@fixes("family-flag")
def as_the_family(_runs: Runs) -> dict[str, str]:
    """An empty field is what the base model's family needs."""
    return {name: "" for family in FAMILIES for name in family.training.fixed}


@fixes("velocity-flag")
@fixes("noise-flag")
def as_the_file_predicts(_runs: Runs) -> dict[str, str]:
    """An empty field is what the base model's file says."""
    return {"v_parameterization": ""}


@fixes("zero-snr-flag")
def as_the_file_says(_runs: Runs) -> dict[str, str]:
    return {"zero_terminal_snr": ""}


@fixes("steps-ignored")
def count_steps(_runs: Runs) -> dict[str, str]:
    return {"max_train_epochs": "none"}


@fixes("rates-differ")
def one_rate(runs: Runs) -> dict[str, str]:
    """Only where the parts' own rates are all that differs."""
    words = [str(word) for word in (runs.only("network_args") or "").split()]
    if any("_lr_" in word for word in words):
        return {}
    return _for_optimizers(
        runs, ADAPTIVE, {"learning_rate": "1", "unet_lr": "none", "text_encoder_lr": "none"}
    )


@fixes("nothing-learns")
def some_rate(_runs: Runs) -> dict[str, str]:
    return {"learning_rate": "1e-4", "unet_lr": "", "text_encoder_lr": ""}


@fixes("alpha-zero")
def half_of_the_rank(runs: Runs) -> dict[str, str]:
    return half_the_rank(runs)


@fixes("words-of-lycoris")
def take_lycoris(_runs: Runs) -> dict[str, str]:
    return {"network_module": "lycoris.kohya"}


@fixes("clip-skip-ignored")
def no_clip_skip(_runs: Runs) -> dict[str, str]:
    return {"clip_skip": ""}


@fixes("few-steps")
def more_epochs(runs: Runs) -> dict[str, str]:
    """So many that the run with the fewest images sees enough."""
    epochs = runs.only("max_train_epochs")
    seen = [s * int(a.get("train_batch_size", 1)) for s, a in zip(runs.steps, runs.arguments, strict=True)]
    if not epochs or not min(seen) or min(seen) >= FEWEST_STEPS:
        return {}
    return {"max_train_epochs": str(math.ceil(epochs * ENOUGH_IMAGES_SEEN / min(seen)))}


@fixes("large-noise-offset")
def small_noise_offset(_runs: Runs) -> dict[str, str]:
    return {"noise_offset": "0.05"}


@fixes("min-snr-low")
def usual_min_snr(_runs: Runs) -> dict[str, str]:
    return {"min_snr_gamma": "5"}


@fixes("not-packed")
def what_can_be_packed(runs: Runs) -> dict[str, str]:
    """sd-scripts' default for each value that the packed engine doesn't know, where nothing else keeps runs apart."""
    packed, rows = ENGINES["packed"], current().arguments
    changes: dict[str, str] = {}
    for arguments in runs.arguments:
        reasons = packed.unsupported(arguments)
        names = ({reason.split()[0] for reason in reasons} & rows.keys()) - WHAT_IS_TRAINED
        if packed.unsupported({name: value for name, value in arguments.items() if name not in names}):
            return {}
        for name in names:
            default = rows[name].sd_default
            changes[name] = one_text(rows[name], default) if default is not None else "none"
    return changes
