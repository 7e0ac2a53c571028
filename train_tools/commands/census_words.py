"""What a version holds, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from train_tools.commands.output import table
from train_tools.dataset.census import Census
from train_tools.dataset.looks import Duplicates
from train_tools.dataset.settings import DatasetSettings


def census_lines(census: Census, settings: DatasetSettings) -> list[str]:
    lines = [f"originals: {census.originals} ({megabytes(census.original_bytes)})"]
    if census.images:
        revision = f"revision {census.revision}" if census.revision else "made by another program"
        lines.append(f"processed: {census.images} images ({megabytes(census.image_bytes)}), {revision}")
        heading = ["folder", "repeats", "images", "captioned", "missing", "empty"]
        rows = [
            [c.folder, *map(str, (c.repeats, c.images, c.captioned, c.missing_captions, c.empty_captions))]
            for c in census.concepts
        ]
        lines.append(table([heading, *rows], frozenset(range(1, 6))))
        lines.append(f"images in an epoch: {census.images_per_epoch}")
        lines.append(f"sizes: {', '.join(f'{size} ({count})' for size, count in census.sizes.items())}")
        if census.revision is not None:
            lines.append(f"originals used: {census.used} of {census.originals}")
    else:
        lines.append("processed: nothing yet")
    lines += [f"skipped {one.name}: {one.reason}" for one in census.skipped]
    lines += [f"not taken in {one.name}: {one.reason}" for one in census.last_intake.skipped]
    lines += duplicate_lines(census.duplicates)
    if census.not_looked_at:
        lines.append(f"not looked at for duplicates yet: {census.not_looked_at}; `dataset process` does")
    lines += [f"unreadable: {name}" for name in census.unreadable]
    lines += reg_lines(census)
    lines.append(f"earlier revisions: {census.earlier_revisions}")
    lines.append(f"settings: {', '.join(f'{name}={value}' for name, value in asdict(settings).items())}")
    return lines


def reg_lines(census: Census) -> list[str]:
    lines = []
    for one in census.reg:
        shown_times = f"{one.images} images x {one.repeats} = {one.images * one.repeats}"
        captions = (
            f"{one.without_caption} of them captioned {one.name!r}" if one.without_caption else "captioned"
        )
        lines.append(
            f"regularisation {one.folder}: {shown_times}, shown {one.shown} times an epoch, {captions}"
        )
    return lines + [f"regularisation {one.name}: {one.reason}" for one in census.reg_problems]


def duplicate_lines(groups: Iterable[Duplicates]) -> list[str]:
    return [f"{group.kind}: {', '.join(group.names)}" for group in groups]


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
