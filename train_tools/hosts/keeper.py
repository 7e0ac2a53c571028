"""A training's side of the GPU that it shares with a host: asks for its memory again and again, hears its wishes.

The host may be started, restarted or have its page reloaded in the middle of a training: whichever answers for the root
is told of the training, and asked to move its model out of the way as soon as it can.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from train_tools.hosts.bridge_client import BridgeClient, Hold, find, seen_of
from train_tools.hosts.interface import HostError
from train_tools.hosts.trainings import PAUSED, TRAINING

MEMORY_S = 300.0  # until the host has finished what it is making; then the training starts beside it
TELL_S = 1.0
FIND_S = 2.0
SOON_S = 0.05  # while a training waits for the memory
AWAY_S = 30.0  # a paused training goes on where no host has answered for so long
GIVE_BACK_S = 10.0
RESTING = ""

Report = Callable[[], Mapping[str, Any]]


class Keeper:
    """Of one process, for use more than once. `warn` is told in a sentence what keeps the memory from being free; that
    stops no training.
    """

    def __init__(self, root: Path, warn: Callable[[str], None]) -> None:
        self._root = root
        self._warn = warn
        self._id = secrets.token_hex(8)
        self._turn = threading.Lock()  # of the four below
        self._state = RESTING
        self._report: Report = dict
        self._wishes_pause = False
        self._heard = 0.0
        self._client: BridgeClient | None = None
        self._memory: Memory | None = None
        self._looked = float("-inf")
        self._settled = threading.Event()  # the training may start, or the memory is given back
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def wishes_pause(self) -> bool:
        """Whether the host wants the GPU for pictures now."""
        return self._wishes_pause

    @contextmanager
    def training(self, report: Report) -> Iterator[None]:
        """Entering waits for the host's memory, for a while. `report` gives what `trainings.Told` has of the runs.

        Where the host wishes a pause, leaving is the pause.
        """
        self._become(TRAINING, report)
        self._settled.wait(MEMORY_S)
        try:
            yield
        finally:
            self._become(PAUSED if self._wishes_pause else RESTING, report)
            self._settled.wait(GIVE_BACK_S)

    def stand_by(self) -> None:
        """A pause that an earlier process began."""
        if self._state != PAUSED:
            self._become(PAUSED, dict)

    def rest(self) -> None:
        if self._state != RESTING:
            self._become(RESTING, dict)

    def close(self) -> None:
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(GIVE_BACK_S)
            self._thread = None

    def _become(self, state: str, report: Report) -> None:
        with self._turn:
            self._state, self._report, self._heard = state, report, time.monotonic()
            self._wishes_pause = state == PAUSED
            self._settled.clear()
        if self._thread is None:
            self._stop = threading.Event()  # an earlier thread that hangs keeps its own
            run = partial(self._run, self._stop)
            self._thread = threading.Thread(target=run, name="train-tools-keeper", daemon=True)
            self._thread.start()
        self._wake.set()

    def _run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            try:
                self._look()
            except HostError:
                # One that is only slow still holds the connection.
                if self._memory is None or not self._memory.is_lasting():
                    self._lose_host()
            is_waiting = self._state == TRAINING and not self._settled.is_set()
            self._wake.wait(SOON_S if is_waiting else TELL_S)
        if self._client is not None:
            with contextlib.suppress(HostError):
                self._client.tell_end(self._id)
        self._lose_host()

    def _look(self) -> None:
        with self._turn:
            state, report = self._state, self._report
        if state == RESTING:
            self._give_back(state)
            return
        client = self._found()
        if client is None:
            self._settle(state)
            self._be_alone(state)
            return
        is_held = self._memory is not None and self._memory.is_held
        pause = client.tell({"id": self._id, "state": state, "is_held": is_held, **report()})
        with self._turn:
            if self._state == state:  # else it was asked before the change
                self._wishes_pause, self._heard = pause, time.monotonic()
        if state == PAUSED:
            self._give_back(state)
            return
        self._memory = self._memory or Memory(client, self._warn)
        if self._memory.is_settled():
            self._settle(state)

    def _found(self) -> BridgeClient | None:
        now = time.monotonic()
        if self._client is None and now - self._looked >= FIND_S:
            self._looked = now
            self._client = find(self._root)
        return self._client

    def _be_alone(self, state: str) -> None:
        with self._turn:
            if self._state == state and (state == TRAINING or time.monotonic() - self._heard > AWAY_S):
                self._wishes_pause = False

    def _give_back(self, state: str) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None
        self._settle(state)

    def _settle(self, state: str) -> None:
        with self._turn:
            if self._state == state:
                self._settled.set()

    def _lose_host(self) -> None:
        self._client = None
        if self._memory is not None:
            self._memory.close()
            self._memory = None


class Memory:
    """The host's, from when it is asked for."""

    def __init__(self, client: BridgeClient, warn: Callable[[str], None]) -> None:
        self._client = client
        self._warn = warn
        self._hold: Hold | None = client.memory_hold()
        self._since = time.monotonic()
        self._is_late = False
        self.is_held = False

    def is_settled(self) -> bool:
        """Whether a training needs to wait no longer. Raises HostError where the host is gone."""
        if self._hold is None:
            return True  # it can't, and has said so
        if not self._hold.is_answered():
            if not self.is_held and not self._is_late and time.monotonic() - self._since >= MEMORY_S:
                self._is_late = True
                self._warn(
                    f"the webui keeps its model while this trains: {self._client.name} is busy for long"
                )
            return self.is_held or self._is_late
        if self.is_held:
            raise self._client.ended()
        try:
            seen = seen_of(self._hold.wait())
        except HostError as error:
            self.close()
            self._client.hello()  # raises where it is the host that ended
            self._warn(f"the webui keeps its model while this trains: {error}")
            return True
        self.is_held = True
        if seen.trouble:
            self._warn(f"the webui's model is in the way of this training: {seen.trouble}")
        return True

    def is_lasting(self) -> bool:
        return self.is_held and self._hold is not None and not self._hold.is_answered()

    def close(self) -> None:
        self.is_held = False
        if self._hold is not None:
            self._hold.close()
            self._hold = None
