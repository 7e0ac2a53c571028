"""The new head against the safetensors library and sd-scripts' definition of the hashes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from train_tools.errors import TrainToolsError
from train_tools.lora import kohya
from train_tools.lora.head_writing import write_with_metadata


def lora(path: Path, rows: int, metadata: dict[str, str]) -> dict[str, torch.Tensor]:
    """Half a megabyte a thousand rows, of three dtypes, as a library writes it."""
    generator = torch.Generator().manual_seed(1)
    tensors = {
        "lora_te_a.lora_down.weight": torch.randn(rows, 256, generator=generator).half(),
        "lora_unet_b.lora_up.weight": torch.randn(16, 16, generator=generator),
        "lora_unet_b.alpha": torch.tensor(4.0, dtype=torch.bfloat16),
    }
    kohya.write(path, tensors, metadata)
    return tensors


@pytest.mark.parametrize("rows", [10, 2040, 2500, 8000], ids=["5 KB", "around 1 MiB", "1.2 MB", "4 MB"])
@pytest.mark.parametrize("tags", ["{}", '{"5_zorb": {"眼睛 \\"quoted\\"\\n\\u001f": 3}}' * 50])
def test_hashes_are_those_of_sd_scripts(tmp_path: Path, rows: int, tags: str) -> None:
    source, target = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    tensors = lora(source, rows, {"ss_tag_frequency": tags, "ss_epoch": "3", "modelspec.title": "old"})
    changes = {"ss_output_name": "新 name", "modelspec.title": "新 name", "modelspec.author": "A" * 999}
    said = write_with_metadata(source, target, changes)
    training_only = {name: value for name, value in said.items() if name.startswith("ss_")}
    assert kohya.model_hashes(tensors, training_only) == {
        name: said[name] for name in ("sshs_model_hash", "sshs_legacy_hash")
    }
    with safe_open(target, "pt") as file:
        assert file.metadata() == said
        assert set(file.keys()) == set(tensors)
        for name in tensors:
            assert torch.equal(file.get_tensor(name), tensors[name])
    assert said["ss_tag_frequency"] == tags


def test_the_model_hash_stays_and_an_unchanged_head_keeps_both(tmp_path: Path) -> None:
    source = tmp_path / "a.safetensors"
    lora(source, 3000, {"ss_output_name": "old"})
    with safe_open(source, "pt") as file:
        before = dict(file.metadata())
    assert write_with_metadata(source, tmp_path / "b.safetensors", {}) == before
    renamed = write_with_metadata(source, tmp_path / "c.safetensors", {"ss_output_name": "a longer name"})
    assert renamed["sshs_model_hash"] == before["sshs_model_hash"]
    assert renamed["sshs_legacy_hash"] != before["sshs_legacy_hash"]


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    source, target = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    lora(source, 10, {})
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        write_with_metadata(source, target, {})
    assert target.read_bytes() == b"mine"


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "a.safetensors"
    lora(source, 10, {})
    source.write_bytes(source.read_bytes()[:-1])
    with pytest.raises(TrainToolsError, match="no whole safetensors"):
        write_with_metadata(source, tmp_path / "b.safetensors", {})
    assert not (tmp_path / "b.safetensors").exists()
