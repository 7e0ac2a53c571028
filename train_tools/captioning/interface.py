"""What a captioner is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from PIL import Image

from train_tools.errors import TrainToolsError

if TYPE_CHECKING:
    from typing_extensions import Self

CONCEPT = "{concept}"  # in a prefix, suffix or prompt: the concept's name


class CaptionerGoneError(TrainToolsError):
    """No picture can be described any more: it isn't the picture's fault."""


@dataclass(frozen=True)
class Picture:
    """What a captioner is shown: pixels (RGB, any size), the file's stem and the concept it belongs to."""

    image: Image.Image
    stem: str
    concept: str


class Captioner(Protocol):
    """A context manager: entering loads the model, leaving frees its memory."""

    @property
    def name(self) -> str: ...

    def __enter__(self) -> Self:
        """Raises UsageError where the model isn't there or can't be loaded."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        """One text for each picture, in one batch; any error is that of the batch."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A captioner that takes pictures one by one and answers when it can."""

    def stream(self, pictures: Iterable[Picture]) -> Iterator[tuple[int, str | Exception]]:
        """(place, text or what went wrong with it) as they come. Raises CaptionerGoneError where all is over."""
        ...


class WithoutModel:
    """Base of captioners that load nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
