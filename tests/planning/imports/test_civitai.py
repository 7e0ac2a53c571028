from __future__ import annotations

from pathlib import Path

from planning.imports.files import as_json, reasons

SHOWN = {
    "engine": "kohya", "unetLR": 0.0004, "clipSkip": 2, "loraType": "lora", "keepTokens": 1, "networkDim": 24,
    "numRepeats": 8, "resolution": 1024, "lrScheduler": "cosine_with_restarts", "minSnrGamma": 5, "noiseOffset": 0.05,
    "targetSteps": 900, "enableBucket": True, "networkAlpha": 12, "optimizerType": "AdamW8Bit", "textEncoderLR": 0,
    "maxTrainEpochs": 12, "shuffleCaption": True, "trainBatchSize": 3, "flipAugmentation": False,
    "lrSchedulerNumCycles": 3,
}  # fmt: skip


def test_what_civitai_shows_of_a_training(tmp_path: Path) -> None:
    imported = as_json(tmp_path, SHOWN)
    assert imported.settings == {
        "clip_skip": 2, "train_batch_size": 3, "max_train_epochs": 12, "unet_lr": 4e-4, "optimizer_type": "AdamW8bit",
        "lr_scheduler": "cosine_with_restarts", "lr_scheduler_num_cycles": 3, "network_module": "networks.lora",
        "network_dim": 24, "network_alpha": 12.0, "network_train_unet_only": True, "min_snr_gamma": 5.0,
        "noise_offset": 0.05, "resolution": "1024,1024", "enable_bucket": True, "flip_aug": False,
        "shuffle_caption": True, "keep_tokens": 1,
    }  # fmt: skip
    assert (imported.source, imported.family, imported.is_guess) == (
        "Civitai's training settings",
        "sdxl",
        True,
    )
    assert "concept's folder" in reasons(imported)["numRepeats"]
    assert imported.assumed == {}
