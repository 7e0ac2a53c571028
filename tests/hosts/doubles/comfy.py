"""The patcher that reForge, Classic and Neo have of ComfyUI: `patches` by weight, `backup` shared by all clones.

A shape that doesn't fit is logged and left out (weight_adapter's calculate_weight returns the weight as it was).
unpatch_model(device_to=None, unpatch_weights=True), unload_all_models(): what leaves gets its own weights back.
"""

from __future__ import annotations

import contextlib
from typing import Any

from hosts.doubles.nets import Part, delta


class Patcher:
    offload_device = "cpu"

    def __init__(self, part: Part, backup: dict[str, Any] | None = None) -> None:
        self.model = part
        self.patches: dict[str, list[Any]] = {}
        self.backup: dict[str, Any] = {} if backup is None else backup

    def clone(self) -> Patcher:
        other = Patcher(self.model, self.backup)
        other.patches = {name: patches[:] for name, patches in self.patches.items()}
        return other

    def add_patches(self, patches: Any, strength_patch: float = 1.0, strength_model: float = 1.0, *,
                    filename: str | None = None, online_mode: bool | None = None) -> list[str]:  # fmt: skip
        known = [name for name in patches if name in self.model.weights]
        for name in known:
            self.patches.setdefault(name, []).append((strength_patch, patches[name], strength_model))
        return known

    def load(self) -> None:
        self.unpatch_model(self.offload_device)
        for name, patches in self.patches.items():
            weight = self.model.weights[name]
            self.backup.setdefault(name, weight.array)
            for strength, (up, down), _ in patches:
                with contextlib.suppress(RuntimeError):  # logged
                    weight.array = weight.array + delta(up, down, weight.shape) * strength

    def unpatch_model(self, device_to: Any = None, unpatch_weights: bool = True) -> None:
        for name, array in self.backup.items():
            self.model.weights[name].array = array
        self.backup.clear()
