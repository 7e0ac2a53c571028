"""Why a training ended that isn't finished: what is worth another try, and what isn't."""

from __future__ import annotations

from train_tools.errors import OUT_OF_MEMORY
from train_tools.execution.attempt import Attempt

MEMORY, DEVICE, DISK, DIED, WRONG = "memory", "device", "disk", "died", "wrong"
WORDS = {
    MEMORY: OUT_OF_MEMORY,
    DEVICE: ("device lost", "gpu is lost", "fallen off the bus", "unspecified launch failure",
             "busy or unavailable", "an illegal memory access"),
    DISK: ("no space left on device", "disk quota", "not enough space on the disk", "disk is full"),
}  # fmt: skip
REFUSED, ASKED = 2, 3  # exit codes of engines


def cause(attempt: Attempt, error: str, exit_code: int) -> str:
    """One of the five above; `wrong` is what would end the same way again."""
    text = error.lower()
    for name, words in WORDS.items():
        if any(word in text for word in words):
            return name
    # An engine that ends by itself says why. One that fell silent in the middle was killed, or fell.
    fell = attempt.error is None and not attempt.says_finished and exit_code not in (0, REFUSED, ASKED)
    return DIED if fell and (exit_code != 1 or attempt.says_anything) else WRONG
