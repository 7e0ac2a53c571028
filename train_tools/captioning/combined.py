"""Several captioners as one: their texts one behind the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING

from train_tools.captioning.interface import Captioner, Picture

if TYPE_CHECKING:
    from typing_extensions import Self


class Combined:
    """All are loaded at once, so that each picture is opened once and has its whole caption at once."""

    def __init__(self, captioners: Sequence[Captioner]) -> None:
        self.captioners = tuple(captioners)
        self.stack = ExitStack()

    @property
    def name(self) -> str:
        return ",".join(captioner.name for captioner in self.captioners)

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what is loaded already is freed where a later one can't be
            for captioner in self.captioners:
                stack.enter_context(captioner)
            self.stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        texts = [captioner.caption(pictures) for captioner in self.captioners]
        return [joined(of_one) for of_one in zip(*texts, strict=True)]


def joined(texts: Sequence[str]) -> str:
    """With commas; a tag that an earlier captioner gave too stands once."""
    parts = [part for text in texts for piece in text.split(",") if (part := piece.strip())]
    first = {part.casefold(): part for part in reversed(parts)}
    return ", ".join(dict.fromkeys(first[part.casefold()] for part in parts))
