"""`lora extract BASE TUNED`."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.lora.tools.interface import BASE, Done, Given, Input, Tool, Watch
from train_tools.workspace.fields import setting

from . import shared


@dataclass(frozen=True)
class ExtractSettings:
    rank: int = shared.rank_setting(
        "The rank of each layer or, with a share, the most; 0: as the share asks for.",
        "每层的 rank；若设了 share 则为上限；0 表示由 share 决定。",
    )
    share: float = setting(
        0.0, help="Each layer gets as many ranks as hold this share of its change, as 0.9; 0: the rank says it.",
        zh="每层取足以保留这一比例改动量的 rank，如 0.9；0 表示由 rank 决定。", minimum=0.0, maximum=1.0,
    )  # fmt: skip
    conv_rank: int = shared.rank_setting(
        "The rank of kernels larger than a point; 0: they are left out.",
        "大于 1×1 的卷积层的 rank；0 表示不提取。",
    )
    clamp_quantile: float = setting(
        1.0, help="Numbers beyond this quantile are cut down, as sd-scripts does with 0.99; 1: none is.",
        zh="超出该分位数的数值会被截断，sd-scripts 用 0.99；1 表示不截断。", minimum=0.0, maximum=1.0,
    )  # fmt: skip
    min_diff: float = setting(
        0.0, help="Text encoders in which no number differs by more are taken for the same (sd-scripts: 0.01).",
        zh="文本编码器中没有数值相差超过此值时，视为相同而不提取（sd-scripts 用 0.01）。", minimum=0.0,
    )  # fmt: skip
    method: str = setting(
        "full", help="randomised is many times quicker and keeps a little less; how much is told.",
        zh="randomised 快许多倍，保留略少；完成后会显示保留了多少。", choices=("full", "randomised"),
    )  # fmt: skip
    precision: str = shared.precision_setting("fp16")
    device: str = shared.device_setting()


def work(given: Given, settings: ExtractSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.extract import extract

    done = extract(
        given.path("base"), given.path("tuned"), given.target, rank=settings.rank or None,
        share=settings.share or None, conv_rank=settings.conv_rank or None, clamp_quantile=settings.clamp_quantile,
        min_diff=settings.min_diff, method=settings.method, dtype=shared.dtype(settings.precision),
        device=settings.device, progress=watch.progress, cancelled=watch.cancelled,
    )  # fmt: skip
    said = (
        f"{len(done.ranks)} layers, {shared.ranks(done.ranks)}; {shared.percent(done.kept)} of the change is kept, "
        f"{shared.percent(done.least_kept)} at least in a layer"
    )
    document = {
        "layers": len(done.ranks), "ranks": done.ranks, "kept": done.kept, "least_kept": done.least_kept,
        "same_text": done.same_text,
    }  # fmt: skip
    notes = ("the text encoders are the same in both; only the rest was extracted",) if done.same_text else ()
    return Done((done.out,), document, (said,), notes)


TOOL = Tool(
    "extract", "a LoRA from the difference of two base models", (Input("base", BASE), Input("tuned", BASE)),
    ExtractSettings, work,
)  # fmt: skip
