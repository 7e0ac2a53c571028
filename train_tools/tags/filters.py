"""Which captions are meant: all conditions that are given must hold."""

from __future__ import annotations

import fnmatch
import functools
import re
from dataclasses import dataclass

from train_tools.errors import UsageError
from train_tools.tags.caption import comparable
from train_tools.tags.edits import compiled_pattern
from train_tools.tags.files import CaptionFile
from train_tools.tags.tokens import count, is_longer


@dataclass(frozen=True)
class Filter:
    """`all_of` tags are there, one of `any_of` is, none of `none_of` is. Empty conditions hold.

    `text` is looked for without regard to letter case, `pattern` is a regular expression; `longer` and
    `shorter` are numbers of CLIP tokens; `images` are file names, where * stands for anything; `names` are those
    of caption files, letter by letter.
    """

    all_of: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    is_missing: bool = False
    is_empty: bool = False
    text: str = ""
    pattern: str = ""
    longer: int | None = None
    shorter: int | None = None
    images: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    concepts: tuple[str, ...] = ()

    @functools.cached_property
    def compiled(self) -> re.Pattern[str]:
        """Raises UsageError where `pattern` is no regular expression."""
        return compiled_pattern(self.pattern)

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.names)

    @property
    def is_everything(self) -> bool:
        return self == Filter()

    def matches(self, file: CaptionFile) -> bool:
        return (
            self._has_place(file) and self._has_state(file) and self._has_tags(file) and self._has_text(file)
        )

    def _has_place(self, file: CaptionFile) -> bool:
        name = file.image.path.name
        return (
            (not self.concepts or file.image.concept in self.concepts)
            and (not self.names or file.name in self._names)
            and (not self.images or any(_is_called(name, image) for image in self.images))
        )

    def _has_state(self, file: CaptionFile) -> bool:
        """With both, missing and empty, either will do."""
        wanted = [file.is_missing] * self.is_missing + [file.is_empty] * self.is_empty
        return not wanted or any(wanted)

    def _has_tags(self, file: CaptionFile) -> bool:
        if not (self.all_of or self.any_of or self.none_of):
            return True
        tags = {comparable(tag) for tag in file.caption.tags}
        every, some, no = ({comparable(t) for t in ts} for ts in (self.all_of, self.any_of, self.none_of))
        return every <= tags and (not some or bool(some & tags)) and not no & tags

    def _has_text(self, file: CaptionFile) -> bool:
        text = file.text or ""
        return (
            self.text.casefold() in text.casefold()
            and (not self.pattern or self.compiled.search(text) is not None)
            and (self.longer is None or is_longer(text, self.longer))
            and (self.shorter is None or count(text) < self.shorter)
        )


def chosen(files: list[CaptionFile], wanted: Filter) -> list[CaptionFile]:
    """Raises UsageError where the filter names an image or a concept that isn't there."""
    _ = wanted.pattern and wanted.compiled
    for name in wanted.images:
        if not any(_is_called(file.image.path.name, name) for file in files):
            raise UsageError(f"there is no training image called {name!r}; look with `captions show`")
    if gone := wanted.names and frozenset(wanted.names) - {file.name for file in files}:
        raise UsageError(
            f"{len(gone)} of the chosen captions aren't there any more ({min(gone)}); choose again"
        )
    concepts = sorted({file.image.concept for file in files})
    for name in wanted.concepts:
        if name not in concepts:
            raise UsageError(f"there is no concept called {name!r}; there are: {', '.join(concepts)}")
    return [file for file in files if wanted.matches(file)]


def _is_called(name: str, wanted: str) -> bool:
    """A name may hold brackets, which mean something in patterns."""
    return name == wanted or fnmatch.fnmatchcase(name, wanted)
