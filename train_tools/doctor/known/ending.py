"""How a log ends: the exceptions that nothing came after, the plain lines, and what only warned is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONGEST = 4000  # characters of a line that are looked at
MOST_LINES = 20_000
MESSAGE_LINES = 14  # of an exception's text
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What stands before the words: a rank of torch's launcher, times, a level, the file of a logger.
RANK = re.compile(r"^\s*(?:\[(?:default|rank)?\d+\]:?\s?)+")
TIME = re.compile(
    r"^\s*\[?(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d(?:[.,:-]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?[\s:|-]*"
)
LEVEL = re.compile(
    r"^\s*[\[(]?(DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)[\])]?(?=[\s:|(\[])[\s:|-]*", re.IGNORECASE
)
WARNS = re.compile(
    r"^\S*:\d+: \w*Warning|^\w*Warning\b|^W\d{4} |^\[W\d*|^warning:|^WARNING\b|^\*\*\* warning", re.IGNORECASE
)
TRACEBACK = re.compile(r"Traceback \(most recent call last\)")
INDENTED = " \t|│❱╰"  # and the frames of a traceback in a box
FRAME = re.compile(r"^\s*File \"[^\"]+\", line \d+")
ASIDE = re.compile(r"^\s*Exception (?:ignored in|in thread)")
GROUPED = re.compile(r"another exception occurred:|direct cause of the following exception:")
# `torch.OutOfMemoryError: …`; a name of another ending counts behind a traceback or with its module.
NAMED = re.compile(
    r"(?:^|ended with an error: |[%\]])(?:>?\s*)((?:[A-Za-z_]\w*\.)*_?[A-Z]\w*?"
    r"(?:Error|Exception|Interrupt|Exit|NotFound|Timeout|StopIteration|Disconnected|BadZipFile|Missing|Refused|"
    r"Failed|"
    r"TimeoutExpired)|[a-z]\w*\.(?:error|timeout|gaierror))(?::(?:\s+|$)(.*)|$)"
)
WITH_MODULE = re.compile(r"^((?:[a-z_]\w*\.)+[A-Z]\w*): (.*)")
ANY = re.compile(r"^((?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?::(?:\s+|$)(.*)|$)")
# They say that another process or the caller ended, which has said why itself.
OF_LAUNCHERS = (
    "ChildFailedError",
    "CalledProcessError",
    "SystemExit",
    "ProcessRaisedException",
    "SignalException",
)
BAR = re.compile(r"^(.*?):?\s*\d+%\|.*?\|?\s*(\d+)/(\d+)\b")
PERCENT = re.compile(r"\b\d+%\|")
# Steps that a program says it takes: what stood before didn't end it.
GOES_ON = re.compile(
    r"^(?:saving (?:checkpoint|state|model)|model saved|epoch \d+/\d+|running training|caching latents|"
    r"enable \S+ for "
    r"|prepare (?:tokenizer|optimizer|accelerator|images)|prepare optimizer|load(?:ing)? (?:StableDiffusion|u-net|"
    r"unet"
    r"|vae|text encoder|model|weights|checkpoint|pipeline|Diffusers|CLIP|T5|AE\b|Flux)|create(?:d)? (?:LoRA|LyCORIS)"
    r"|import network module|use .* optimizer|num train images|Model loaded in|Startup time|Applying attention|"
    r"Running on local URL|Successfully installed)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Raised:
    """An exception of the log. `message` has its further lines; `frames` is the traceback above it."""

    kind: str
    message: str
    frames: str
    at: int
    aside: bool = False

    @property
    def name(self) -> str:
        return self.kind.rpartition(".")[2]

    @property
    def text(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind

    @property
    def first_line(self) -> str:
        return self.text.split("\n", 1)[0]

    @property
    def is_of_launcher(self) -> bool:
        return self.name in OF_LAUNCHERS


@dataclass(frozen=True)
class Line:
    """A line that is no exception's. `words` are without the time and the `level` that a logger puts before."""

    text: str
    words: str
    level: str
    at: int


@dataclass(frozen=True)
class Ending:
    """`raised` are the exceptions that ended something, the last one first; then those that it came from.

    `lines` are those that speak for themselves, the last one first. `whole` is all text, to look around in.
    """

    raised: tuple[Raised, ...]
    lines: tuple[Line, ...]
    whole: str

    @property
    def last(self) -> Raised | None:
        return self.raised[0] if self.raised else None


