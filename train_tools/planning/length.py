"""How long a run trains: in epochs, which max_train_steps is turned into where it is a whole number of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from train_tools.arguments.table import ARGUMENTS
from train_tools.planning.findings import Finding, Findings

EPOCHS, STEPS = "max_train_epochs", "max_train_steps"
SD_SCRIPTS = "sd-scripts"
FAR = 1.1  # times the steps that were asked for: then it isn't what was meant


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`; who sets the steps alone doesn't mean the epochs below, nor the other way round."""
    together = {**below, **above}
    if STEPS in above and EPOCHS not in above:
        together[EPOCHS] = None
    elif EPOCHS in above and STEPS not in above:
        together.pop(STEPS, None)
    return together


def in_epochs(
    values: dict[str, Any], count: Callable[[], tuple[int, bool]], findings: Findings
) -> dict[str, Any]:
    """With max_train_epochs, or without it where the run ends within an epoch.

    `count` says how many steps one takes, and whether its engine can end within one.
    """
    default = ARGUMENTS[STEPS].sd_default
    steps, epochs = values[STEPS], values[EPOCHS]
    if epochs is not None:
        if steps != default:
            sentence = f"{STEPS} {steps} does nothing beside {EPOCHS} {epochs}, which counts"
            fix = f"set {EPOCHS} none to train so many steps, or leave {STEPS} out"
            findings.add(Finding("steps-ignored", "warning", sentence, fix, SD_SCRIPTS))
        return {**values, STEPS: default}
    steps_per_epoch, may_end_within = count()
    if may_end_within and steps % steps_per_epoch:
        return values
    epochs = max(1, -(-steps // steps_per_epoch))
    trained = epochs * steps_per_epoch
    if trained != steps:
        sentence = (
            f"{STEPS} {steps} ends within an epoch of {steps_per_epoch} steps: "
            f"{epochs} whole ones are trained, {trained} steps"
        )
        findings.add(
            Finding(
                "steps-in-epochs",
                "warning" if trained > FAR * steps else "advice",
                sentence,
                f"set {STEPS} to a multiple of {steps_per_epoch}, or fewer repeats",
                "",
            )
        )
    return {**values, EPOCHS: epochs, STEPS: default}


def length_of(values: Mapping[str, Any], steps_per_epoch: int) -> tuple[int, int]:
    """Steps and epochs, of which the last may not be whole."""
    if values[EPOCHS] is not None:
        return values[EPOCHS] * steps_per_epoch, values[EPOCHS]
    return values[STEPS], -(-values[STEPS] // steps_per_epoch)
