"""`lora merge-into BASE FILE:WEIGHT …`."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.lora.tools.interface import BASE, Done, Given, Input, Tool, Watch

from . import shared


@dataclass(frozen=True)
class MergeIntoSettings:
    blocks: tuple[str, ...] = shared.blocks_setting()
    text_weights: tuple[float, ...] = shared.text_weights_setting()
    precision: str = shared.precision_setting()
    device: str = shared.device_setting()


def work(given: Given, settings: MergeIntoSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.merge_into import merge_into

    done = merge_into(
        given.path("base"), shared.weighted(given.files["files"], settings.blocks, settings.text_weights),
        given.target, dtype=shared.dtype(settings.precision), device=settings.device, progress=watch.progress,
        cancelled=watch.cancelled,
    )  # fmt: skip
    return Done((done.out,), {"layers": done.layers}, (f"{done.layers} layers were changed",), done.notes)


TOOL = Tool(
    "merge-into", "LoRAs into a base model, as a file or a diffusers folder",
    (Input("base", BASE), Input("files", several=True, weighted=True)), MergeIntoSettings, work,
)  # fmt: skip
