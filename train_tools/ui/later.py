"""Answers that may take longer than a handler may: worked out in a thread and kept while nothing changes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillWorking
from typing import Any

WAIT_S = 0.6  # that a handler waits before it says that the answer isn't there yet
KEPT = 48  # answers
TRIES, TRY_S = 40, 0.1


class Later:
    """One for a server. A stamp is equal as long as the answer is."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="later")
        self._guard = threading.Lock()
        self._answers: OrderedDict[Hashable, tuple[str, Future[Any]]] = OrderedDict()

    def answer(self, key: Hashable, stamp: str, work: Callable[[], Any], wait: float = WAIT_S) -> Any:
        """`{"stamp", "value"}`, or `{"waiting": true}` until it is there; the page asks again then.

        An answer that is being worked out is given even where the stamp is another one by now: things that change
        without a pause would never be shown otherwise. Raises what `work` raises.
        """
        known, future = self._begun(key, stamp, work)
        try:
            return {"stamp": known, "value": future.result(wait)}
        except StillWorking:
            if future.done():  # its own error
                raise
            return {"waiting": True}
        finally:
            if future.done() and future.exception() is not None:
                self._forget(key, future)

    def _begun(self, key: Hashable, stamp: str, work: Callable[[], Any]) -> tuple[str, Future[Any]]:
        with self._guard:
            found = self._answers.get(key)
            if found is None or (found[0] != stamp and found[1].done()):
                found = (stamp, self._threads.submit(_steady, work))
                self._answers[key] = found
            self._answers.move_to_end(key)
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
            return found

    def _forget(self, key: Hashable, future: Future[Any]) -> None:
        with self._guard:
            if key in self._answers and self._answers[key][1] is future:
                del self._answers[key]


def _steady(work: Callable[[], Any]) -> Any:
    """Once more where a file vanished while it was being looked at: somebody deletes or moves some."""
    for _ in range(TRIES - 1):
        try:
            return work()
        except FileNotFoundError:
            time.sleep(TRY_S)
    return work()
