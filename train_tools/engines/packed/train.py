"""Trains run folders: loads and caches once, then trains in packs those that start from the same place."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from train_tools.base_model.identity import file_hash, legacy_hash
from train_tools.dataset.training import training_images
from train_tools.engines.events import EventLog
from train_tools.errors import UsageError
from train_tools.families.stable_diffusion.base import BaseModel

from . import metadata, state
from .captions import prepared
from .config import RunConfig
from .data import Bucket, Item, encode, read_items, steps_per_epoch
from .loop import SAVED, Loop, say
from .meter import meter_for
from .pack import Pack
from .precision import free, loaded
from .room import Room
from .support import WITHOUT_EFFECT, pack_key

ENCODED_PIXELS = 4 * 512 * 512  # of a batch of images: the VAE's activations are large
FORMAT = 3  # of saved states: others aren't gone on from
PLACES = frozenset(
    {"output_dir", "train_data_dir", "reg_data_dir", "pretrained_model_name_or_path", "vae"}
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
    base = loaded(first, device)
    model_hash = _hash_of(first.base_model)
    vae_hash = _hash_of(first.vae) if first.vae else ""
    _tell(logs, "caching")
    buckets = _encoded(first, items, base, logs)
    free(base.vae)
    vae_name = first.vae.name if first.vae else ""
    reg = training_images(first.reg_data_dir) if first.reg_data_dir else []
    shared = metadata.Shared(
        items, buckets, first.base_model.name, model_hash, started_at, vae_name, vae_hash,
        _hash_of(first.base_model, legacy_hash), _hash_of(first.vae, legacy_hash) if first.vae else "",
        sum(image.repeats for image in reg), base.family,
    )  # fmt: skip
    steps = steps_per_epoch(buckets, first.batch_size) * first.epochs
    models = [model_hash, vae_hash] if vae_hash else [model_hash]
    identities = [_identity(config, items, models) for config in configs]
    found = [
        state.places(config.folder, identity, partial(_warn, log))
        for config, identity, log in zip(configs, identities, logs, strict=True)
    ]
    captions = prepared(configs, items, base)
    outcomes = [""] * len(configs)
    room = Room(meter_for(device), base, buckets)
    make = partial(Pack, base=base, steps=steps, captions=captions)
    for place, members in state.group(found):
        count = room.look([configs[i] for i in members], [logs[i] for i in members], make)
        for index in members[count:]:
            outcomes[index] = "paused"
            room.give_back(logs[index], place, count, len(members))
        members = members[:count]
        pack = Pack([configs[i] for i in members], base, steps, captions)
        loop = Loop(pack, shared, [logs[i] for i in members], [identities[i] for i in members], steps)
        if place != state.Place():
            loop.resume([state.read(found[i][place]) for i in members])
        _tell([logs[i] for i in members], "training")
        with pack.stack.attached():
            for index, outcome in zip(members, loop.run(), strict=True):
                outcomes[index] = outcome
        room.tell([logs[i] for i in members])
        del pack, loop  # the next one needs the memory
    return outcomes


def _encoded(config: RunConfig, items: list[Item], base: BaseModel, logs: list[EventLog]) -> list[Bucket]:
    """The latents of all images; in full precision where the VAE can't do half, as SDXL's own in fp16."""
    largest = max(item.bucket[0] * item.bucket[1] for item in items)
    count = max(1, ENCODED_PIXELS // largest)
    report = lambda done, of: say(f"latents {done}/{of}")  # noqa: E731
    buckets = encode(items, base, config.flip_aug, count, report)
    if base.vae.dtype != torch.float32 and not all(
        bool(bucket.latents.isfinite().all()) for bucket in buckets
    ):
        for log in logs:
            log.write(
                "warning", text="the VAE can't encode in half precision; it does so in fp32 (no_half_vae)"
            )
        base.vae.float()
        buckets = encode(items, base, config.flip_aug, count, report)
    return buckets


def _hash_of(model: Path, of_file: Callable[[Path], str] = file_hash) -> str:
    return of_file(model) if model.is_file() else "IsADirectory"


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
