"""`lora resize FILE --out FILE`."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.lora.tools.interface import Done, Given, Input, Tool, Watch
from train_tools.lora.tools.rows.common import (
    conv_rank_setting,
    device_setting,
    dtype_of,
    dtype_setting,
    ranks_said,
)
from train_tools.workspace.fields import setting

METHODS = ("fixed", "sv_ratio", "sv_fro", "sv_cumulative")


@dataclass(frozen=True)
class ResizeSettings:
    rank: int = setting(
        16,
        help="The new rank; by the methods that choose one for each layer, the most.",
        zh="新的秩；使用逐层取秩的方法时为上限。",
        minimum=1,
        maximum=1024,
    )
    conv_rank: int = conv_rank_setting()
    method: str = setting(
        "fixed",
        help="fixed: that rank everywhere. sv_ratio, sv_fro and sv_cumulative choose one for each layer.",
        zh="fixed：各层同秩。sv_ratio、sv_fro、sv_cumulative 逐层选取。",
        choices=METHODS,
    )
    value: float = setting(
        0.0,
        help="sv_ratio keeps singular values above the largest / value; sv_fro as many as hold this share of the norm, "
        "sv_cumulative of their sum.",
        zh="sv_ratio 保留大于（最大值 ÷ 该值）的奇异值；sv_fro 保留到该范数比例，sv_cumulative 保留到该总和比例。",
        minimum=0,
        maximum=1e6,
    )
    dtype: str = dtype_setting()
    device: str = device_setting()


def work(given: Given, settings: ResizeSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.resize import resize

    made = resize(
        given.path("file"),
        given.target,
        rank=settings.rank,
        conv_rank=settings.conv_rank or None,
        method=settings.method,  # type: ignore[arg-type]
        value=settings.value or None,
        dtype=dtype_of(settings.dtype),
        device=settings.device,
        progress=watch.progress,
        cancelled=watch.cancelled,
    )
    found = {"kept": made.kept, "least_kept": made.least_kept}
    kept = f"{made.kept:.1%} of the norm is kept on average, {made.least_kept:.1%} in the worst layer"
    left = len(made.as_they_are)
    notes = (f"{left} layers are of a kind that has no rank; they stay as they are",) if left else ()
    return Done((made.out,), found, (f"{ranks_said(made.ranks)}; {kept}",), notes)


TOOL = Tool("resize", "a LoRA brought to another rank", (Input("file"),), ResizeSettings, work)
