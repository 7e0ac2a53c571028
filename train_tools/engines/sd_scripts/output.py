"""What sd-scripts prints, as bars and lines.

Both streams come as one. tqdm writes each step twice, behind a carriage return and without a newline; the rate is
`s/it` or `it/s`; log lines follow a bar on its line; numbers may be `nan`; other values may stand before the loss.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

BAR = re.compile(
    r"(?P<name>(?:validation )?steps): +\d+%\|[^|\r\n]*\| (?P<step>\d+)/(?P<of>\d+) "
    r"\[[^<\]]*<(?P<left>[^,\]]*), *(?P<rate>[\d.]+|\?)(?P<unit>s/it|it/s)(?P<rest>[^\]]*)\]"
)
OTHER_BAR = re.compile(r"\d+%\|[^|]*\|")  # of the files that are read, of the latents
VALUE = re.compile(r"([^=,\]]+)=([^,\]]+)")
ENDS = re.compile(r"[\r\n]")


@dataclass(frozen=True)
class Bar:
    """`step` of `steps` since the process began; `rate` is in steps a second, None before it is known."""

    step: int
    steps: int
    rate: float | None
    values: Mapping[str, float] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float | None:
        return (self.steps - self.step) / self.rate if self.rate else None


class Output:
    """Takes bytes as they come, gives bars and lines. A bar counts as soon as it is whole, a line with its end."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._open = ""  # what has no end yet

    def feed(self, data: bytes) -> list[Bar | str]:
        pieces = ENDS.split(self._open + self._decoder.decode(data))
        self._open = pieces.pop()
        found = [item for piece in pieces for item in _items(piece)]
        # The last bar waits for the next carriage return, which is a whole step away.
        last = None
        for last in BAR.finditer(self._open):
            found += _of_bar(last)
        if last is not None:
            self._open = self._open[last.end() :]
        return found

    def close(self) -> list[Bar | str]:
        """What was still open when the process ended."""
        rest, self._open = self._open + self._decoder.decode(b"", final=True), ""
        return list(_items(rest))


def _items(piece: str) -> Iterator[Bar | str]:
    at = 0
    for match in BAR.finditer(piece):
        yield from _line(piece[at : match.start()])
        yield from _of_bar(match)
        at = match.end()
    yield from _line(piece[at:])


def _line(text: str) -> Iterator[str]:
    if text.strip() and not OTHER_BAR.search(text):
        yield text.strip()


def _of_bar(match: re.Match[str]) -> list[Bar | str]:
    if match["name"] != "steps":
        return []
    rate = None if match["rate"] == "?" else float(match["rate"])
    if rate is not None and match["unit"] == "s/it":
        rate = 1 / rate if rate else None
    return [Bar(int(match["step"]), int(match["of"]), rate or None, dict(_values(match["rest"])))]


def _values(text: str) -> Iterator[tuple[str, float]]:
    for name, value in VALUE.findall(text):
        try:
            yield name.strip(), float(value)
        except ValueError:
            continue
