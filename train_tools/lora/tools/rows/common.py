"""Settings that several tools have, said once."""

from __future__ import annotations

from typing import Any

from train_tools.workspace.fields import setting

AS_IT_IS = "as it is"
DTYPES = (AS_IT_IS, "fp16", "bf16", "fp32")


def dtype_setting(default: str = AS_IT_IS) -> Any:
    return setting(default, help="Precision of the new file.", zh="新文件的精度。", choices=DTYPES)


def device_setting() -> Any:
    return setting(
        "cpu",
        help="Where it is computed: cpu, or cuda for the GPU.",
        zh="计算设备：cpu，或 cuda（使用 GPU）。",
        choices=("cpu", "cuda"),
    )


def conv_rank_setting() -> Any:
    return setting(
        0,
        help="Rank of convolutions larger than a point (LoCon). 0: the same.",
        zh="卷积层（LoCon）的秩。0 表示与上面相同。",
        minimum=0,
        maximum=1024,
    )


def dtype_of(text: str) -> str | None:
    return None if text == AS_IT_IS else text


def ranks_said(ranks: tuple[int, ...]) -> str:
    few = sorted(set(ranks))
    return f"rank {few[0]}" if len(few) == 1 else f"ranks {few[0]} to {few[-1]}"
