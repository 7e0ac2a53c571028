"""`lora resize FILE`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from train_tools.lora.tools.interface import Done, Given, Input, Tool, Watch
from train_tools.workspace.fields import setting

from . import shared

if TYPE_CHECKING:
    from train_tools.lora.tools.resize import Method


@dataclass(frozen=True)
class ResizeSettings:
    rank: int = setting(
        16,
        help="The new rank or, by the other methods, the most.",
        zh="新的 rank；用其他方法时为上限。",
        minimum=1,
    )
    conv_rank: int = shared.rank_setting(
        "The same of convolutions; 0: as the rest.", "卷积层的 rank；0 表示与其余层相同。"
    )
    method: str = setting(
        "fixed",
        help="sv_ratio keeps singular values above the largest / value, sv_fro as many as hold this share of the "
        "norm, sv_cumulative of their sum; fixed keeps the rank.",
        zh="fixed 按固定 rank；sv_ratio 保留大于最大奇异值 / value 的部分，sv_fro 保留达到该范数比例的部分，"
        "sv_cumulative 保留达到该奇异值总和比例的部分。",
        choices=("fixed", "sv_ratio", "sv_fro", "sv_cumulative"),
    )  # fmt: skip
    value: float = setting(
        0.0, help="What the method goes by: 10 for sv_ratio, 0.9 for the two others.",
        zh="方法所用的数值：sv_ratio 如 10，另两种如 0.9。", minimum=0.0,
    )  # fmt: skip
    precision: str = shared.precision_setting()
    device: str = shared.device_setting()


def work(given: Given, settings: ResizeSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.resize import resize

    done = resize(
        given.path("file"), given.target, rank=settings.rank, conv_rank=settings.conv_rank or None,
        method=cast("Method", settings.method), value=settings.value or None,
        dtype=shared.dtype(settings.precision), device=settings.device, progress=watch.progress,
        cancelled=watch.cancelled,
    )  # fmt: skip
    said = (
        f"{len(done.ranks)} layers, {shared.ranks(done.ranks)}; {shared.percent(done.kept)} of the change is kept on "
        f"average, {shared.percent(done.least_kept)} at least"
    )
    document = {
        "layers": len(done.ranks), "ranks": done.ranks, "kept": done.kept, "least_kept": done.least_kept,
        "as_they_are": done.as_they_are,
    }  # fmt: skip
    same = len(done.as_they_are)
    notes = (f"{same} layers are of a kind that has no rank; they stay as they were",) if same else ()
    return Done((done.out,), document, (said,), notes)


TOOL = Tool("resize", "a LoRA to another rank", (Input("file"),), ResizeSettings, work)
