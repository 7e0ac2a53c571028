"""`lora merge-into BASE FILE[:WEIGHT]… --out MODEL`."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.lora.tools.interface import BASE, MODEL, Done, Given, Input, Tool, Watch
from train_tools.lora.tools.rows.common import device_setting, dtype_of, dtype_setting
from train_tools.lora.tools.rows.merge import weighted
from train_tools.workspace.fields import setting


@dataclass(frozen=True)
class MergeIntoSettings:
    blocks: tuple[str, ...] = setting(
        (),
        help="Weights of blocks for each file, in its order: a preset, 12, 17, 20 or 26 numbers, or IN04=0.5, OUT03=0.",
        zh="各文件的分层权重，依文件顺序填写：预设名，12、17、20 或 26 个数字，或 IN04=0.5, OUT03=0。",
        separator="\n",
        parse=lambda text: tuple(text.split("\n")) if text else (),
    )
    dtype: str = dtype_setting()
    device: str = device_setting()


def work(given: Given, settings: MergeIntoSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.merge_into import merge_into

    made = merge_into(
        given.path("base"),
        weighted(given, settings.blocks),
        given.target,
        dtype=dtype_of(settings.dtype),
        device=settings.device,
        progress=watch.progress,
        cancelled=watch.cancelled,
    )
    return Done((made.out,), {"layers": made.layers}, (f"{made.layers} layers changed",), made.notes)


TOOL = Tool(
    "merge-into", "a base model with LoRAs merged in",
    (Input("base", BASE), Input("files", several=True, weighted=True)), MergeIntoSettings, work, MODEL,
)  # fmt: skip
