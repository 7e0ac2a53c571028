"""Trains run folders: loads and caches once, then trains in packs those that start from the same place."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from train_tools.base_model.identity import legacy_hash
from train_tools.dataset.training import training_images
from train_tools.engines.events import EventLog
from train_tools.errors import UsageError
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel

from . import metadata, state
from .config import RunConfig
from .data import fixed_captions, read_items, steps_per_epoch
from .encoding import NOTHING_KEPT, Needs, encode
from .kept import content_of, kept_beside
from .loop import SAVED, Loop, say
from .pack import PRECISIONS, Pack
from .pictures import Item
from .support import WITHOUT_EFFECT, pack_key

FORMAT = 3  # of saved states: others aren't gone on from
PLACES = frozenset(
    {
        "output_dir",
        "train_data_dir",
        "reg_data_dir",
        "conditioning_data_dir",
        "pretrained_model_name_or_path",
        "vae",
    }
)  # may move meanwhile


def train(configs: list[RunConfig], logs: list[EventLog]) -> list[str]:
    """Trains all runs; returns for each whether it is finished, failed or paused.

    A run with a saved state goes on from it. Runs whose states share no place, and those without one, are trained
    one pack after another. Raises UsageError where the runs can't share a pack.
    """
    _check(configs)
    _tell(logs, "loading")
    first = configs[0]
    started_at = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Read first: a dataset that can't be read must not cost the loading of the model.
    items = read_items(first)
    base = _load(first, device)
    model, vae = (content_of(path, first.folder) if path else "" for path in (first.base_model, first.vae))
    _tell(logs, "caching")
    kept = kept_beside(first.folder, "latents") if (vae or model) else NOTHING_KEPT
    needs = Needs.of(configs)
    buckets = encode(items, base, needs, lambda done, of: say(f"latents {done}/{of}"), kept, vae or model)
    kept.tidy()
    texts = kept_beside(first.folder, "texts")
    texts.tidy()
    if not any(config.is_varied for config in configs):
        base.vae.to("cpu")
    vae_name = first.vae.name if first.vae else ""
    reg = training_images(first.reg_data_dir) if first.reg_data_dir else []
    shared = metadata.Shared(
        items, buckets, first.base_model.name, _of_file(first.base_model, model), started_at, vae_name,
        _of_file(first.vae, vae), _of_file(first.base_model, legacy_hash), _of_file(first.vae, legacy_hash),
        sum(image.repeats for image in reg), base.family,
    )  # fmt: skip
    steps = steps_per_epoch(buckets, first.batch_size) * first.epochs
    models = [model, vae] if vae else [model]
    identities = [_identity(config, items, models) for config in configs]
    found = [
        state.places(config.folder, identity, partial(_warn, log))
        for config, identity, log in zip(configs, identities, logs, strict=True)
    ]
    outcomes = [""] * len(configs)
    for place, members in state.group(found):
        pack = Pack([configs[i] for i in members], base, steps)
        loop = Loop(pack, shared, [logs[i] for i in members], [identities[i] for i in members], steps)
        if place != state.Place():
            loop.resume([state.read(found[i][place]) for i in members])
        pack.prepare(fixed_captions(pack.configs, items), texts, model)
        _tell([logs[i] for i in members], "training")
        with pack.stack.attached():
            for index, outcome in zip(members, loop.run(), strict=True):
                outcomes[index] = outcome
        del pack, loop  # the next one needs the memory
    return outcomes


def _of_file(model: Path | None, found: str | Callable[[Path], str]) -> str:
    """A hash as sd-scripts writes it down, which has none for a folder."""
    if model is None:
        return ""
    if not model.is_file():
        return "IsADirectory"
    return found if isinstance(found, str) else found(model)


def _identity(config: RunConfig, items: list[Item], models: list[str]) -> str:
    """Over all that a run's result depends on, wherever its files lie."""
    arguments = {
        name: value
        for name, value in config.arguments.items()
        if name not in PLACES and name not in WITHOUT_EFFECT
    }
    images = [
        [
            i.folder,
            i.path.name,
            i.path.stat().st_size,
            i.caption,
            i.repeats,
            *i.bucket,
            *(["reg"] if i.is_reg else []),
            *([i.mask.name, i.mask.stat().st_size] if i.mask else []),
        ]
        for i in items
    ]
    return hashlib.sha256(
        json.dumps([FORMAT, arguments, images, *models], sort_keys=True).encode()
    ).hexdigest()


def _tell(logs: list[EventLog], stage: str) -> None:
    for log in logs:
        log.write("stage", stage=stage)


def _warn(log: EventLog, text: str) -> None:
    log.write("warning", text=f"{text}; it isn't used")
    say(text)


def _check(configs: list[RunConfig]) -> None:
    if len({pack_key(config.arguments) for config in configs}) != 1:
        raise UsageError("these runs differ in what a pack must share; train them apart")
    files = [config.folder / config.output_name for config in configs]
    if len(set(files)) != len(files):
        raise UsageError("two of these runs would write the same files; give each its own output_name")
    unknown = {config.save_precision for config in configs} - SAVED.keys()
    if unknown:
        raise UsageError(f"save_precision {unknown.pop()} is not one of {', '.join(SAVED)}")


def _load(config: RunConfig, device: torch.device) -> BaseModel:
    dtype = PRECISIONS[config.mixed_precision] or torch.float32
    # The VAE runs once over the dataset: exactness is worth more than speed.
    return load(config.base_model, vae=config.vae, device=device, dtype=dtype, vae_dtype=torch.float32)
