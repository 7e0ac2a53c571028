"""A kind of error: how to know it, what it means, what helps, and what this program can do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from train_tools.doctor.known.ending import Ending, Raised

FORWARDS = re.compile(
    r"because of the following error|^\S*Error: Caught \w+ in|following error(?:s|\(s\))?:?$", re.IGNORECASE
)
ENVIRONMENT, PROGRAM, TRAINING, RETRY = "environment", "program", "training", "retry"


@dataclass(frozen=True)
class Offer:
    """Something that helps and that this program does by itself.

    `environment` with create, sd-scripts or upgrade; `program` and `training` with name=value; `retry` with nothing.
    """

    kind: str
    what: str = ""

    def command(self, project: str = "PROJECT", version: str = "VERSION", number: str = "") -> str:
        if self.kind == ENVIRONMENT:
            return "env create --sd-scripts" if self.what == "sd-scripts" else f"env {self.what}"
        if self.kind == PROGRAM:
            return f"env settings --set {self.what}"
        if self.kind == TRAINING:
            return f"settings set {project} {version} training.{self.what}"
        return f"queue retry {number}".strip()


@dataclass(frozen=True)
class Rule:
    """`error` stands in the text of the exception that ended it (`Type: words`), `line` in a line that is none.

    `near` must stand somewhere in the log as well, `frames` in the exception's traceback. A `weak` one is common
    behind other errors: what the exception came from is asked first. All are regular expressions without regard to
    upper and lower case.
    """

    id: str
    means: str
    means_zh: str
    do: str
    do_zh: str
    error: str = ""
    line: str = ""
    near: str = ""
    frames: str = ""
    weak: bool = False
    offers: tuple[Offer, ...] = ()
    source: str = ""

    @cached_property
    def _compiled(self) -> tuple[re.Pattern[str] | None, ...]:
        texts = (self.error, self.line, self.near, self.frames)
        return tuple(re.compile(text, re.IGNORECASE) if text else None for text in texts)

    def knows(self, raised: Raised, ending: Ending, text: str) -> bool:
        """`text` is the exception's, or its first line alone."""
        _, _, near, frames = self._compiled
        return (
            self.is_in(text)
            and (near is None or bool(near.search(ending.whole)))
            and (frames is None or bool(frames.search(raised.frames)))
        )

    def is_in(self, line: str) -> bool:
        error = self._compiled[0]
        return error is not None and bool(error.search(line))

    def knows_line(self, text: str) -> bool:
        line = self._compiled[1]
        return line is not None and bool(line.search(text))


@dataclass(frozen=True)
class Found:
    rule: Rule
    line: str


def diagnose(ending: Ending, rules: Sequence[Rule]) -> list[Found]:
    """The likeliest cause first; empty where nothing is known.

    What ended it is asked first, then what that came from; lines that are no exception only where there was none
    that is known, or one whose process was ended from outside.
    """
    known = [(raised, rule) for raised in ending.raised if (rule := _of(raised, ending, rules))]
    strong = [(raised, rule) for raised, rule in known if not rule.weak]
    if chosen := (strong or known)[:1]:
        raised, rule = chosen[0]
        return [Found(rule, _line_of(raised, rule))]
    if ending.raised and not ending.raised[0].aside:
        # Not known: only what came behind it may be the reason, as a signal that ended the process.
        lines = [line for line in ending.lines if line.at > ending.raised[0].at]
    else:
        lines = list(ending.lines)
    for line in lines:
        for rule in rules:
            if rule.knows_line(line.text) or rule.knows_line(line.words):
                return [Found(rule, line.text)]
    return []


def _of(raised: Raised, ending: Ending, rules: Sequence[Rule]) -> Rule | None:
    behind = raised.text[len(raised.first_line) :].strip()
    # Some only pass on what stands behind them.
    texts = (behind, raised.text) if FORWARDS.search(raised.first_line) else (raised.first_line, raised.text)
    for text in dict.fromkeys(texts):
        for rule in rules:
            if rule.knows(raised, ending, text):
                return rule
    return None


def _line_of(raised: Raised, rule: Rule) -> str:
    """The line of the message that says it."""
    lines = raised.text.split("\n")
    return next((line for line in lines if rule.is_in(line)), lines[0])


UPGRADE = Offer(ENVIRONMENT, "upgrade")
CREATE = Offer(ENVIRONMENT, "create")
SD_SCRIPTS = Offer(ENVIRONMENT, "sd-scripts")
AGAIN = Offer(RETRY)
ONLINE = Offer(PROGRAM, "offline=false")


def training(text: str) -> Offer:
    return Offer(TRAINING, text)


def program(text: str) -> Offer:
    return Offer(PROGRAM, text)
