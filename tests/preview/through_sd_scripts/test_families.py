"""Every family with every network module that its trainer knows: the real sd-scripts on narrow models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from preview.through_sd_scripts.asked import Drawer, cell, checkpoint
from preview.through_sd_scripts.conftest import Workshop

from train_tools.families.detect import detect

pytestmark = [pytest.mark.real_sd_scripts, pytest.mark.slow]

LYCORIS = "lycoris.kohya"
# LyCORIS' own presets know no layers of these two, so that people write one.
PRESETS = {
    "anima": ('["Block"]', '["Qwen3Attention", "Qwen3MLP"]'),
    "lumina": ('["JointTransformerBlock"]', '["Gemma2Attention", "Gemma2MLP"]'),
}
TEXTS = "texts=1"
# Family -> network modules, each with its options.
NETWORKS: dict[str, tuple[tuple[str, ...], ...]] = {
    "flux": (
        ("networks.lora_flux",), ("networks.lora_flux", TEXTS, "train_t5xxl=True"),
        ("networks.oft_flux", "alpha=0.01"), (LYCORIS, "algo=lokr"), (LYCORIS, "algo=loha", TEXTS),
        (LYCORIS, "algo=full"), (LYCORIS, "algo=locon", "dora_wd=True"), (LYCORIS, "algo=diag-oft"),
        (LYCORIS, "algo=glora"),
    ),
    "chroma": (("networks.lora_flux",), (LYCORIS, "algo=lokr"), (LYCORIS, "algo=loha")),
    "sd3": (("networks.lora_sd3", TEXTS), (LYCORIS, "algo=lokr", TEXTS), (LYCORIS, "algo=loha")),
    "lumina": (("networks.lora_lumina", TEXTS), (LYCORIS, "algo=lokr", TEXTS), (LYCORIS, "algo=loha")),
    "hunyuan_image": (("networks.lora_hunyuan_image",), (LYCORIS, "algo=lokr"), (LYCORIS, "algo=loha")),
    "anima": (
        ("networks.lora_anima", TEXTS), ("networks.lora_anima", "train_llm_adapter=True"),
        (LYCORIS, "algo=lokr", TEXTS), (LYCORIS, "algo=loha"),
    ),
}  # fmt: skip


def networks(workshop: Workshop, family: str) -> list[tuple[str, ...]]:
    """With the preset that a family's LyCORIS needs."""
    preset = "attn-mlp"
    if family in PRESETS:
        preset = str(workshop.folder / f"{family}.toml")
        transformer, texts = PRESETS[family]
        Path(preset).write_text(
            f"enable_conv = false\nunet_target_module = {transformer}\nunet_target_name = []\n"
            f"text_encoder_target_module = {texts}\ntext_encoder_target_name = []\n"
        )
    return [(*words, f"preset={preset}") if words[0] == LYCORIS else words for words in NETWORKS[family]]


@pytest.mark.parametrize("family", NETWORKS)
def test_a_lora_changes_a_picture_by_its_weights_and_leaves_no_trace(
    workshop: Workshop, drawer: Drawer, family: str
) -> None:
    run = workshop.run(family)
    assert detect(run.base_model).family.name == family
    wanted = networks(workshop, family)
    files = [checkpoint(run, path) for path in workshop.loras(family, wanted)]
    base = [cell(files[0], weight=0.0), cell(files[0], weight=0.0, seed=2)]
    weighed = [
        [
            cell(of, weight=0.5),
            cell(of, weight=1.0),
            cell(of, weight=1.0),
            cell(of, weight_unet=1.0),
            cell(of, weight_te=1.0),
        ]
        for of in files
    ]
    drawn = iter(drawer.draw([*base, *(one for row in weighed for one in row)]))
    plain, other_seed = next(drawn), next(drawn)
    assert not np.array_equal(plain, other_seed)
    for words, row in zip(wanted, weighed, strict=True):
        half, whole, again, transformer, texts = (next(drawn) for _ in row)
        assert np.array_equal(whole, again), words
        assert not any(np.array_equal(plain, changed) for changed in (half, whole, transformer)), words
        assert not np.array_equal(half, whole), words
        assert np.array_equal(plain, texts) == (TEXTS not in words), words
        assert np.array_equal(whole, transformer) == (TEXTS not in words), words
