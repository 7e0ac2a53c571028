"""Fifty steps of the real sd-scripts, trained again by the packed engine from what each of them drew.

The first weights, latents, noise, timesteps, captions and sizes are those of the real training (`recorder.py`), so that
each loss must be the same to rounding: the model's answer, the loss, the gradients, the clipping, the optimizer and the
schedule of every step before it are in it. The run is replayed in a pack, beside one of another rank and seed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from engines.sd_scripts import recorder
from engines.sd_scripts.bench import make_version
from engines.sd_scripts.conftest import REAL, VARIABLE
from engines.sd_scripts.narrow import narrow_checkout, small_diffusers_folder
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from train_tools.arguments.config_file import dumps
from train_tools.base_model.convert import write_checkpoint
from train_tools.engines.packed.config import from_arguments
from train_tools.engines.packed.data.batches import Batch, RunData, epoch_schedule, read_items
from train_tools.engines.packed.data.encoding import Needs, encode
from train_tools.engines.packed.data.wording import At
from train_tools.engines.packed.step.objective import Draws
from train_tools.engines.packed.step.pack import Pack
from train_tools.engines.sd_scripts.command import variables
from train_tools.engines.sd_scripts.config import Places, staged
from train_tools.engines.sd_scripts.datasets import dataset_config, has_several_sizes
from train_tools.engines.sd_scripts.tokenizers import tokenizers_for
from train_tools.environment.sd_scripts_place import sd_scripts_python
from train_tools.families.loading import KINDS, load
from train_tools.families.registry import BY_NAME
from train_tools.families.stable_diffusion import narrow

pytestmark = [
    pytest.mark.real_sd_scripts, pytest.mark.slow, pytest.mark.timeout(3600),
    pytest.mark.skipif(not REAL, reason=f"{VARIABLE} names no checkout of sd-scripts"),
]  # fmt: skip
STEPS = 50
LIMIT = 1e-5
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # several wait for each other longer than such models compute
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "LierLa": {"network_module": "networks.lora"},
    "C3Lier": {"network_module": "networks.lora", "network_args": ["conv_dim=2", "conv_alpha=1"]},
    "LoHa": {"network_module": "lycoris.kohya", "network_args": ["algo=loha"]},
    "LoHa with norms": {"network_module": "lycoris.kohya", "network_args": ["algo=loha", "train_norm=True"]},
}
OPTIMIZERS: Mapping[str, Mapping[str, Any]] = {
    "AdamW": {"optimizer_type": "AdamW", "learning_rate": 1e-3, "text_encoder_lr": [5e-4]},
    # At a rate of 1 so small a model is chaotic, and shows nothing either way.
    "Prodigy": {"optimizer_type": "Prodigy", "learning_rate": 0.3, "unet_lr": 0.3, "text_encoder_lr": [0.3]},
}
CELLS = [
    *((family, network, "AdamW") for family in ("sd1", "sdxl") for network in ("LierLa", "C3Lier", "LoHa")),
    *((family, "LierLa", "Prodigy") for family in ("sd1", "sdxl")),
    ("sdxl", "LoHa with norms", "AdamW"),
]


@dataclass(frozen=True)
class Place:
    """A narrow checkout of sd-scripts, the base models that it trains, and pictures."""

    checkout: Path
    bases: Mapping[str, Path]
    images: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("replay")
    xl = narrow.build(KINDS["sdxl"])
    # sd-scripts reads this matrix of a file the other way round than webuis and diffusers do: here both are the same.
    projection = xl.text_encoders[1].text_projection.weight
    with torch.no_grad():
        projection.copy_((projection + projection.T) / 2)
    write_checkpoint(xl, folder / "xl.safetensors")
    bases = {"sd1": small_diffusers_folder(folder / "base"), "sdxl": folder / "xl.safetensors"}
    images = make_version(folder / "root").processed
    return Place(narrow_checkout(Path(REAL).absolute(), folder / "sd-scripts"), bases, images)


@pytest.mark.parametrize(("family", "network", "optimizer"), CELLS)
def test_each_loss_is_that_of_sd_scripts(
    place: Place, family: str, network: str, optimizer: str, tmp_path: Path
) -> None:
    arguments = arguments_of(place, family, tmp_path, **NETWORKS[network], **OPTIMIZERS[optimizer])
    compare(place, family, arguments, tmp_path)


@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_so_it_is_at_two_sizes_at_once(place: Place, family: str, tmp_path: Path) -> None:
    """Whose batches come in their own order; Stable Diffusion XL is told each one's size."""
    sizes_at_once = {"resolution": "64,64+128,128", "enable_bucket": True, "min_bucket_reso": 64}
    arguments = arguments_of(place, family, tmp_path, **sizes_at_once, **OPTIMIZERS["AdamW"])
    steps = compare(place, family, arguments, tmp_path)
    sizes = [steps.tensors[f"{step}.sizes"][0, -2:].tolist() for step in range(12)]
    assert sorted(sizes) == [[64, 64]] * 6 + [[128, 128]] * 6  # the first epoch
    assert {size for one in sizes for size in one} == {
        8 * steps.tensors[f"{step}.latents"].shape[-1] for step in range(12)
    }
    run = from_arguments(Path("run"), arguments)
    ours = encode(read_items(run), load(run.base_model), Needs(), lambda *_: None)
    assert len(epoch_schedule(ours, run.batch_size)) == 12
    for data in RunData(run, ours, STEPS).epoch(epoch_schedule(ours, run.batch_size), At(1, 0)):
        alike = next(step for step in range(12) if sizes[step] == list(data.sizes[0][-2:]))
        assert [tuple(row) for row in steps.tensors[f"{alike}.sizes"].tolist()] == data.sizes


