"""`lora extract BASE TUNED --out FILE`."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.lora.tools.interface import BASE, Done, Given, Input, Tool, Watch
from train_tools.lora.tools.rows.common import device_setting, dtype_of, dtype_setting, ranks_said
from train_tools.workspace.fields import setting


@dataclass(frozen=True)
class ExtractSettings:
    rank: int = setting(
        32,
        help="Rank of each layer; with a share, the most.",
        zh="各层的秩；设置了占比时为上限。",
        minimum=1,
        maximum=1024,
    )
    share: float = setting(
        0.0,
        help="Each layer gets as many ranks as hold this share of its norm, 0.9 for 90 %. 0: all get the rank.",
        zh="每层取足以保留该比例范数的秩，例如 0.9 即 90%。0 表示各层都用上面的秩。",
        minimum=0,
        maximum=1,
    )
    conv_rank: int = setting(
        0,
        help="Rank of convolutions larger than a point. 0 leaves them out.",
        zh="卷积层的秩。0 表示不提取卷积层。",
        minimum=0,
        maximum=1024,
    )
    clamp_quantile: float = setting(
        1.0,
        help="Numbers beyond this share of all are cut down, 0.99 as in sd-scripts. 1 cuts nothing.",
        zh="截断超出该分位数的数值，sd-scripts 用 0.99。1 为不截断。",
        minimum=0.5,
        maximum=1,
    )
    min_diff: float = setting(
        0.01,
        help="Text encoders that differ by no more are taken for the same.",
        zh="差异不超过该值的文本编码器视为相同。",
        minimum=0,
        maximum=10,
    )
    method: str = setting(
        "full",
        help="full is exact; randomised is quicker and holds a little less.",
        zh="full 精确；randomised 更快，保留得略少。",
        choices=("full", "randomised"),
    )
    dtype: str = dtype_setting("fp16")
    device: str = device_setting()


def work(given: Given, settings: ExtractSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.extract import extract

    made = extract(
        given.path("base"),
        given.path("tuned"),
        given.target,
        rank=settings.rank,
        share=settings.share or None,
        conv_rank=settings.conv_rank or None,
        clamp_quantile=settings.clamp_quantile,
        min_diff=settings.min_diff,
        method=settings.method,
        dtype=dtype_of(settings.dtype),
        device=settings.device,
        progress=watch.progress,
        cancelled=watch.cancelled,
    )
    found = {"layers": len(made.ranks), "kept": made.kept, "least_kept": made.least_kept}
    said = f"{len(made.ranks)} layers, {ranks_said(made.ranks)}; {made.kept:.1%} of the difference is kept"
    notes = (
        ("the text encoders are the same in both, so the LoRA has none of their layers",)
        if made.same_text
        else ()
    )
    return Done((made.out,), found, (said,), notes)


TOOL = Tool(
    "extract", "a LoRA of what a tuned model differs in from its base model",
    (Input("base", BASE), Input("tuned", BASE)), ExtractSettings, work,
)  # fmt: skip
