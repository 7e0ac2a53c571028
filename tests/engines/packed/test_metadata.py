"""What a checkpoint of the packed engine says of its training, and that an import understands it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.life.metadata import Shared, build
from train_tools.planning.imports.lora_metadata import from_lora

CONFIG = RunConfig(
    folder=Path(), output_name="run", base_model=Path(), train_data_dir=Path(), epochs=3,
    arguments={"network_module": "networks.lora", "network_dim": 4, "learning_rate": 1e-4, "seed": 7},
)  # fmt: skip
SHARED = Shared([], [], "base.safetensors", "0" * 64, 0.0)


def test_numbers_are_written_as_sd_scripts_writes_them() -> None:
    plain = build(CONFIG, SHARED, 1, 0)
    expected = {
        "ss_keep_tokens": "0", "ss_enable_bucket": "False", "ss_min_bucket_reso": "None", "ss_max_bucket_reso": "None",
        "ss_bucket_no_upscale": "False", "ss_flip_aug": "False", "ss_shuffle_caption": "False",
    }  # fmt: skip
    assert {key: plain[key] for key in expected} == expected
    buckets = {"enable_bucket": True, "min_bucket_reso": 320, "keep_tokens": 2, "flip_aug": True}
    changed = dataclasses.replace(CONFIG, **buckets, arguments={**CONFIG.arguments, **buckets})
    said = build(changed, SHARED, 1, 0)
    expected = {
        "ss_keep_tokens": "2", "ss_enable_bucket": "True", "ss_min_bucket_reso": "320", "ss_max_bucket_reso": "1024",
        "ss_flip_aug": "True",
    }  # fmt: skip
    assert {key: said[key] for key in expected} == expected


def test_train_again_like_a_packed_lora() -> None:
    imported = from_lora(build(CONFIG, SHARED, 1, 0), ["lora_unet_x.alpha", "lora_te_x.alpha"])
    assert imported.settings["keep_tokens"] == 0
    assert imported.settings["max_train_epochs"] == 3
    assert imported.settings["network_train_unet_only"] is False
    assert [left.key for left in imported.left_out] == ["ss_sd_model_name"]
    assert json.loads(json.dumps(imported.changes()))["seed"] == 7


def test_what_a_person_says_of_a_lora_stands_in_it(tmp_path: Path) -> None:
    picture = tmp_path / "cover.png"
    picture.write_bytes(b"\x89PNG")
    given = {
        "metadata_title": "Zorb", "metadata_author": "小明", "metadata_tags": "ball, red", "metadata_license": "",
        "metadata_is_negative_embedding": False, "metadata_thumbnail": str(picture), "clip_skip": 2,
        "max_timestep": 700,
    }  # fmt: skip
    changed = dataclasses.replace(
        CONFIG, clip_skip=2, max_timestep=700, arguments={**CONFIG.arguments, **given}
    )
    said = build(changed, SHARED, 1, 0)
    assert (said["modelspec.title"], said["modelspec.author"], said["modelspec.tags"]) == (
        "Zorb",
        "小明",
        "ball, red",
    )
    assert said["modelspec.thumbnail"] == "data:image/png;base64,iVBORw=="
    assert (said["modelspec.encoder_layer"], said["modelspec.timestep_range"]) == ("2", "0,700")
    plain = build(CONFIG, SHARED, 1, 0)
    assert plain["modelspec.title"] == "run"
    absent = ["license", "is_negative_embedding"]
    assert not any(f"modelspec.{name}" in said for name in absent)
    assert not any(
        f"modelspec.{name}" in plain for name in [*absent, "thumbnail", "timestep_range", "encoder_layer"]
    )
