"""What a plan says of captions: those that no run would read, and those of which it would learn a part.

Adding a check is adding a function to `CHECKS`. It looks at one run's values and at the captions of its images.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.arguments.current import argument_named
from train_tools.arguments.values import parse_values
from train_tools.dataset.originals import CAPTION_SUFFIXES
from train_tools.dataset.training import training_images
from train_tools.dataset.triggers import is_trained_as, triggers_of
from train_tools.errors import UsageError
from train_tools.planning.findings import Finding, Findings
from train_tools.planning.fixes import Runs, fixes
from train_tools.tags.caption import COMMA, parse_line
from train_tools.tags.separators import Reading, in_words, line_count, separator_of
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version

SD_SCRIPTS = "sd-scripts"
ENDING = ".txt"  # of a version's captions
SHUFFLING = ("shuffle_caption", "caption_tag_dropout_rate", "token_warmup_step")
RELEVANT = (*SHUFFLING, "enable_wildcard", "caption_separator", "keep_tokens", "keep_tokens_separator")
NEARLY_ALL = 0.9  # of the captions; a few may well be odd
JOIN = "run `captions fix`, which joins lines by commas; where each line is a caption of its own, set enable_wildcard"


@dataclass(frozen=True, eq=False)
class Captions:
    """Of a set's images. `texts` are those of `ending`; `others` counts those that only have another ending."""

    ending: str
    images: int
    texts: tuple[str, ...]
    others: Mapping[str, int]
    zero_bytes: int
    reg_as_trigger: int


def read_captions(version: Version, reg: str, ending: str) -> Captions:
    """`reg` is the folder of regularisation images, "" where none are trained. Writes nothing."""
    images = training_images(version.processed)
    folders = {image.path.parent for image in images}
    names = {folder: {path.name for path in folder.iterdir()} for folder in folders}
    texts, others, zero_bytes = [], dict.fromkeys(CAPTION_SUFFIXES, 0), 0
    for image in images:
        stem, there = image.path.stem, names[image.path.parent]
        if f"{stem}{ending}" in there:
            data = (image.path.parent / f"{stem}{ending}").read_bytes()
            zero_bytes += not data
            texts.append(data.decode("utf-8-sig", "replace"))  # other checks name what isn't UTF-8
        elif other := next((suffix for suffix in CAPTION_SUFFIXES if f"{stem}{suffix}" in there), ""):
            others[other] += 1
    triggers = triggers_of(version, images)
    harmful = sum(is_trained_as(image, triggers) for image in training_images(Path(reg))) if reg else 0
    found = {suffix: count for suffix, count in others.items() if count}
    return Captions(ending, len(images), tuple(texts), found, zero_bytes, harmful)


def reading_of(version: Version) -> Reading:
    """How the runs that are planned read captions; where they differ or a value is wrong, as usual."""
    saved = settings.read(version)["training"]
    values: dict[str, list[Any]] = {}
    for name in ("enable_wildcard", "caption_separator"):
        row = argument_named(name)
        try:
            given = saved.get(name, "")
            values[name] = parse_values(row, given) if given != "" else [row.default]
        except UsageError:
            values[name] = [row.default]
    separators = values["caption_separator"]
    return Reading(
        separators[0] if len(separators) == 1 else COMMA,
        all(value is True for value in values["enable_wildcard"]),
    )


@dataclass(frozen=True)
class Seen:
    """A run's values, the name of its engine, and its captions."""

    values: Mapping[str, Any]
    engine: str
    captions: Captions

    @property
    def separator(self) -> str:
        return str(self.values.get("caption_separator") or COMMA)

    @property
    def shuffling(self) -> list[str]:
        """What is set that moves or drops tags."""
        return [name for name in SHUFFLING if self.values.get(name)]


Check = Callable[[Seen], Iterator[Finding]]


def check_captions(values: Mapping[str, Any], engine: str, captions: Captions, findings: Findings) -> None:
    """Adds what is odd about one run's captions."""
    for finding in _found(captions, engine, tuple((name, values.get(name)) for name in RELEVANT)):
        findings.add(finding)


@functools.lru_cache(maxsize=64)
def _found(captions: Captions, engine: str, values: tuple[tuple[str, Any], ...]) -> tuple[Finding, ...]:
    """Thousands of runs see the same captions in the same way."""
    seen = Seen(dict(values), engine, captions)
    return tuple(finding for look in CHECKS for finding in look(seen))


def other_ending(run: Seen) -> Iterator[Finding]:
    found = run.captions
    if found.texts or not found.others:
        return
    there = ", ".join(f"{count} end in {suffix}" for suffix, count in found.others.items())
    yield Finding(
        "captions-other-ending",
        "error",
        f"no image has a caption that ends in {found.ending!r}, which is what caption_extension asks for ({there}): "
        "all captions would be left unread",
        f"set caption_extension {next(iter(found.others))}",
        SD_SCRIPTS,
    )


