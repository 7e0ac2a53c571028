"""Trains run folders: loads and caches once, then trains in packs those that stand at the same batch of an epoch."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from train_tools.base_model.identity import file_hash, legacy_hash
from train_tools.dataset.training import training_images
from train_tools.engines.events import EventLog
from train_tools.engines.packed import state
from train_tools.engines.packed.base.precision import free, loaded
from train_tools.engines.packed.base.quicker import quickened
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import read_held_back, read_items
from train_tools.engines.packed.data.captions import prepared
from train_tools.engines.packed.data.encoding import Encoder, Needs, encoded
from train_tools.engines.packed.data.kept import content_of, kept_beside
from train_tools.engines.packed.life import metadata
from train_tools.engines.packed.life.beginning import Common, member_of, state_at, states_of
from train_tools.engines.packed.life.joining import Door
from train_tools.engines.packed.life.loop import SAVED, Loop
from train_tools.engines.packed.life.member import Member
from train_tools.engines.packed.life.validation import Validation
from train_tools.engines.packed.memory.meter import meter_for
from train_tools.engines.packed.memory.room import Room
from train_tools.engines.packed.step.pack import Pack
from train_tools.engines.packed.support import pack_key
from train_tools.errors import UsageError


def train(configs: list[RunConfig], logs: list[EventLog]) -> list[str]:
    """Trains all runs; returns for each how it ended, one of `member`'s outcomes. Those that join are added to `logs`.

    A run with a saved state goes on from it. Runs whose states lie within an epoch are trained one pack after another
    where they stand at different batches. Raises UsageError where the runs can't share a pack.
    """
    _check(configs)
    _tell(logs, "loading")
    first = configs[0]
    started_at = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Read first: a dataset that can't be read must not cost the loading of the model.
    items, held_back = read_items(first), read_held_back(first)
    base = quickened(loaded(first, device), first, partial(_say_to, logs))
    model, vae = (content_of(path, first.folder) if path else "" for path in (first.base_model, first.vae))
    _tell(logs, "caching")
    kept = kept_beside(first.folder, "latents", vae or model)
    texts = kept_beside(first.folder, "texts", model)
    buckets, measured = (
        encoded(some, base, Needs.of(configs), partial(_say_to, logs), kept, vae or model)
        for some in (items, held_back)
    )
    if not any(config.is_varied for config in configs):
        free(base.vae)
    vae_name = first.vae.name if first.vae else ""
    reg = training_images(first.reg_data_dir) if first.reg_data_dir else []
    shared = metadata.Shared(
        items, buckets, first.base_model.name, _of_file(first.base_model, model), started_at, vae_name,
        _of_file(first.vae, vae), _of_file(first.base_model, legacy_hash), _of_file(first.vae, legacy_hash),
        sum(image.repeats for image in reg), base.family, measured,
    )  # fmt: skip
    models = [model, vae] if vae else [model]
    common = Common(shared, models, Encoder(base, first.resize_interpolation))
    members = [member_of(config, log, common) for config, log in zip(configs, logs, strict=True)]
    left = [member for member in members if not member.outcome]
    found = [states_of(member) for member in left]

    def taken(member: Member) -> None:
        members.append(member)
        logs.append(member.log)

    room = Room(meter_for(device), base, buckets, common.encoder)
    door = Door(configs, common, taken, lambda: room.most)
    captions = prepared(configs, [*items, *held_back], base, kept=texts, model=_changed(model, first))
    kept.tidy()
    texts.tidy()
    validation = Validation(measured, common.encoder)

    def make_pack(configs: list[RunConfig], steps: list[int]) -> Pack:
        return Pack(configs, base, steps, captions)

    for places in state.group(found):
        together = [left[index] for index in places]
        states = [state_at(left[index], found[index], place) for index, place in places.items()]
        count = room.look(together, lambda some: make_pack(some, [1] * len(some)))
        for member in together[count:]:
            room.give_back(member, count, len(together))
        together, states = together[:count], states[:count]
        loop = Loop(make_pack, shared, together, validation, door, room.tell)
        loop.resume(states)
        _tell([member.log for member in together], "training")
        loop.run()
        del loop  # the next one needs the memory
    return [member.outcome for member in members]


def _changed(model: str, config: RunConfig) -> str:
    """What stands for the base model's content with what is merged into it."""
    weights = [f"{file_hash(path)} {config.base_weights_multiplier}" for path in config.base_weights]
    return " ".join([model, *weights])


def _of_file(model: Path | None, found: str | Callable[[Path], str]) -> str:
    """A hash as sd-scripts writes it down, which has none for a folder."""
    if model is None:
        return ""
    if not model.is_file():
        return "IsADirectory"
    return found if isinstance(found, str) else found(model)


def _tell(logs: list[EventLog], stage: str) -> None:
    for log in logs:
        log.write("stage", stage=stage)


def _say_to(logs: list[EventLog], text: str) -> None:
    for log in logs:
        log.write("warning", text=text)


def _check(configs: list[RunConfig]) -> None:
    if len({pack_key(config.arguments) for config in configs}) != 1:
        raise UsageError("these runs differ in what a pack must share; train them apart")
    files = [config.folder / config.output_name for config in configs]
    if len(set(files)) != len(files):
        raise UsageError("two of these runs would write the same files; give each its own output_name")
    unknown = {config.save_precision for config in configs} - SAVED.keys()
    if unknown:
        raise UsageError(f"save_precision {unknown.pop()} is not one of {', '.join(SAVED)}")
