"""Two runs with checkpoints on a small random base model."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from preview.samples import WriteLora
from small_base import random_base

from train_tools.base_model.convert import write_checkpoint
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.lora import kohya
from train_tools.lora.stack import LoraStack
from train_tools.lora.targets import text_targets, unet_targets
from train_tools.workspace import toml
from train_tools.workspace.workspace import Version, Workspace


@pytest.fixture(scope="session")
def base() -> BaseModel:
    return random_base()


@pytest.fixture(scope="session")
def base_file(base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "random.safetensors"
    write_checkpoint(base, path)
    return path


@pytest.fixture(scope="session")
def write_lora(base: BaseModel) -> WriteLora:
    def write(path: Path, seed: int, rank: int = 4, epoch: int = 1, **metadata: str) -> Path:
        stack = LoraStack(unet_targets(base.unet) + text_targets(base.text_encoders[0]), [rank], [rank])
        stack.flat.copy_(torch.randn(stack.flat.shape, generator=torch.Generator().manual_seed(seed)) * 0.2)
        kohya.write(path, kohya.tensors_of(stack, 0, torch.float32), {"ss_epoch": str(epoch), **metadata})
        return path

    return write


@pytest.fixture
def version(write_lora: WriteLora, base_file: Path, tmp_path: Path) -> Version:
    """Two runs, the first with two checkpoints, of other ranks."""
    workspace = Workspace(tmp_path)
    workspace.create_project("zorb")
    made = workspace.create_version("zorb", "v1")
    (made.processed / "5_zorb").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(made.processed / "5_zorb" / "00001-0-a.png")
    for number, (optimizer, rank, epochs) in enumerate((("Lion", 4, (1, 2)), ("AdamW", 2, (2,)))):
        folder = made.trains / f"run-{optimizer}"
        folder.mkdir(parents=True)
        arguments = {
            "pretrained_model_name_or_path": str(base_file),
            "train_data_dir": str(made.processed),
            "resolution": "64,64",
            "optimizer_type": optimizer,
            "output_name": f"zorb-v1-{number}",
        }
        (folder / "run.toml").write_text(toml.dumps(arguments), encoding="utf-8")
        for epoch in epochs:
            name = f"zorb-v1-{number}" + ("" if epoch == 2 else f"-{epoch:06d}")
            write_lora(folder / f"{name}.safetensors", 10 * number + epoch, rank, epoch)
    return made
