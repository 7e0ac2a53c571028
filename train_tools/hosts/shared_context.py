"""A context that several threads may be in at once: the first enters it, the last leaves it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager


class SharedContext:
    def __init__(self, make: Callable[[], AbstractContextManager[None]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._holders = 0
        self._entered: AbstractContextManager[None] | None = None

    @property
    def holders(self) -> int:
        return self._holders

    @contextmanager
    def held(self) -> Iterator[None]:
        """Raises what entering raises; then nobody is in it."""
        with self._lock:
            if self._entered is None:
                entered = self._make()
                entered.__enter__()
                self._entered = entered
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if self._holders == 0 and self._entered is not None:
                    left, self._entered = self._entered, None
                    left.__exit__(None, None, None)
