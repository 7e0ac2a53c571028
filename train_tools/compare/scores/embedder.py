"""What turns pictures, and texts where it can, into directions that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image

if TYPE_CHECKING:
    from typing_extensions import Self


class Embedder(Protocol):
    """A context manager: entering loads the model, leaving frees its memory.

    `identity` changes whenever its numbers would; `title` is what it is, in English and Chinese.
    Vectors are float32 of length 1, so that their products are cosines.
    """

    @property
    def identity(self) -> str: ...

    @property
    def title(self) -> tuple[str, str]: ...

    @property
    def reads_text(self) -> bool: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def pictures(self, images: Sequence[Image.Image]) -> Any:
        """Array [picture, dimension]; images are RGB of any size."""
        ...

    def texts(self, texts: Sequence[str]) -> Any:
        """Array [text, dimension]; only where it `reads_text`."""
        ...


def normalised(vectors: Any) -> Any:
    """Each row to length 1; a row of zeros stays."""
    import numpy as np

    rows = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