def some_missing(run: Seen) -> Iterator[Finding]:
    found = run.captions
    lacking = found.images - len(found.texts)
    if found.texts and lacking:
        yield Finding(
            "captions-missing",
            "warning",
            f"{lacking} of {found.images} images have no caption that ends in {found.ending!r}; they are trained with "
            "their concept's name alone",
            "run `dataset caption`, which fills only what is missing or empty",
            SD_SCRIPTS,
        )


def empty(run: Seen) -> Iterator[Finding]:
    found = run.captions
    count = sum(not text.strip() for text in found.texts)
    if found.zero_bytes and run.engine == SD_SCRIPTS:
        yield Finding(
            "captions-zero-bytes",
            "error",
            f"{found.zero_bytes} caption file(s) have 0 bytes, at which sd-scripts stops",
            "run `dataset caption`, which fills only what is missing or empty, or delete them",
            SD_SCRIPTS,
        )
    elif count:
        yield Finding(
            "captions-empty",
            "warning",
            f"{count} caption(s) are empty: their images are learned without any words",
            "run `dataset caption`, which fills only what is missing or empty",
            SD_SCRIPTS,
        )


def several_lines(run: Seen) -> Iterator[Finding]:
    count = sum(line_count(text) > 1 for text in run.captions.texts)
    if count and not run.values.get("enable_wildcard"):
        yield Finding(
            "captions-lines",
            "warning",
            f"{count} of {len(run.captions.texts)} captions have several lines, of which training reads only the first",
            JOIN,
            SD_SCRIPTS,
        )


def other_separators(run: Seen) -> Iterator[Finding]:
    marks = [mark for text in run.captions.texts if (mark := separator_of(text, run.separator))]
    if not marks:
        return
    words = " ".join(in_words(mark) for mark in dict.fromkeys(marks))
    sentence = (
        f"{len(marks)} of {len(run.captions.texts)} captions divide tags by {words}, which training takes for a part "
        "of one long tag"
    )
    if names := " and ".join([*run.shuffling, *(["keep_tokens"] if run.values.get("keep_tokens") else [])]):
        sentence += f"; {names} can't tell its tags apart"
    yield Finding(
        "captions-separators", "warning", sentence, "run `captions fix`, which puts commas there", SD_SCRIPTS
    )


def nothing_to_shuffle(run: Seen) -> Iterator[Finding]:
    texts = run.captions.texts
    if not run.shuffling or run.captions.others or any(separator_of(text, run.separator) for text in texts):
        return
    fixed = sum(_movable(text, run) < 2 for text in texts)
    if fixed < NEARLY_ALL * len(texts):
        return
    names = " and ".join(run.shuffling)
    kept = run.values.get("keep_tokens") or 0
    if not texts:
        sentence = f"{names} changes nothing: no image has a caption"
    elif kept:
        sentence = (
            f"{names} changes nothing: keep_tokens {kept} leaves less than two tags in {fixed} of "
            f"{len(texts)} captions"
        )
    else:
        sentence = f"{names} changes nothing: there is but one tag in {fixed} of {len(texts)} captions"
    fix = f"leave {names} out, or divide captions into tags by commas"
    yield Finding("nothing-to-shuffle", "warning", sentence, fix, SD_SCRIPTS)


def _movable(text: str, run: Seen) -> int:
    """How many tags of the longest line that is read don't stay in place."""
    lines = text.splitlines() if run.values.get("enable_wildcard") else text.splitlines()[:1]
    return max((_movable_in(line, run) for line in lines), default=0)


def _movable_in(line: str, run: Seen) -> int:
    mark = str(run.values.get("keep_tokens_separator") or "")
    if mark and mark in line:
        line, kept = line.split(mark)[1], 0
    else:
        kept = int(run.values.get("keep_tokens") or 0)
    if run.separator == COMMA:
        return len(parse_line(line).blocks) - kept
    return sum(bool(tag.strip()) for tag in line.split(run.separator)) - kept


def reg_as_trigger(run: Seen) -> Iterator[Finding]:
    if count := run.captions.reg_as_trigger:
        yield Finding(
            "reg-trigger",
            "warning",
            f"{count} regularisation image(s) are trained with the trigger word, which teaches the LoRA to forget it",
            "name their folder after the class, e.g. 1_person, or caption them without that word",
            SD_SCRIPTS,
        )


CHECKS: tuple[Check, ...] = (
    other_ending, some_missing, empty, several_lines, other_separators, nothing_to_shuffle, reg_as_trigger,
)  # fmt: skip


@fixes("captions-other-ending")
def ending_of_ours(_runs: Runs) -> dict[str, str]:
    return {"caption_extension": ENDING}


@fixes("nothing-to-shuffle")
def no_shuffling(runs: Runs) -> dict[str, str]:
    return {name: "" for name in SHUFFLING if any(runs.values(name))}