def arguments_of(place: Place, family: str, tmp_path: Path, **changes: Any) -> dict[str, Any]:
    return {
        "pretrained_model_name_or_path": str(place.bases[family]), "family": family,
        "train_data_dir": str(place.images), "output_dir": str(tmp_path), "output_name": "run",
        "resolution": "64,64", "caption_extension": ".txt", "train_batch_size": 2, "max_train_epochs": 9, "seed": 7,
        "network_dim": 4, "network_alpha": 2.0, "min_snr_gamma": 5.0, "noise_offset": 0.05, "ip_noise_gamma": 0.1,
        "max_grad_norm": 0.5, "lr_scheduler": "cosine", "lr_warmup_steps": 5, "max_data_loader_n_workers": 0,
        "network_module": "networks.lora", **changes,
    }  # fmt: skip


def compare(place: Place, family: str, arguments: Mapping[str, Any], tmp_path: Path) -> Steps:
    steps = record(place, family, arguments, tmp_path)
    assert len(steps.losses) >= STEPS
    ours = replayed(arguments, steps)
    worst = max(abs(mine / theirs - 1) for mine, theirs in zip(ours, steps.losses, strict=False))
    print(f"{family} {tmp_path.name}: losses within {worst:.1e} over {STEPS} steps")
    assert worst < LIMIT
    return steps


@dataclass(frozen=True)
class Steps:
    """What the real training drew, and how it went."""

    tensors: Mapping[str, Tensor]
    captions: list[list[str]]
    losses: list[float]

    def batch(self, step: int) -> Batch:
        sizes = [tuple(row) for row in self.tensors[f"{step}.sizes"].tolist()]
        weights = self.tensors[f"{step}.weights"].tolist()
        return Batch(self.tensors[f"{step}.latents"], self.captions[step], weights, sizes)

    def draws(self, step: int) -> Draws:
        return Draws(*(self.tensors[f"{step}.{name}"] for name in ("noise", "added", "timesteps")))


def record(place: Place, family: str, arguments: Mapping[str, Any], folder: Path) -> Steps:
    known, out = BY_NAME[family], folder / "steps.safetensors"
    tokenizers = tokenizers_for(arguments, known, place.images.parent / "tokenizers")
    places = Places(folder, None, tokenizers=tokenizers)
    if has_several_sizes(arguments):
        places = dataclasses.replace(places, datasets=folder / "datasets.toml")
        (folder / "datasets.toml").write_text(dataset_config(arguments, None), encoding="utf-8")
    text = dumps({**staged(arguments, places), "save_state": None}, known)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    script = place.checkout / known.training.script
    command = [
        str(sd_scripts_python(Path(REAL).absolute())), recorder.__file__, str(script), str(out),
        "--config_file", str(folder / "config.toml"),
    ]  # fmt: skip
    environ = {**variables(os.environ, is_local=True), **ONE_THREAD}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    with safe_open(out, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        said = file.metadata()
    return Steps(tensors, json.loads(said["captions"]), json.loads(said["losses"]))


def replayed(arguments: Mapping[str, Any], steps: Steps) -> list[float]:
    torch.set_num_threads(1)
    first = arguments["output_dir"] + "/first.safetensors"
    start = "first."
    save_file({n.removeprefix(start): t for n, t in steps.tensors.items() if n.startswith(start)}, first)
    config = from_arguments(Path("run"), {**arguments, "network_weights": first})
    other = from_arguments(Path("other"), {**arguments, "network_dim": 8, "seed": 9, "learning_rate": 3e-4})
    base = load(config.base_model)
    pack = Pack([config, other], base, len(steps.losses))
    losses = []
    with pack.stack.attached():
        for step in range(STEPS):
            batch, draws = steps.batch(step), steps.draws(step)
            beside = pack.draw([batch, batch])
            half = len(draws.timesteps)
            both = Draws(
                torch.cat([draws.noise, beside.noise[half:]]), torch.cat([draws.added, beside.added[half:]]),
                torch.cat([draws.timesteps, beside.timesteps[half:]]),
            )  # fmt: skip
            pack.draw = lambda batches, both=both: both  # type: ignore[method-assign,misc]
            losses.append(pack.step([batch, batch])[0])
            del pack.draw
    return losses
