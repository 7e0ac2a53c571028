"""Trains run folders: loads and caches once, then trains in packs those that stand at the same batch of an epoch."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import torch

from train_tools.base_model.identity import legacy_hash
from train_tools.dataset.training import training_images
from train_tools.engines.events import EventLog
from train_tools.errors import UsageError

from . import metadata, state
from .captions import CaptionCache, prepared
from .config import RunConfig
from .data import RunData, read_held_back, read_items
from .encoding import Encoder, Needs, encoded
from .identity import identity_of, kin_of
from .kept import content_of, kept_beside
from .length import kept_state, resolved, starting_place, why_not
from .loop import SAVED, Loop
from .member import Member, say
from .meter import meter_for
from .pack import Pack
from .precision import free, loaded
from .room import Room
from .support import pack_key
from .validation import Validation


def train(configs: list[RunConfig], logs: list[EventLog]) -> list[str]:
    """Trains all runs; returns for each how it ended, one of `member`'s outcomes.

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
    base = loaded(first, device)
    model, vae = (content_of(path, first.folder) if path else "" for path in (first.base_model, first.vae))
    _tell(logs, "caching")
    kept, texts = (kept_beside(first.folder, kind) for kind in ("latents", "texts"))
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
    encoder = Encoder(base, first.resize_interpolation)
    members = [
        _member(config, log, shared, models, encoder) for config, log in zip(configs, logs, strict=True)
    ]
    left = [member for member in members if not member.outcome]
    found = [_states(member) for member in left]

    embedded = prepared(configs, [*items, *held_back], base, kept=texts, model=model)
    kept.tidy()
    texts.tidy()
    validation = Validation(measured, encoder)

    def make_pack(configs: list[RunConfig], steps: list[int], captions: CaptionCache | None) -> Pack:
        return Pack(configs, base, steps, captions or embedded)

    room = Room(meter_for(device), base, buckets, encoder)
    for places in state.group(found):
        together = [left[index] for index in places]
        states = [_state_of(left[index], found[index], place) for index, place in places.items()]
        count = room.look(together, lambda some: make_pack(some, [1] * len(some), None))
        for member in together[count:]:
            room.give_back(member, count, len(together))
        together, states = together[:count], states[:count]
        loop = Loop(make_pack, shared, together, validation, room.tell)
        loop.resume(states)
        _tell([member.log for member in together], "training")
        loop.run()
        del loop  # the next one needs the memory
    return [member.outcome for member in members]


def _member(
    config: RunConfig, log: EventLog, shared: metadata.Shared, models: list[str], encoder: Encoder
) -> Member:
    """One that has nothing to train, or nothing to go on from, has failed already."""
    identity, kin = identity_of(config, shared.items, models), kin_of(config, models)
    place, error = state.Place(), ""
    try:
        place = starting_place(config, shared.buckets)
        config = resolved(config, place, shared.buckets)
    except UsageError as refusal:
        error = str(refusal)
    data = RunData(config, shared.buckets, config.max_train_steps, encoder)
    member = Member(config, log, identity, kin, data, place.epoch, place.step)
    if not error and config.resume is not None and not _states(member, warn=False):
        error = why_not(config, kin)
    if error:
        member.fail(error)
    return member


def _states(member: Member, *, warn: bool = True) -> dict[state.Place, Path]:
    hear = partial(_warn, member.log)
    return state.places(member.config.folder, member.identity, hear if warn else lambda _: None)


def _state_of(
    member: Member, found: Mapping[state.Place, Path], place: state.Place | None
) -> state.RunState | None:
    """The run's own, or the one that it was told to go on from."""
    if place is not None:
        return state.read(found[place])
    if member.config.resume is None:
        return None
    kept = kept_state(member.config)
    start = state.Place(member.epoch, 0, member.step)
    return dataclasses.replace(kept, place=start, values={**kept.values, "sum": 0.0})


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
