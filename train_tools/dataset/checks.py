"""What to know about training images before training: each finding says what it is and what to do.

Figures come from the LoRA training guide that many users follow (rentry.org/59xed3) where it gives one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.dataset.bucket_chart import BucketCount, Rule, bucket_chart, is_small
from train_tools.dataset.buckets import Size
from train_tools.dataset.reg import count_reg
from train_tools.dataset.training import REPEATS_FOLDER, TrainingImage, is_trained, training_images
from train_tools.dataset.triggers import triggers_of
from train_tools.errors import TrainToolsError
from train_tools.workspace.workspace import Version, folders_in

ERROR, WARNING, HINT = "error", "warning", "hint"
FEWEST_IMAGES = 10  # the guide: 10 to 50 images for a character, more for the rest
UNBALANCED = 2.0  # times; the guide asks for balanced counts and names no figure, this one is ours
# Suffixes of pictures that no version of sd-scripts reads. Of others it knows only lower and upper case.
OTHER_PICTURES = frozenset(
    [".tif", ".tiff", ".gif", ".avif", ".heic", ".heif", ".jxl", ".jfif", ".jp2", ".psd", ".tga", ".ico"]
)
SIGNS = frozenset(["So", "Co", "Cn", "Cs"])  # Unicode's categories of emoji and the like
NUMBERED = re.compile(r"(\d{5})-\d+-")  # equal for the copies that processing makes of an original


@dataclass(frozen=True)
class Finding:
    """`where` names the images, files or folders that it is about."""

    id: str
    severity: str
    sentence: str
    fix: str
    where: tuple[str, ...] = ()


def check_images(version: Version, rule: Rule, batch_size: int) -> list[Finding]:
    """All findings, the gravest first. Raises UsageError where the bucket limits contradict each other."""
    images = training_images(version.processed)
    sizes, unreadable = read_sizes(images)
    checks: list[Iterator[Finding]] = [
        unreadable,
        small_images(sizes, rule),
        scattered_buckets(bucket_chart(sizes, rule), rule, batch_size),
        unbalanced_concepts(images),
        ignored_files(version.processed),
        few_images(images),
        odd_triggers(images),
        same_bytes(images),
        regularisation(version, images),
    ]
    return in_order(finding for check in checks for finding in check)


def in_order(findings: Iterator[Finding] | Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (ERROR, WARNING, HINT).index(finding.severity))


def read_sizes(images: Sequence[TrainingImage]) -> tuple[dict[TrainingImage, Size], Iterator[Finding]]:
    """The size of each image, and a finding on those that are damaged."""
    sizes, damaged = {}, []
    for image in images:
        try:
            sizes[image] = image.size()
        except TrainToolsError:
            damaged.append(image.path.name)
    finding = Finding(
        "image-unreadable",
        ERROR,
        f"{len(damaged)} image(s) can't be read, and training would stop at them",
        "run `dataset process` again or take them out",
        tuple(damaged),
    )
    return sizes, iter([finding] if damaged else [])


def small_images(sizes: dict[TrainingImage, Size], rule: Rule) -> Iterator[Finding]:
    width, height = rule.resolution
    names = tuple(image.path.name for image, size in sizes.items() if is_small(size, rule))
    if names:
        yield Finding(
            "image-small",
            HINT if rule.no_upscale else WARNING,
            f"{len(names)} image(s) are smaller than the resolution {width}x{height}"
            + (
                " and are trained as small as they are"
                if rule.no_upscale
                else ", and training would enlarge them"
            ),
            "take larger originals, lower `resolution`, or leave them out",
            names,
        )


def scattered_buckets(chart: Sequence[BucketCount], rule: Rule, batch_size: int) -> Iterator[Finding]:
    """Where most of three or more buckets hold a single picture or don't fill a batch."""
    lonely = [bucket for bucket in chart if bucket.images == 1 or bucket.shown < batch_size]
    if len(chart) >= 3 and 2 * len(lonely) > len(chart):
        yield Finding(
            "buckets-scattered",
            WARNING,
            f"{len(lonely)} of {len(chart)} buckets hold a single image or less than a batch of {batch_size}; "
            "many scattered buckets harm",
            "process with `keep_aspect=false` for one shape, or raise `bucket_reso_steps` "
            f"(now {rule.step}), or leave out odd shapes",
            tuple(f"{bucket.size[0]}x{bucket.size[1]}" for bucket in lonely),
        )


def unbalanced_concepts(images: Sequence[TrainingImage]) -> Iterator[Finding]:
    shown: Counter[str] = Counter()
    for image in images:
        shown[image.concept] += image.repeats
    if len(shown) > 1 and max(shown.values()) > UNBALANCED * min(shown.values()):
        counts = ", ".join(f"{concept} {count}" for concept, count in shown.most_common())
        yield Finding(
            "concepts-unbalanced",
            WARNING,
            f"an epoch shows the concepts unevenly: {counts}",
            "balance them by the repeats in the folders' names, or add images to the smaller",
            tuple(shown),
        )


