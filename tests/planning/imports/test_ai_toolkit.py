from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from planning.imports.files import can_be_planned, reasons, some_of, text

from train_tools.errors import UsageError

JOB = """
job: extension
config:
  name: my_lora
  process:
    - type: sd_trainer
      trigger_word: "p3r5on"
      network: {type: lora, linear: 32, linear_alpha: 16, conv: 8}
      save: {dtype: float16, save_every: 200}
      datasets:
        - folder_path: /pictures
          caption_ext: txt
          caption_dropout_rate: 0.05
          shuffle_tokens: true
          keep_tokens: 1
          num_repeats: 3
          resolution: [512, 768, 1024]
      train:
        batch_size: 2
        steps: 3000
        gradient_accumulation_steps: 2
        train_text_encoder: false
        optimizer: adamw8bit
        optimizer_params: {weight_decay: 0.02, betas: [0.9, 0.99]}
        lr: 1e-4
        timestep_type: sigmoid
        dtype: bf16
        ema_config: {use_ema: true}
      model: {name_or_path: "black-forest-labs/FLUX.1-dev", is_flux: true, quantize: true}
"""


def test_a_job(tmp_path: Path) -> None:
    imported = text(tmp_path, "job.yaml", JOB)
    expected = {
        "network_module": "networks.lora_flux", "network_dim": 32, "network_alpha": 16.0,
        "network_train_unet_only": True, "network_args": ["conv_dim=8", "conv_alpha=8"], "train_batch_size": 2,
        "gradient_accumulation_steps": 2, "learning_rate": 1e-4, "optimizer_type": "AdamW8bit",
        "optimizer_args": ["weight_decay=0.02", "betas=0.9,0.99"],
        "mixed_precision": "bf16", "save_precision": "fp16", "save_every_n_steps": 200,
        "resolution": "512,512+768,768+1024,1024",
        "caption_extension": ".txt", "caption_dropout_rate": 0.05, "shuffle_caption": True, "keep_tokens": 1,
        "timestep_sampling": "sigmoid", "fp8_base": True,
    }  # fmt: skip
    assert (imported.source, imported.family) == ("ai-toolkit job", "flux")
    assert some_of(imported, expected) == expected
    assert imported.assumed["lr_scheduler"] == "constant"
    left = reasons(imported)
    assert "set max_train_epochs" in left["max_train_steps"]
    assert "captions" in left["trigger_word"]
    assert "Hugging Face" in left["model: name_or_path"]
    assert "moving average" in left["train: ema_config"]
    assert can_be_planned(imported)
    assert text(tmp_path, "job.json", json.dumps(yaml.safe_load(JOB))).settings == imported.settings


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("is_flux: true", "arch: qwen_image", "for qwen_image, which can't"),
        ("FLUX.1-dev", "FLUX.1-Kontext-dev", "for FLUX.1 Kontext, which can't"),
        ("is_flux: true", "is_pixart: true", "for pixart, which can't"),
        ("type: sd_trainer", "type: slider", "trains no LoRA from pictures"),
        ("network: {", "nothing: {", "trains no LoRA from pictures"),
    ],
)
def test_jobs_that_do_something_else_are_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        text(tmp_path, "job.yaml", JOB.replace(old, new))
