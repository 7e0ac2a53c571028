"""What the best cell of a UNet × text-encoder weight grid says of the next learning rates (a LoRA guide's rule, S3.23).

A part that looks best at weight w learned 1/w times too much, and its next learning rate is w times the last: good at
UNet 1, text encoder 1.5 -> the text encoder's rate × 1.5; good at UNet 0.5, text encoder 1 -> the UNet's halved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.current import current
from train_tools.compare.block_advice import block_changes, text_encoder_weight
from train_tools.compare.board import Board
from train_tools.compare.checkpoints import Run
from train_tools.errors import UsageError
from train_tools.preview.index import CellEntry
from train_tools.preview.runs import NOT_AN_AXIS
from train_tools.workspace.catalogue import as_text

RATE = "learning_rate"
DIGITS = 4
# These find their rate themselves, and take one for all parts: the ratio between the parts is lost in them.
SELF_TUNING = ("prodigy", "dadapt", "adafactor", "dog", "dowg")


@dataclass(frozen=True)
class Part:
    """A trained part: the argument of its learning rate, the one that trains only the other part, and its names."""

    rate: str
    other_only: str
    title: tuple[str, str]


UNET = Part("unet_lr", "network_train_text_encoder_only", ("UNet", "UNet"))
TEXT_ENCODER = Part("text_encoder_lr", "network_train_unet_only", ("text encoder", "文本编码器"))


@dataclass(frozen=True)
class Advice:
    """`changes` are training settings as a plan takes them, empty where nothing should change.

    `sentences` say why, each in English and Chinese.
    """

    run: str
    checkpoint: str
    weight_unet: float
    weight_te: float
    changes: Mapping[str, str]
    sentences: tuple[tuple[str, str], ...]


def advise(board: Board, cell: CellEntry) -> Advice:
    """For the cell that a person calls the best. Raises UsageError where nothing can be read off it."""
    run = next((run for run in board.runs if run.name == cell.run), None)
    if run is None or not run.arguments:
        raise UsageError(f"{cell.run} doesn't say what it was trained with, so there is nothing to advise")
    if min(cell.weight_unet, cell.weight_te) < 0:
        raise UsageError("a negative weight turns a LoRA around; choose the best among weights from 0 up")
    if not max(cell.weight_unet, cell.weight_te):
        raise UsageError("that picture is the base model's alone; choose the best among those with the LoRA")
    changes: dict[str, str] = {}
    sentences: list[tuple[str, str]] = []
    weight_te = cell.weight_te
    if cell.block_weights:
        weight_te *= text_encoder_weight(cell.block_weights)
        changes, sentences = block_changes(cell.block_weights, run.arguments)
    if _is_self_tuning(run):
        sentences.append(_no_rates(str(run.arguments.get("optimizer_type"))))
    else:
        for part, weight in ((UNET, cell.weight_unet), (TEXT_ENCODER, weight_te)):
            _read(part, weight, run.arguments, changes, sentences)
    if not sentences:
        sentences.append(_AS_IT_IS)
    sentences += _at_the_edge(board, cell)
    if changes:
        changes = {**_that_run(board.runs, run), **changes}
    return Advice(run.name, cell.checkpoint, cell.weight_unet, cell.weight_te, changes, tuple(sentences))


_AS_IT_IS = (
    "Both parts look best at weight 1: keep the learning rates.",
    "两部分都在权重 1 时最好：学习率保持不变。",
)


def _read(
    part: Part,
    weight: float,
    arguments: Mapping[str, Any],
    changes: dict[str, str],
    sentences: list[tuple[str, str]],
) -> None:
    english, chinese = part.title
    if arguments.get(UNET.other_only if part is UNET else TEXT_ENCODER.other_only):
        return  # it wasn't trained
    if weight == 1:
        return
    if weight == 0:
        changes[part.other_only] = "true"
        sentences.append((f"It looks best without the {english}'s part: train only the other one.",
                          f"不用{chinese}部分时效果最好：只训练另一部分。"))  # fmt: skip
        return
    rates = _rates(part, arguments)
    if not rates:
        sentences.append((f"The run doesn't say the {english}'s learning rate; multiply it by {weight:g}.",
                          f"该训练没有记录{chinese}的学习率；请将其乘以 {weight:g}。"))  # fmt: skip
        return
    before = " ".join(f"{rate:.{DIGITS}g}" for rate in rates)
    after = " ".join(f"{rate * weight:.{DIGITS}g}" for rate in rates)
    changes[part.rate] = after
    little, zh_little = ("little", "少") if weight > 1 else ("much", "多")
    sum_ = f"{part.rate} {before} × {weight:g} = {after}"
    sentences.append((
        f"The {english} looks best at weight {weight:g}: it learned too {little}; {sum_}.",
        f"{chinese}在权重 {weight:g} 时最好：学得太{zh_little}；{sum_}。",
    ))  # fmt: skip


def _rates(part: Part, arguments: Mapping[str, Any]) -> list[float]:
    """The part's own rate (several for several text encoders), else the common one."""
    given = arguments.get(part.rate)
    if given in (None, "", []):
        given = arguments.get(RATE)
    items = given if isinstance(given, (list, tuple)) else [given]
    return [float(item) for item in items if isinstance(item, (int, float)) and item > 0]


def _is_self_tuning(run: Run) -> bool:
    return str(run.arguments.get("optimizer_type", "")).lower().startswith(SELF_TUNING)


def _no_rates(optimizer: str) -> tuple[str, str]:
    english = (
        f"{optimizer} finds its learning rate itself and takes one for both parts: train fewer or more steps "
        "instead, or repeat the run with an optimizer that takes two rates."
    )
    chinese = (
        f"{optimizer} 自行确定学习率，且两部分共用：请增减步数，或换用可分别设置两个学习率的优化器重训。"
    )
    return english, chinese


def _at_the_edge(board: Board, cell: CellEntry) -> list[tuple[str, str]]:
    """A best cell at the grid's upper edge may have a better one beyond."""
    own = [c for c in board.cells if (c.run, c.checkpoint) == (cell.run, cell.checkpoint)]
    found = []
    for (english, chinese), name in ((UNET.title, "weight_unet"), (TEXT_ENCODER.title, "weight_te")):
        weights = {getattr(c, name) for c in own}
        weight = getattr(cell, name)
        if weight > 1 and weight == max(weights):
            found.append((
                f"{weight:g} is the largest {english} weight that was rendered; a larger one may look better still.",
                f"{weight:g} 是已渲染的最大{chinese}权重；更大的也许更好。",
            ))  # fmt: skip
    return found


def _that_run(runs: Sequence[Run], run: Run) -> dict[str, str]:
    """Where the version's runs differ, this run's values, so that one run is planned and not all again."""
    known = current().known
    names = {name for other in runs for name in other.arguments if name in known and known[name].is_axis}
    fixed = {}
    for name in sorted(names - NOT_AN_AXIS):
        values = {repr(other.arguments.get(name)) for other in runs if other.arguments}
        if len(values) > 1 and name in run.arguments:
            value = run.arguments[name]
            fixed[name] = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else as_text(value)
    return fixed
