"""The captioner: pictures are described several at once, each as soon as there is room."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from train_tools.captioning.interface import CaptionerGoneError, Picture
from train_tools.captioning.server.answers import as_sentence, as_tags, is_refusal, plain
from train_tools.captioning.server.client import Client
from train_tools.captioning.server.prompts import TAGS, prompt_of
from train_tools.errors import TrainToolsError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

Outcome = str | Exception


@dataclass(frozen=True)
class Asking:
    """`prompt` is one of `prompts.KINDS`; `side` in pixels, what pictures are scaled down to."""

    model: str
    prompt: str
    own_prompt: str = ""
    side: int = 1024
    max_tokens: int = 400
    parallel: int = 2
    remove_underscore: bool = True


class ServerCaptioner:
    """`name` is the registry's."""

    name = "openai"

    def __init__(self, client: Client, asking: Asking) -> None:
        self._client = client
        self._asking = asking
        self._model = asking.model
        self._known: dict[int, tuple[Picture, str]] = {}

    def __enter__(self) -> Self:
        """Raises UsageError where the server isn't there or no model is chosen."""
        if not self._model:
            self._model = self._only_model()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.stopped.set()  # what waits to try again ends

    def _only_model(self) -> str:
        try:
            models = self._client.models()
        except TrainToolsError as error:
            raise UsageError(str(error)) from error
        if len(models) != 1:
            raise UsageError(
                f"{self._client.base} has {len(models)} models; choose the one that is to describe the pictures"
            )
        return models[0]

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        """What is known of a batch that failed isn't asked again, as answers may cost."""
        missing = [picture for picture in pictures if id(picture) not in self._known]
        failure: Exception | None = None
        for index, outcome in self.stream(missing):
            if isinstance(outcome, Exception):
                failure = failure or outcome
            else:
                self._known[id(missing[index])] = (missing[index], outcome)
        if failure is not None:
            raise failure
        return [self._known.pop(id(picture))[1] for picture in pictures]

    def stream(self, pictures: Iterable[Picture]) -> Iterator[tuple[int, Outcome]]:
        """(place, text or error) as they come. Raises CaptionerGoneError where none can be described any more."""
        for index, outcome in in_parallel(self.describe, pictures, self._asking.parallel):
            if isinstance(outcome, CaptionerGoneError):
                raise outcome
            yield index, outcome

    def describe(self, picture: Picture) -> str:
        asking = self._asking
        prompt = prompt_of(asking.prompt, asking.own_prompt, picture.concept)
        said = self._client.describe(self._model, prompt, picture.image, asking.side, asking.max_tokens)
        if is_refusal(plain(said)):
            raise TrainToolsError(f"the model refused: {' '.join(plain(said).split())[:200]}")
        is_tags = asking.prompt == TAGS
        text = as_tags(said, remove_underscore=asking.remove_underscore) if is_tags else as_sentence(said)
        if not text:
            raise TrainToolsError("nothing of the model's answer is a caption")
        return text


def in_parallel(
    work: Callable[[Picture], str], items: Iterable[Picture], most: int
) -> Iterator[tuple[int, Outcome]]:
    """At most `most` at once; the next item is taken when there is room. Threads that hang don't keep the process."""
    done: queue.SimpleQueue[tuple[int, Outcome]] = queue.SimpleQueue()

    def run(index: int, item: Picture) -> None:
        try:
            done.put((index, work(item)))
        except Exception as error:
            done.put((index, error))

    busy = 0
    for index, item in enumerate(items):
        if busy == most:
            yield done.get()
            busy -= 1
        threading.Thread(target=run, args=(index, item), daemon=True, name=f"caption-{index}").start()
        busy += 1
    for _ in range(busy):
        yield done.get()
