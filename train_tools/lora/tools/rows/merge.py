"""`lora merge FILE:WEIGHT …`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from train_tools.lora.tools.interface import Done, Given, Input, Tool, Watch
from train_tools.workspace.fields import setting

from . import shared


@dataclass(frozen=True)
class MergeSettings:
    rank: int = shared.rank_setting(
        "The new file's rank; 0: exactly, side by side, so that ranks add up (LoRA and LoCon alone).",
        "新文件的 rank；0 表示精确并排合并，各文件的 rank 相加（仅限 LoRA 与 LoCon）。",
    )
    conv_rank: int = shared.rank_setting(
        "The same of kernels larger than a point; 0: as the rest.",
        "大于 1×1 的卷积层的 rank；0 表示与其余层相同。",
    )
    clamp_quantile: float = setting(
        1.0, help="Numbers beyond this quantile are cut down, as sd-scripts does with 0.99; 1: none is.",
        zh="超出该分位数的数值会被截断，sd-scripts 用 0.99；1 表示不截断。", minimum=0.0, maximum=1.0,
    )  # fmt: skip
    base: str = setting(
        "", help="The base model, for kinds that depend on its weights, as DoRA.",
        zh="底模，仅在某类网络依赖底模权重时需要（如 DoRA）。",
    )  # fmt: skip
    blocks: tuple[str, ...] = shared.blocks_setting()
    text_weights: tuple[float, ...] = shared.text_weights_setting()
    precision: str = shared.precision_setting()
    device: str = shared.device_setting()


def work(given: Given, settings: MergeSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.merge import merge

    done = merge(
        shared.weighted(given.files["files"], settings.blocks, settings.text_weights), given.target,
        rank=settings.rank or None, conv_rank=settings.conv_rank or None, clamp_quantile=settings.clamp_quantile,
        base=Path(settings.base).expanduser() if settings.base else None, dtype=shared.dtype(settings.precision),
        device=settings.device, progress=watch.progress, cancelled=watch.cancelled,
    )  # fmt: skip
    said = f"{done.layers} layers, {shared.ranks(done.ranks)}" if done.ranks else f"{done.layers} layers"
    if settings.rank:
        said += (
            f"; {shared.percent(done.kept)} of the change is kept, {shared.percent(done.least_kept)} at least"
        )
    document = {"layers": done.layers, "ranks": done.ranks, "kept": done.kept, "least_kept": done.least_kept}
    return Done((done.out,), document, (said,))


TOOL = Tool(
    "merge", "several LoRAs into one, exactly or to a rank", (Input("files", several=True, weighted=True),),
    MergeSettings, work,
)  # fmt: skip