def ignored_files(processed: Path) -> Iterator[Finding]:
    """Pictures that training doesn't see: by their suffix, or because their folder isn't `<n>_<concept>`."""
    by_suffix: list[str] = []
    by_folder: list[str] = []
    for path in sorted(processed.rglob("*")):
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(processed).parts):
            continue
        name = path.relative_to(processed).as_posix()
        in_repeats = path.parent.parent == processed and is_repeats_folder(path.parent.name)
        if is_trained(path):
            if not in_repeats:
                by_folder.append(name)
            elif path.suffix not in (path.suffix.lower(), path.suffix.upper()):
                by_suffix.append(name)
        elif path.suffix.lower() in OTHER_PICTURES:
            by_suffix.append(name)
    if by_suffix:
        yield Finding(
            "files-ignored",
            WARNING,
            f"{len(by_suffix)} picture(s) have endings that trainers ignore",
            "save them as png, jpg, webp or bmp with the ending in small letters, or let `dataset add` and "
            "`dataset process` do it",
            tuple(by_suffix),
        )
    if by_folder:
        yield Finding(
            "folders-ignored",
            WARNING,
            f"{len(by_folder)} image(s) lie outside folders called <repeats>_<concept> and aren't trained",
            "move them into such a folder, e.g. 10_zorb",
            tuple(by_folder),
        )


def is_repeats_folder(name: str) -> bool:
    match = REPEATS_FOLDER.fullmatch(name)
    return match is not None and int(match[1]) > 0


def few_images(images: Sequence[TrainingImage]) -> Iterator[Finding]:
    originals: dict[str, set[str]] = defaultdict(set)
    for image in images:
        match = NUMBERED.match(image.path.name)
        originals[image.concept].add(match[1] if match else image.path.name)
    for concept, names in originals.items():
        if len(names) < FEWEST_IMAGES:
            yield Finding(
                "images-few",
                WARNING,
                f"{concept} has {len(names)} image(s), copies aside; guides advise {FEWEST_IMAGES} to 50 for a "
                "character, 50 and more for a concept, 100 and more for a style",
                "add images, or expect a LoRA that knows little but these",
                (concept,),
            )


def odd_triggers(images: Sequence[TrainingImage]) -> Iterator[Finding]:
    """Emoji and the like are none of the words that text encoders were taught."""
    concepts = dict.fromkeys(image.concept for image in images)
    if odd := tuple(name for name in concepts if any(unicodedata.category(sign) in SIGNS for sign in name)):
        yield Finding(
            "trigger-odd",
            WARNING,
            f"{', '.join(odd)} holds signs that are no letters, of which text encoders know little",
            "choose a trigger word of letters, e.g. zorb",
            odd,
        )


def same_bytes(images: Sequence[TrainingImage]) -> Iterator[Finding]:
    by_length: dict[int, list[TrainingImage]] = defaultdict(list)
    for image in images:
        by_length[image.path.stat().st_size].append(image)
    by_content: dict[bytes, list[str]] = defaultdict(list)
    for group in (group for group in by_length.values() if len(group) > 1):
        for image in group:
            by_content[hashlib.sha256(image.path.read_bytes()).digest()].append(image.path.name)
    copies = tuple(" = ".join(names) for names in by_content.values() if len(names) > 1)
    if copies:
        yield Finding(
            "images-equal",
            WARNING,
            f"{len(copies)} image(s) are there several times, and are trained as often",
            "take the copies out; repeats are set in the folder's name",
            copies,
        )


def regularisation(version: Version, images: Sequence[TrainingImage]) -> Iterator[Finding]:
    """Trainers show them beside all concepts, whatever their folder is called; its name is the caption of those
    without one.
    """
    counts, _ = count_reg(version.reg, images, triggers_of(version, images))
    harmful = tuple(one.folder for one in counts if one.as_trigger)
    if harmful:
        yield Finding(
            "reg-trigger",
            WARNING,
            f"{sum(one.as_trigger for one in counts)} regularisation image(s) are trained with the trigger word, "
            "which teaches the LoRA to forget it",
            "rename the folder to <repeats>_<class>, e.g. 1_person, or caption them without that word",
            harmful,
        )
    used = {one.folder for one in counts}
    astray = tuple(folder.name for folder in folders_in(version.reg) if folder.name not in used)
    if astray:
        yield Finding(
            "reg-ignored",
            WARNING,
            f"{len(astray)} folder(s) in reg hold no image to train, or aren't called <repeats>_<class>",
            "call them so, e.g. 1_person",
            astray,
        )
    shown = sum(image.repeats for image in images)
    reg = sum(one.images * one.repeats for one in counts)
    if counts and images and reg < shown:
        yield Finding(
            "reg-few",
            HINT,
            f"there are {reg} regularisation images an epoch for {shown} training images; "
            "each is shown several times",
            "have as many, by more images or repeats",
            tuple(used),
        )
    elif counts and images and reg > shown:
        yield Finding(
            "reg-many",
            HINT,
            f"there are {reg} regularisation images an epoch for {shown} training images; the last ones are never "
            "shown",
            "lower their repeats, or take some out",
            tuple(used),
        )
