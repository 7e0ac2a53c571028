"""Ends an engine's process when the one that supervises it is gone, however that ended.

The supervisor holds the other end of the engine's standard input; when it ends, even by kill -9, the system closes
that end. Linux is also asked to end us with it, which works where Python's threads hang.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable

SUPERVISED = "TRAIN_TOOLS_SUPERVISED"  # set for a process whose standard input is such a lifeline
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_supervisor(hand_on: Callable[[bytes], object] = len) -> None:
    """Does nothing where a person started the process by hand. `hand_on` is given what the supervisor writes."""
    if os.environ.pop(SUPERVISED, "") != "1":
        return
    threading.Thread(target=_wait_for_its_end, args=(hand_on,), daemon=True).start()
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for_its_end(hand_on: Callable[[bytes], object]) -> None:
    # Not sys.stdin: its lock would be held at the interpreter's end.
    while data := os.read(0, 65_536):
        hand_on(data)
    os._exit(1)
