"""The queued download of a model: goes on where it was cut off, as often as it is started."""

from __future__ import annotations

import time
from pathlib import Path

from train_tools.commands.data_jobs import RESULT
from train_tools.environment import mirror_choice, program
from train_tools.environment.model_offers import fetch_file, fetch_files
from train_tools.environment.network import network_of
from train_tools.execution import events
from train_tools.execution.ticket import Ticket
from train_tools.workspace.files import write_json
from train_tools.workspace.workspace import Version

EVERY_S = 0.5  # between two reports


def fetch(folder: Path, version: Version, ticket: Ticket) -> str:
    """Settings: `source`; `folder` for one file, or `files` (a line each) for those of a repository."""
    chosen, told = ticket.settings, Told(folder)
    mirror_choice.find_out(version.root, program.read(version.root), ("hugging_face",))
    network = network_of(version.root)
    if names := chosen.get("files", ""):
        made = fetch_files(chosen["source"], names.split("\n"), network, told.say)
    else:
        made = fetch_file(
            chosen["source"],
            Path(chosen["folder"]),
            network,
            lambda done, total: told.say(done, total, chosen.get("name", "")),
        )
    write_json(folder / RESULT, {"file": str(made)})
    return ""


class Told:
    """Progress in bytes, not for every block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._said = 0.0

    def say(self, done: int, total: int, name: str) -> None:
        now = time.monotonic()
        if now - self._said >= EVERY_S or done == total:
            self._said = now
            events.say(self._folder, "progress", done=done, total=total, text=name)
