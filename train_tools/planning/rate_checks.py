"""Checks of learning rates: parts that aren't trained, and optimizers that take one rate for all."""

from __future__ import annotations

from collections.abc import Iterator

from train_tools.planning.facts import SD_SCRIPTS, Facts, check
from train_tools.planning.lora_size import network_arg

PRODIGYOPT = "prodigyopt and dadaptation, which end at the first step"
LORA_PLUS = ("loraplus_lr_ratio", "loraplus_unet_lr_ratio", "loraplus_text_encoder_lr_ratio")
BLOCKS = ("down_lr_weight", "mid_lr_weight", "up_lr_weight")
# Rates of Anima's parts.
PARTS = ("self_attn_lr", "cross_attn_lr", "mlp_lr", "mod_lr", "llm_adapter_lr")
# Those whose step size is one for all that is trained.
ONE_RATE = ("prodigy", "dadapt")


def rates_of(run: Facts) -> dict[str, float]:
    """The rate of each part that is trained, as sd-scripts reads them: 0 is a rate, none takes learning_rate."""
    usual = run["learning_rate"]
    found: dict[str, float] = {}
    if not run["network_train_text_encoder_only"]:
        found["unet_lr"] = _first(run["unet_lr"], usual)
    if not run["network_train_unet_only"]:
        given = run["text_encoder_lr"]
        several = given if isinstance(given, (list, tuple)) and given else [given]
        for number, rate in enumerate(several, start=1):
            found["text_encoder_lr" if len(several) == 1 else f"text_encoder_lr[{number}]"] = _first(
                rate, usual
            )
    return found


def _first(rate: float | None, usual: float | None) -> float:
    return float(rate if rate is not None else usual or 0)


def takes_one_rate(run: Facts) -> bool:
    return run.optimizer.rpartition(".")[2].startswith(ONE_RATE) and "schedulefree" not in run.optimizer


@check(
    "rates-differ",
    "give all parts the same rate, or 0 to those that aren't to be trained",
    PRODIGYOPT,
    "error",
)
def rates_differ(run: Facts) -> str | None:
    if not takes_one_rate(run):
        return None
    if why := next(_apart(run), ""):
        return f"{run['optimizer_type']} takes one learning rate for all, and {why}"
    return None


def _apart(run: Facts) -> Iterator[str]:
    rates = {name: rate for name, rate in rates_of(run).items() if rate}
    if len(set(rates.values())) > 1:
        yield f"{', '.join(f'{name} {rate:g}' for name, rate in rates.items())} differ"
    for name in LORA_PLUS:
        ratio = network_arg(run.values, name)
        if ratio and ratio not in ("1", "1.0"):
            yield f"{name}={ratio} gives a part of the network another"
    for name in BLOCKS:
        if text := network_arg(run.values, name):
            weights = {weight.strip() for weight in text.split(",")} - {"0", "0.0"}
            if weights - {"1", "1.0"}:
                yield f"{name} gives blocks others"
    for name in PARTS:
        if run[name] and run[name] != run["learning_rate"]:
            yield f"{name} gives a part {run[name]:g}"


@check("nothing-learns", "set learning_rate, as 1e-4", SD_SCRIPTS, "error")
def nothing_learns(run: Facts) -> str | None:
    rates = rates_of(run)
    return "every learning rate is 0: nothing would be trained" if rates and not any(rates.values()) else None


@check("part-without-rate", "set a rate for it, or network_train_unet_only to say so", SD_SCRIPTS, "advice")
def part_without_rate(run: Facts) -> str | None:
    rates = rates_of(run)
    still = [name for name, rate in rates.items() if not rate]
    if still and len(still) < len(rates):
        return f"the rate of {', '.join(still)} is 0, and what it belongs to isn't trained"
    return None


@check("alpha-zero", "set network_alpha to half the rank", SD_SCRIPTS, "advice")
def alpha_zero(run: Facts) -> str | None:
    if run["network_alpha"] == 0:
        return f"network_alpha 0 means the rank to sd-scripts: {run['network_dim']}"
    return None
