"""Settings that several rows have, and how ranks are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from train_tools.errors import UsageError
from train_tools.lora.tools.interface import Chosen
from train_tools.workspace.fields import setting

if TYPE_CHECKING:
    from train_tools.lora.tools.weights import Weighted

AS_IT_IS = "as it is"
PRECISIONS = (AS_IT_IS, "fp16", "bf16", "fp32")
DEVICES = ("cpu", "cuda", "mps")


def precision_setting(default: str = AS_IT_IS) -> Any:
    return setting(
        default,
        help="The precision of the new file.",
        zh="新文件的精度；as it is 表示与原文件相同。",
        choices=PRECISIONS,
    )


def device_setting() -> Any:
    return setting("cpu", help="What computes.", zh="用于计算的设备。", choices=DEVICES)


def rank_setting(help: str, zh: str) -> Any:
    return setting(0, help=help, zh=zh, minimum=0)


def blocks_setting() -> Any:
    return setting(
        (),
        help="Weights of blocks, one text for each LoRA in their order (or one for all): a preset as OUTALL, 12, 17, "
        "20 or 26 numbers, IN04=0.5,OUT03=0, or beginnings of layers' names as double_blocks.3=0.5.",
        zh="分层权重，按 LoRA 的顺序每个写一段（或只写一段供全部使用），用分号隔开：预设（如 OUTALL）、"
        "12、17、20 或 26 个数字、IN04=0.5,OUT03=0，或层名的开头，如 double_blocks.3=0.5。",
        parse=lambda text: tuple(part.strip() for part in text.split(";")),
        separator=";",
    )  # fmt: skip


def text_weights_setting() -> Any:
    return setting(
        (), help="Weights of the text encoders' layers, one for each LoRA in their order; without: as the rest.",
        zh="文本编码器各层的权重，按 LoRA 的顺序填写；留空则与其余层相同。",
    )  # fmt: skip


def weighted(files: Sequence[Chosen], blocks: Sequence[str], text_weights: Sequence[float]) -> list[Weighted]:
    """Raises UsageError where there are more or fewer of them than LoRAs."""
    from train_tools.lora.tools.weights import Weighted

    own = list(blocks) * len(files) if len(blocks) == 1 else list(blocks) or [""] * len(files)
    texts: list[float | None] = [*text_weights] or [None] * len(files)
    for what, values in (("blocks", own), ("text_weights", texts)):
        if len(values) != len(files):
            raise UsageError(
                f"{what} has {len(values)} values for {len(files)} LoRAs; give one for each, or none"
            )
    return [
        Weighted(file.path, file.weight, text, block)
        for file, text, block in zip(files, texts, own, strict=True)
    ]


def dtype(precision: str) -> str | None:
    return None if precision == AS_IT_IS else precision


def ranks(found: Sequence[int]) -> str:
    """`rank 4 to 12`."""
    return f"rank {found[0]}" if len(set(found)) == 1 else f"ranks {min(found)} to {max(found)}"


def percent(share: float) -> str:
    return f"{100 * share:.2f} %"
