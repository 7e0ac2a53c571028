"""Of which kind a layer of a LoRA file is, and its rank, from the names and shapes of its tensors alone."""

from __future__ import annotations

from collections.abc import Mapping

from train_tools.lora.tools.keys import Layer
from train_tools.lora.tools.opened import Opened

# What tells a kind of network: as `lora.kinds` has it, which needs torch (a test holds them together).
FIRST: Mapping[str, str] = {
    "lora_up.weight": "LoRA", "hada_w1_a": "LoHa", "lokr_w1": "LoKr", "lokr_w1_a": "LoKr", "on_input": "(IA)³",
    "diff": "full", "w_norm": "norm", "a1.weight": "GLoRA", "oft_blocks": "OFT",
}  # fmt: skip
LOCON, DORA, BOFT, UNKNOWN = "LoCon", "DoRA", "BOFT", "unknown"
# The tensor whose length is the rank, and along which side; the first that is there.
RANKS: tuple[tuple[str, int], ...] = (
    ("lora_down.weight", 0), ("hada_w1_b", 0), ("lokr_w2_b", 0), ("lokr_w1_b", 0), ("a2.weight", 0),
)  # fmt: skip


def kind(opened: Opened, layer: Layer) -> str:
    found = next((title for end, title in FIRST.items() if end in layer.tensors), UNKNOWN)
    if found == "LoRA" and _is_kernel(opened, layer):
        return LOCON
    if found == "OFT" and (place := opened.place(layer, "oft_blocks")) and len(place.shape) == 4:
        return BOFT
    return found


def is_dora(layer: Layer) -> bool:
    return "dora_scale" in layer.tensors


def _is_kernel(opened: Opened, layer: Layer) -> bool:
    place = opened.place(layer, "lora_mid.weight") or opened.place(layer, "lora_down.weight")
    return place is not None and any(side != 1 for side in place.shape[2:])


def rank(opened: Opened, layer: Layer) -> int | None:
    """None where it has none: whole matrices, OFT, norms."""
    for end, side in RANKS:
        place = opened.place(layer, end)
        if place is not None and len(place.shape) > side:
            return place.shape[side]
    return None


def alpha(opened: Opened, layer: Layer) -> float | None:
    """None where nothing is said, which counts as the rank."""
    return opened.number(opened.place(layer, "alpha"))
