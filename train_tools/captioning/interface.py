"""What a captioner is."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from PIL import Image

if TYPE_CHECKING:
    from typing_extensions import Self


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

    def caption(self, images: Sequence[Image.Image]) -> list[str]:
        """One text for each image (RGB, any sizes), in one batch; any error is that of the batch."""
        ...
