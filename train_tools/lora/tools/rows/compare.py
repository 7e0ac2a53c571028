"""`lora compare FILE FILE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from train_tools.lora.tools.interface import NOTHING, Done, Given, Input, Tool, Watch
from train_tools.workspace.fields import setting

if TYPE_CHECKING:
    from train_tools.lora.tools.compare import BlockPair, Comparison

SHOWN = 60  # characters of a value
FEW = 5


@dataclass(frozen=True)
class CompareSettings:
    all: bool = setting(False, help="Whole values of all metadata.", zh="完整显示所有元数据的值。")


def work(given: Given, settings: CompareSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.compare import compare

    found = compare(given.path("first"), given.path("second"), watch)
    return Done((), document(found), tuple(lines(found, everything=settings.all)))


def document(found: Comparison) -> dict[str, Any]:
    from train_tools.lora.tools.rows import info

    return {
        "first": info.document(found.first),
        "second": info.document(found.second),
        "same_tensors": found.same_tensors,
        "metadata": [
            {"name": name, "first": one, "second": other} for name, (one, other) in found.metadata.items()
        ],
        "only_first": found.only_first,
        "only_second": found.only_second,
        "other_ranks": [
            {"layer": n, "first": one, "second": other} for n, (one, other) in found.ranks.items()
        ],
        "blocks": [asdict(block) for block in found.blocks],
        "whole": asdict(found.whole),
        "left_out": found.left_out,
    }


def lines(found: Comparison, *, everything: bool) -> list[str]:
    shown = [f"{found.first.path.name}  |  {found.second.path.name}"]
    shown.append("the tensors are the same" if found.same_tensors else "the tensors differ")
    for name, (one, other) in found.metadata.items():
        shown.append(f"  {name}: {_short(one, everything)}  |  {_short(other, everything)}")
    for only, info in ((found.only_first, found.first), (found.only_second, found.second)):
        if only:
            shown.append(f"only {info.path.name} has {len(only)} layers: {_few(only)}")
    if found.ranks:
        shown.append(f"{len(found.ranks)} layers have other ranks, e.g. {_ranks(found)}")
    if found.left_out:
        shown.append(
            f"{found.left_out} layers can't be compared without the base model, or are of other sizes"
        )
    shown += ["", f"{'block':<40} layers     first    second  difference  cosine"]
    return [*shown, *map(_row, (*found.blocks, found.whole))]


def _row(block: BlockPair) -> str:
    cosine = "" if block.cosine is None else f"{block.cosine:.4f}"
    return (
        f"{block.name or 'all':<40} {block.layers:>6} {block.first:>9.4g} {block.second:>9.4g} "
        f"{block.difference:>11.4g} {cosine:>7}"
    ).rstrip()


def _ranks(found: Comparison) -> str:
    name, (one, other) = next(iter(found.ranks.items()))
    return f"{name}: {one} | {other}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:FEW]) + (" …" if len(names) > FEW else "")


def _short(text: str, everything: bool) -> str:
    return text if everything or len(text) <= SHOWN else f"{text[:SHOWN]}…"


TOOL = Tool(
    "compare", "two LoRAs side by side: settings, ranks, how far apart their blocks are",
    (Input("first"), Input("second")), CompareSettings, work, NOTHING,
)  # fmt: skip
