"""Tags to offer while one is typed: those of the version's captions first, then those of the lists.

Lists have more than a hundred thousand tags. All names stand in one text, the most frequent first, so that looking
for what is typed is a call of `str.find`, and the first that are found are the best.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.tags.caption import ESCAPED
from train_tools.tags.lists import SUFFIXES, ListedTag, read_list

END = "\n"
MOST = 12  # suggestions
MOST_OWN = 6  # of the captions', where the lists have some, too
LOOKED_AT = 4  # times as many are looked at as are wanted, as one tag may be found several times


@dataclass(frozen=True)
class Suggestion:
    """`own`: in how many captions of the version; `count` and `category` are the list's; `alias` was what matched."""

    tag: str
    own: int = 0
    count: int = 0
    category: int = 0
    alias: str = ""


def key_of(text: str) -> str:
    """Equal however a tag is written: letter case, blanks or underscores, brackets that are escaped."""
    plain = ESCAPED.sub(r"\1", text) if "\\" in text else text
    return "_".join(plain.split()).casefold()


class Names:
    """Names in one text; `rows[i]` is what the i-th belongs to."""

    def __init__(self, names: Sequence[str], rows: Sequence[int]) -> None:
        self._text = END + END.join(names) + END
        self._rows = rows
        self._starts: list[int] = []
        at = 1
        for name in names:
            self._starts.append(at)
            at += len(name) + 1

    def starting(self, key: str) -> Iterator[tuple[int, int]]:
        """(row, place of the name) of those that start with it, in their order."""
        return self._found(END + key, 1)

    def holding(self, key: str) -> Iterator[tuple[int, int]]:
        return self._found(key, 0)

    def _found(self, piece: str, shift: int) -> Iterator[tuple[int, int]]:
        at = self._text.find(piece)
        while at >= 0:
            place = bisect_right(self._starts, at + shift) - 1
            if place >= 0:
                yield self._rows[place], place
            at = self._text.find(piece, self._text.find(END, at + 1))


class TagIndex:
    """All lists as one; of a tag that stands in several the one with the largest count."""

    def __init__(self, lists: Sequence[Sequence[ListedTag]]) -> None:
        best: dict[str, ListedTag] = {}
        for tag in (tag for tags in lists for tag in tags):
            key = key_of(tag.name)
            other = best.get(key)
            best[key] = tag if other is None else _merged(other, tag)
        order = sorted(best.items(), key=lambda item: -item[1].count)  # of equal ones the list's own order
        self.tags = [tag for _, tag in order]
        self._by_key = {key: row for row, (key, _) in enumerate(order)}
        self._names = Names([key for key, _ in order], range(len(order)))
        pairs = [(alias, row) for row, tag in enumerate(self.tags) for alias in tag.aliases]
        self._alias_words = [alias for alias, _ in pairs]
        self._aliases = Names([key_of(alias) for alias, _ in pairs], [row for _, row in pairs])

    def __len__(self) -> int:
        return len(self.tags)

    def get(self, key: str) -> ListedTag | None:
        row = self._by_key.get(key)
        return None if row is None else self.tags[row]

    def find(self, key: str, most: int) -> list[tuple[ListedTag, str]]:
        """The tags that what is typed may mean, the likeliest first, each with the alias that matched."""
        found: dict[int, str] = {}
        if (exact := self._by_key.get(key)) is not None:
            found[exact] = ""
        ways = (
            (self._names.starting(key), False),
            (self._aliases.starting(key), True),
            (self._names.holding(key), False),
            (self._aliases.holding(key), True),
        )
        for matches, by_alias in ways:
            for looked, (row, place) in enumerate(matches):
                found.setdefault(row, self._alias_words[place] if by_alias else "")
                if len(found) >= most or looked >= most * LOOKED_AT:
                    break
            if len(found) >= most:
                break
        return [(self.tags[row], alias) for row, alias in list(found.items())[:most]]


EMPTY = TagIndex([])


def _merged(one: ListedTag, other: ListedTag) -> ListedTag:
    first = one if one.count >= other.count else other
    return ListedTag(
        first.name,
        first.category or other.category,
        first.count,
        tuple(dict.fromkeys(one.aliases + other.aliases)),
    )


def suggest(text: str, own: Mapping[str, int], index: TagIndex, most: int = MOST) -> list[Suggestion]:
    """`own` are the captions' tags with their counts. Without a text: the most frequent of them."""
    # A blank that was typed at the end means that a word has ended.
    key = key_of(text) + "_" * (bool(text.strip()) and text[-1].isspace())
    mine = {key_of(tag): (tag, count) for tag, count in own.items()}
    listed = index.find(key, most) if key else []
    found: dict[str, Suggestion] = {}
    for name in _likeliest(key, mine, MOST_OWN if listed else most):
        tag, count = mine[name]
        known = index.get(name)
        found[name] = Suggestion(tag, count, known.count, known.category) if known else Suggestion(tag, count)
    for known, alias in listed:
        name = key_of(known.name)
        tag, count = mine.get(name, (known.name, 0))
        found.setdefault(name, Suggestion(tag, count, known.count, known.category, alias))
    return list(found.values())[:most]


def _likeliest(key: str, mine: Mapping[str, tuple[str, int]], most: int) -> list[str]:
    """Those that begin so first, the most frequent first."""
    ranked = sorted(
        (not name.startswith(key), -count, name) for name, (_, count) in mine.items() if key in name
    )
    return [name for _, _, name in ranked[:most]]


@dataclass(frozen=True)
class ListFile:
    """`tags` is how many it has; `problem` says why it can't be used."""

    name: str
    tags: int
    problem: str = ""


class TagLists:
    """A folder of lists as one index, which is made in a thread and kept while the files stay as they are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()
        self._stamp: object = ()
        self._reading: threading.Thread | None = None
        self._index = EMPTY
        self._files: list[ListFile] = []

    def index(self, wait_s: float = 0.0) -> tuple[TagIndex, bool]:
        """What is known by now, and whether that is all of it."""
        with self._turn:
            stamp = self._seen()
            if stamp != self._stamp and self._reading is None:
                self._reading = threading.Thread(
                    target=self._read, args=(stamp,), daemon=True, name="tag lists"
                )
                self._reading.start()
            reading = self._reading
        if reading is not None:
            reading.join(wait_s)
        with self._turn:
            return self._index, self._reading is None and stamp == self._stamp

    def files(self) -> list[ListFile]:
        """Of the index that is known by now."""
        with self._turn:
            return list(self._files)

    def _seen(self) -> tuple[tuple[str, int, int], ...]:
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix.lower() in SUFFIXES)
            stats = [(path.name, path.stat()) for path in paths if path.name[0] != "."]
        except OSError:
            return ()
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)

    def _read(self, stamp: tuple[tuple[str, int, int], ...]) -> None:
        files, lists = [], []
        for name, _, _ in stamp:
            try:
                tags = read_list(self._folder / name)
            except UsageError as error:
                files.append(ListFile(name, 0, str(error)))
                continue
            lists.append(tags)
            files.append(ListFile(name, len(tags)))
        index = TagIndex(lists)
        with self._turn:
            self._index, self._files, self._stamp, self._reading = index, files, stamp, None
