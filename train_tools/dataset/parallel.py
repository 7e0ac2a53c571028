"""Many images at once, in their order and in bounded memory.

Threads: Pillow and OpenCV let Python's lock go while they decode, scale and encode, so threads use all cores,
and unlike processes they share what is loaded and start at once, also inside a webui.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")

MOST_WORKERS = 8  # more than that wait for the disk
PIXELS = 100_000_000  # decoded at once, all workers together: 300 MB a copy as 8-bit RGB


def worker_count() -> int:
    """One for each core that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, usable))


def ordered(
    function: Callable[[Given], Result], items: Iterable[Given], workers: int | None = None
) -> contextlib.closing[Generator[tuple[Given, Result], None, None]]:
    """A context that gives (item, function(item)) in the order of `items`, computed in threads.

    At most two results a worker are finished or under way at a time. Leaving the context, by an error too,
    waits for what is under way and starts nothing more. An error of `function` is raised at its item.
    """
    return contextlib.closing(_ordered(function, items, workers or worker_count()))


def _ordered(
    function: Callable[[Given], Result], items: Iterable[Given], workers: int
) -> Generator[tuple[Given, Result], None, None]:
    waiting: deque[tuple[Given, Future[Result]]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="images")
    try:
        for item in items:
            waiting.append((item, executor.submit(function, item)))
            if len(waiting) == 2 * workers:
                first, future = waiting.popleft()
                yield first, future.result()
                del future
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
            del future
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


class PixelBudget:
    """Lets images in as long as all those at work have at most `pixels`; a larger one goes alone."""

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._free = pixels
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def holding(self, pixels: int) -> Iterator[None]:
        wanted = min(pixels, self._pixels)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= wanted)
            self._free -= wanted
        try:
            yield
        finally:
            with self._changed:
                self._free += wanted
                self._changed.notify_all()


DECODING = PixelBudget(PIXELS)
