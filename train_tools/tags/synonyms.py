"""Which tags mean the same: pairs a person gives, or a file of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.tags.caption import Block, comparable, parse_tags
from train_tools.workspace.halfwidth import half_width


def parse_pairs(pairs: Iterable[str]) -> dict[str, tuple[Block, ...]]:
    """`["boots,red footwear=red boots"]`: what stands before the last = becomes what stands behind it.

    Returns comparable tag -> replacement; raises UsageError for a pair that lacks a side, and for a tag that
    would become two different ones.
    """
    found: dict[str, tuple[Block, ...]] = {}
    for pair in pairs:
        old, _, new = (pair if "=" in pair else half_width(pair)).rpartition("=")
        before, after = parse_tags(old), parse_tags(new)
        if not before or not after:
            raise UsageError(f"{pair!r} must be OLD=NEW; OLD may be several tags as a,b")
        for tag in (comparable(tag) for block in before for tag in block):
            if found.setdefault(tag, after) != after:
                raise UsageError(f"{tag!r} is given two replacements; leave one out")
    return found


def read_pairs(path: Path) -> list[str]:
    """A pair a line; empty lines and those that start with # are skipped."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} can't be read as UTF-8 text ({error}); give a file of OLD=NEW lines"
        ) from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
