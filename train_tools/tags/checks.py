"""What to know about captions before training; the findings are those of `dataset.checks`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from train_tools.dataset.checks import ERROR, HINT, WARNING, Finding, in_order, is_repeats_folder
from train_tools.dataset.originals import CAPTION_SUFFIXES
from train_tools.dataset.training import is_trained, training_images
from train_tools.tags.caption import comparable
from train_tools.tags.edits import CONCEPT
from train_tools.tags.files import CaptionFile, read_captions
from train_tools.tags.separators import AS_USUAL, Reading, in_words, line_count, separator_of
from train_tools.tags.tokens import LIMITS, count, is_longer
from train_tools.workspace.workspace import Version, folders_in


def check_captions(
    version: Version, activation: str, max_tokens: int, reading: Reading = AS_USUAL
) -> list[Finding]:
    """`activation` is the tag that should stand first, with {concept}; empty: none is wanted.

    `max_tokens` is the longest caption that isn't cut. Raises UsageError where nothing is processed.
    """
    files = read_captions(version)
    checks = [
        unreadable(files),
        missing(files),
        empty(files),
        without_image(version),
        several_lines(files, reading),
        other_separators(files, reading),
        activation_tag(files, activation),
        too_long(files, max_tokens),
    ]
    return in_order([finding for check in checks for finding in check])


def called(version: Version, activation: str) -> list[str]:
    """The tag as it should stand in captions: one for each concept where it is the concept's name."""
    concepts = dict.fromkeys(image.concept for image in training_images(version.processed))
    return list(dict.fromkeys(activation.replace(CONCEPT, concept) for concept in concepts))


def unreadable(files: Sequence[CaptionFile]) -> Iterator[Finding]:
    if names := named(files, lambda file: bool(file.problem)):
        yield Finding(
            "caption-unreadable",
            ERROR,
            f"{len(names)} caption(s) can't be read, and training would stop at them",
            "save them as UTF-8 text",
            names,
        )


def missing(files: Sequence[CaptionFile]) -> Iterator[Finding]:
    names = named(files, lambda file: file.is_missing)
    if len(names) == len(files):
        yield Finding(
            "caption-missing",
            HINT,
            "no image has a caption: all are trained with the concept's name alone",
            "leave it so for a LoRA with one trigger word, or run `dataset caption`",
        )
    elif names:
        yield Finding(
            "caption-missing",
            WARNING,
            f"{len(names)} image(s) have no caption and are trained with the concept's name alone",
            "run `dataset caption`, which fills only what is missing or empty",
            names,
        )


def empty(files: Sequence[CaptionFile]) -> Iterator[Finding]:
    if names := named(files, lambda file: file.is_empty):
        yield Finding(
            "caption-empty",
            WARNING,
            f"{len(names)} caption(s) are empty: their images are learned without any words",
            "run `dataset caption`, which fills only what is missing or empty, or write them",
            names,
        )


def without_image(version: Version) -> Iterator[Finding]:
    """Caption files whose image isn't there; training ignores them."""
    found = []
    for folder in folders_in(version.processed):
        if not is_repeats_folder(folder.name):
            continue
        stems = {path.stem for path in folder.iterdir() if is_trained(path)}
        captions = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in CAPTION_SUFFIXES]
        found += [f"{folder.name}/{p.name}" for p in captions if p.stem not in stems and p.name[0] != "."]
    if found:
        yield Finding(
            "caption-without-image",
            WARNING,
            f"{len(found)} caption(s) belong to no image",
            "give them the name of their image, or take them out",
            tuple(found),
        )


def several_lines(files: Sequence[CaptionFile], reading: Reading) -> Iterator[Finding]:
    names = named(files, lambda file: not reading.takes_lines and line_count(file.text or "") > 1)
    if names:
        yield Finding(
            "caption-lines",
            WARNING,
            f"{len(names)} caption(s) have several lines, of which training reads only the first",
            "run `captions fix`, which joins them by commas, or set `enable_wildcard=true` for training where each "
            "line is a caption of its own",
            names,
        )


def other_separators(files: Sequence[CaptionFile], reading: Reading) -> Iterator[Finding]:
    marks = {file.image.path.name: separator_of(file.text or "", reading.separator) for file in files}
    if names := named(files, lambda file: bool(marks[file.image.path.name])):
        found = " ".join(dict.fromkeys(in_words(mark) for mark in marks.values() if mark))
        yield Finding(
            "caption-separators",
            WARNING,
            f"{len(names)} caption(s) divide tags by {found}, which training takes for a part of one long tag",
            "run `captions fix`, which puts commas there",
            names,
        )


def activation_tag(files: Sequence[CaptionFile], activation: str) -> Iterator[Finding]:
    """The tag by which the LoRA is called should be in every caption, and first, where shuffling leaves it."""
    if not activation:
        return
    written = [file for file in files if file.caption.tags]

    def lines(file: CaptionFile) -> list[list[str]]:
        tags = [[comparable(tag) for block in line.blocks for tag in block] for line in file.caption.lines]
        return [line for line in tags if line]

    def wanted(file: CaptionFile) -> str:
        return comparable(activation.replace(CONCEPT, file.image.concept))

    called = " / ".join(sorted({activation.replace(CONCEPT, file.image.concept) for file in files}))
    absent = named(written, lambda file: any(wanted(file) not in line for line in lines(file)))
    later = named(
        written,
        lambda file: (
            all(wanted(file) in line for line in lines(file))
            and any(line[0] != wanted(file) for line in lines(file))
        ),
    )
    if absent:
        yield Finding(
            "activation-missing",
            WARNING,
            f"{len(absent)} caption(s) lack the activation tag {called}",
            "run `captions first … --add`, or set captioning's prefix to the tag that you use",
            absent,
        )
    if later:
        yield Finding(
            "activation-not-first",
            WARNING,
            f"{len(later)} caption(s) have the activation tag {called}, but not first",
            "run `captions first`",
            later,
        )


def too_long(files: Sequence[CaptionFile], max_tokens: int) -> Iterator[Finding]:
    """What is behind the limit isn't learned."""
    names = named(files, lambda file: is_longer(file.text or "", max_tokens))
    if not names:
        return
    longest = max(count(file.text or "") for file in files if file.image.path.name in names)
    larger = [limit for limit in LIMITS if limit > max_tokens and limit >= longest]
    yield Finding(
        "caption-long",
        WARNING,
        f"{len(names)} caption(s) are longer than {max_tokens} tokens, the longest has {longest}; "
        "the rest of them is cut off",
        f"set `max_token_length={larger[0]}` for training, or shorten them"
        if larger
        else f"shorten them (`captions find --longer {max_tokens}` names them)",
        names,
    )


def named(files: Sequence[CaptionFile], holds: Callable[[CaptionFile], bool]) -> tuple[str, ...]:
    return tuple(file.image.path.name for file in files if holds(file))
