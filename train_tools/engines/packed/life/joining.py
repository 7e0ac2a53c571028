"""Runs that join a pack at the end of an epoch: they begin there, while the others go on at theirs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from train_tools.dataset.training import fingerprint, training_images
from train_tools.engines.events import EventLog
from train_tools.engines.interface import JOIN_FILE
from train_tools.engines.packed import config as run_config
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.data.encoding import Needs
from train_tools.engines.packed.life.beginning import Common, member_of, state_at, states_of
from train_tools.engines.packed.life.member import Member, say
from train_tools.engines.packed.state import RunState
from train_tools.engines.packed.support import pack_key
from train_tools.errors import TrainToolsError

Newcomer = tuple[Member, RunState | None]


class Door:
    """Of a process that was started for `configs`. `taken` hears of each run that joins; `room` is how many fit."""

    def __init__(
        self,
        configs: Sequence[RunConfig],
        common: Common,
        taken: Callable[[Member], None],
        room: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._room = room
        self._configs = list(configs)
        self._common = common
        self._taken = taken
        self._seen = {config.folder for config in configs}
        self._images = images_of(configs[0])

    def newcomers(self, members: Sequence[Member]) -> list[Newcomer]:
        """Those that are asked in by a file in a member's folder; one that can't come waits for another pack."""
        found: list[Newcomer] = []
        for folder in dict.fromkeys(folder for member in members for folder in _asked(member)):
            if folder not in self._seen:
                self._seen.add(folder)
                if len(members) + len(found) < self._room():
                    found += self._let_in(folder)
                else:
                    say(f"{folder.name} doesn't join: no more fit into memory")
        return found

    def _let_in(self, folder: Path) -> list[Newcomer]:
        try:
            config = run_config.read(folder)
            reason = self._why_not(config)
        except (TrainToolsError, OSError) as error:
            reason = str(error)
        if reason:
            say(f"{folder.name} doesn't join: {reason}")
            return []
        member = member_of(config, EventLog(folder), self._common)
        places = states_of(member)
        at_an_epoch = [place for place in places if place.batches == 0]
        if places and not at_an_epoch:
            member.log.close()
            say(f"{folder.name} doesn't join: it stands within an epoch")
            return []
        self._taken(member)
        if member.outcome:
            return []
        member.log.write("stage", stage="training")
        return [(member, state_at(member, places, max(at_an_epoch, default=None)))]

    def _why_not(self, config: RunConfig) -> str:
        """What of it the process can't give it any more."""
        first = self._configs[0]
        if pack_key(config.arguments) != pack_key(first.arguments):
            return "it differs in what a pack must share"
        is_new = config.is_varied and not any(one.is_varied for one in self._configs)
        if is_new or Needs.of([*self._configs, config]) != Needs.of(self._configs):
            return "it needs pictures that weren't encoded"
        if images_of(config) != self._images:
            return "the images have changed since the others began"
        return ""


def images_of(config: RunConfig) -> str:
    reg = training_images(config.reg_data_dir) if config.reg_data_dir else []
    return fingerprint([*training_images(config.train_data_dir), *reg])


def _asked(member: Member) -> Iterator[Path]:
    """Each asking is taken once."""
    file = member.config.folder / JOIN_FILE
    if file.is_file():
        lines = file.read_text(encoding="utf-8").splitlines()
        file.unlink(missing_ok=True)
        yield from (Path(line) for line in lines if line)
