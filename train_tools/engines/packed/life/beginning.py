"""Where a run begins in a pack: anew, from its own saved state, or from what another run kept for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from train_tools.engines.events import EventLog
from train_tools.engines.packed import state
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.batches import RunData
from train_tools.engines.packed.data.encoding import Encoder
from train_tools.engines.packed.life import metadata
from train_tools.engines.packed.life.identity import identity_of, kin_of
from train_tools.engines.packed.life.length import kept_state, resolved, starting_place, why_not
from train_tools.engines.packed.life.member import Member, say
from train_tools.engines.packed.state import Place, RunState
from train_tools.errors import UsageError


@dataclasses.dataclass(frozen=True)
class Common:
    """What all runs of a process share. `models` stand for the content of its models."""

    shared: metadata.Shared
    models: list[str]
    encoder: Encoder


def member_of(config: RunConfig, log: EventLog, common: Common) -> Member:
    """One that has nothing to train, or nothing to go on from, has failed already."""
    shared, models = common.shared, common.models
    identity, kin = identity_of(config, shared.items, models), kin_of(config, models)
    place, error = Place(), ""
    try:
        place = starting_place(config, shared.buckets)
        config = resolved(config, place, shared.buckets)
    except UsageError as refusal:
        error = str(refusal)
    data = RunData(config, shared.buckets, config.max_train_steps, common.encoder)
    member = Member(config, log, identity, kin, data, place.epoch, place.step)
    if not error and config.resume is not None and not states_of(member, warn=False):
        error = why_not(config, kin)
    if error:
        member.fail(error)
    return member


def states_of(member: Member, *, warn: bool = True) -> dict[Place, Path]:
    """Its own saved ones."""
    hear = partial(_warn, member.log)
    return state.places(member.config.folder, member.identity, hear if warn else lambda _: None)


def state_at(member: Member, found: Mapping[Place, Path], place: Place | None) -> RunState | None:
    """The run's own, or without a `place` the one that it was told to go on from."""
    if place is not None:
        return state.read(found[place])
    if member.config.resume is None:
        return None
    kept = kept_state(member.config)
    start = Place(member.epoch, 0, member.step)
    return dataclasses.replace(kept, place=start, values={**kept.values, "sum": 0.0})


def _warn(log: EventLog, text: str) -> None:
    log.write("warning", text=f"{text}; it isn't used")
    say(text)
