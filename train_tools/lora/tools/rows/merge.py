"""`lora merge FILE[:WEIGHT]… --out FILE`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from train_tools.lora.tools.interface import Done, Given, Input, Tool, Watch
from train_tools.lora.tools.rows.common import (
    conv_rank_setting,
    device_setting,
    dtype_of,
    dtype_setting,
    ranks_said,
)
from train_tools.workspace.fields import setting

if TYPE_CHECKING:
    from train_tools.lora.tools.weights import Weighted


@dataclass(frozen=True)
class MergeSettings:
    rank: int = setting(
        0,
        help="Rank of the new LoRA. 0 merges exactly: ranks add up.",
        zh="新 LoRA 的秩。0 为精确合并：各 LoRA 的秩相加。",
        minimum=0,
        maximum=1024,
    )
    conv_rank: int = conv_rank_setting()
    blocks: tuple[str, ...] = setting(
        (),
        help="Weights of blocks for each file, in its order: a preset, 12, 17, 20 or 26 numbers, or IN04=0.5, OUT03=0.",
        zh="各文件的分层权重，依文件顺序填写：预设名，12、17、20 或 26 个数字，或 IN04=0.5, OUT03=0。",
        separator="\n",
        parse=lambda text: tuple(text.split("\n")) if text else (),
    )
    base: str = setting(
        "",
        help="The base model's file, which kinds with DoRA need.",
        zh="底模文件，仅合并 DoRA 等类型时需要。",
    )
    dtype: str = dtype_setting()
    device: str = device_setting()


def weighted(given: Given, blocks: tuple[str, ...]) -> list[Weighted]:
    from train_tools.lora.tools.weights import Weighted

    files = given.files["files"]
    padded = [*blocks, *[""] * len(files)]
    return [Weighted(one.path, one.weight, None, own) for one, own in zip(files, padded, strict=False)]


def work(given: Given, settings: MergeSettings, watch: Watch) -> Done:
    from pathlib import Path

    from train_tools.lora.tools.merge import merge

    made = merge(
        weighted(given, settings.blocks),
        given.target,
        rank=settings.rank or None,
        conv_rank=settings.conv_rank or None,
        base=Path(settings.base).expanduser() if settings.base else None,
        dtype=dtype_of(settings.dtype),
        device=settings.device,
        progress=watch.progress,
        cancelled=watch.cancelled,
    )
    found = {"layers": made.layers, "kept": made.kept, "least_kept": made.least_kept}
    said = f"{made.layers} layers, {ranks_said(made.ranks)}"
    if made.least_kept < 1:
        said += f"; {made.kept:.1%} of the norm is kept on average, {made.least_kept:.1%} in the worst layer"
    return Done((made.out,), found, (said,))


TOOL = Tool(
    "merge", "one LoRA made of several, each with a weight", (Input("files", several=True, weighted=True),),
    MergeSettings, work,
)  # fmt: skip
