"""Base models are shown by their names, and by folders only where two are called alike."""

from __future__ import annotations

import pytest

from train_tools.preview.model_names import shown_models

SHIPPED = "/home/me/webui/extensions/train-tools/train_tools/small_models/weights/scenes-sd1.safetensors"


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        ([SHIPPED], ["scenes-sd1"]),
        ([SHIPPED, r"D:\models\nai v1.safetensors"], ["scenes-sd1", "nai v1"]),
        (["/a/m.safetensors", "/b/m.safetensors", "/b/n.ckpt"], ["a/m.safetensors", "b/m.safetensors", "n"]),
        (["/a/x/m.ckpt", "/b/x/m.ckpt"], ["a/x/m.ckpt", "b/x/m.ckpt"]),
        (["/a/m.ckpt", "/a/m.safetensors"], ["a/m.ckpt", "a/m.safetensors"]),
        (["/models/sd-v1.5"], ["sd-v1.5"]),
        (["m.safetensors", "m.safetensors"], ["m"]),
    ],
)
def test_names(paths: list[str], names: list[str]) -> None:
    assert list(shown_models(paths).values()) == names