def read(text: str) -> Ending:
    raw = [line[:LONGEST] for line in re.split(r"[\r\n]", text)][-MOST_LINES:]
    lines = [_cleaned(line) for line in raw]
    found = list(_exceptions(lines))
    gone_on = _last_step_further(lines)
    over = {number for one in found for number in range(one.at, one.at + one.message.count("\n") + 1)}
    kept = [one for one in found if one.at > gone_on]
    chain = _chain(lines, [one for one in kept if not one.is_of_launcher and not one.aside])
    others = [one for one in kept if one.aside] if not chain else []
    frames = _inside_tracebacks(lines)
    last_bar = max((number for number, line in enumerate(lines) if PERCENT.search(line)), default=-1)
    plain = [
        Line(line.strip(), words, level, number)
        for number, line in enumerate(lines)
        if number not in frames and line.strip()
        for level, words in [_levelled(line)]
        if level not in ("WARNING", "WARN", "DEBUG") and not WARNS.search(words)
        if number not in over or _is_launchers(found, number)
        if number > gone_on or number == last_bar
    ]
    return Ending((*chain, *reversed(others)), tuple(reversed(plain)), "\n".join(lines))


def _cleaned(line: str) -> str:
    return RANK.sub("", COLOUR.sub("", line)).rstrip()


def _levelled(line: str) -> tuple[str, str]:
    """A logger's level and the words behind it."""
    words = TIME.sub("", line, count=1)
    found = LEVEL.match(words)
    return (found[1].upper(), words[found.end() :].strip()) if found else ("", words.strip())


def _exceptions(lines: Sequence[str]) -> Iterator[Raised]:
    frames: list[str] | None = None
    aside = False
    number = -1
    for number, line in enumerate(lines):
        if TRACEBACK.search(line):
            before = next((one for one in reversed(lines[:number]) if one.strip()), "")
            frames, aside = [], bool(ASIDE.search(before))
            continue
        level, words = _levelled(line)
        if frames is not None and (
            FRAME.match(line) or (frames and line[:1] in INDENTED and not ANY.match(words))
        ):
            frames.append(line.strip())
            continue
        found = NAMED.search(words) or WITH_MODULE.match(words)
        if found is None and frames:
            found = ANY.match(words)
        if found and level not in ("WARNING", "WARN", "DEBUG"):
            more = _message(lines, number)
            message = "\n".join([(found[2] or "").strip(), *more]).strip()
            yield Raised(found[1], message, "\n".join(frames or ()), number, aside)
            frames, aside = None, False
        elif words and frames:  # it was cut off
            frames = None


def _message(lines: Sequence[str], number: int) -> list[str]:
    """What an exception says behind its first line; a hub's or loader's takes several, with empty ones between."""
    found: list[str] = []
    for line in lines[number + 1 : number + 1 + MESSAGE_LINES]:
        level, words = _levelled(line)
        is_other = (
            level or TRACEBACK.search(line) or FRAME.match(line) or GROUPED.search(line) or BAR.match(line)
        )
        if is_other or NAMED.search(words) or GOES_ON.match(words):
            break
        found.append(words)
    while found and not found[-1]:
        found.pop()
    return found


def _last_step_further(lines: Sequence[str]) -> int:
    """The last line that shows that the work went on: a bar further than it was, a next step; -1 without one."""
    reached: dict[str, tuple[int, int]] = {}
    last = -1
    for number, line in enumerate(lines):
        _, words = _levelled(line)
        bar = BAR.match(words)
        if bar:
            label, now = bar[1].strip()[:40], (int(bar[2]), int(bar[3]))
            before = reached.get(label)
            # A bar of another length is another bar; one that is drawn once more at the end is no sign of life.
            if now[0] > 0 and (before is None or before[1] != now[1] or now[0] > before[0]):
                last = number
            reached[label] = now
        elif GOES_ON.match(words):
            last = number
    return last


def _chain(lines: Sequence[str], found: list[Raised]) -> tuple[Raised, ...]:
    """The last exception, and those that it came from: `During handling of …`, `… was the direct cause`."""
    chain: list[Raised] = []
    for one in reversed(found):
        if chain and not any(GROUPED.search(line) for line in lines[one.at : chain[-1].at]):
            break
        chain.append(one)
    return tuple(chain)


def _inside_tracebacks(lines: Sequence[str]) -> set[int]:
    inside: set[int] = set()
    within = False
    for number, line in enumerate(lines):
        if TRACEBACK.search(line):
            within = True
        elif within and not (FRAME.match(line) or line[:1] in INDENTED):
            within = False
        if within:
            inside.add(number)
    return inside


def _is_launchers(found: Sequence[Raised], number: int) -> bool:
    return any(one.is_of_launcher and one.at <= number <= one.at + one.message.count("\n") for one in found)
