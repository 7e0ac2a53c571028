"""A context that several threads may be in at once: the first enters it, the last leaves it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedContext(Generic[T]):
    def __init__(self, make: Callable[[], AbstractContextManager[T]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._holders = 0
        self._entered: tuple[AbstractContextManager[T], T] | None = None

    @property
    def holders(self) -> int:
        return self._holders

    @contextmanager
    def held(self) -> Iterator[T]:
        """What the first one's entering gave. Raises what entering raises; then nobody is in it."""
        with self._lock:
            if self._entered is None:
                context = self._make()
                self._entered = (context, context.__enter__())
            self._holders += 1
            value = self._entered[1]
        try:
            yield value
        finally:
            with self._lock:
                self._holders -= 1
                if self._holders == 0 and self._entered is not None:
                    (left, _), self._entered = self._entered, None
                    left.__exit__(None, None, None)
