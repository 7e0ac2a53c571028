from __future__ import annotations

from pathlib import Path

import pytest
from planning.imports.files import reasons, some_of, text

from train_tools.errors import UsageError

PRESET = """
model_family: anima
transformer_path: G:/models/anima.safetensors
vae_path: G:/models/vae.safetensors
text_encoder_path: G:/models/qwen3
data_dir: G:/pictures
resolution: [1024, 768]
shuffle_caption: true
keep_tokens: 1
flip_augment: false
lora_type: lokr
lora_rank: 16
lora_alpha: 16.0
lokr_factor: 8
epochs: 12
batch_size: 2
grad_checkpoint: true
grad_accum: 1
learning_rate: 0.0002
lr_scheduler: cosine
optimizer_type: prodigy_plus_schedulefree
weight_decay: 0.01
timestep_sampling: logit_normal
timestep_shift: 3.0
sra_enabled: true
seed: 5
"""


def test_a_preset(tmp_path: Path) -> None:
    imported = text(tmp_path, "preset.yaml", PRESET)
    expected = {
        "pretrained_model_name_or_path": "G:/models/anima.safetensors", "qwen3": "G:/models/qwen3",
        "network_module": "lycoris.kohya", "network_args": ["algo=lokr", "factor=8"], "network_dim": 16,
        "max_train_epochs": 12, "train_batch_size": 2, "resolution": "768,768+1024,1024", "learning_rate": 2e-4,
        "optimizer_type": "prodigyplus.ProdigyPlusScheduleFree", "optimizer_args": ["weight_decay=0.01"],
        "timestep_sampling": "shift", "discrete_flow_shift": 3.0, "seed": 5, "shuffle_caption": True, "keep_tokens": 1,
        "network_train_unet_only": True,
    }  # fmt: skip
    assert (imported.source, imported.family) == ("AnimaLoraStudio settings", "anima")
    assert some_of(imported, expected) == expected
    left = reasons(imported)
    assert "own dataset" in left["data_dir"]
    assert "nothing like it" in left["sra_enabled"]
    with pytest.raises(UsageError, match="for krea2, which can't be trained here"):
        text(tmp_path, "other.yaml", PRESET.replace("model_family: anima", "model_family: krea2"))
