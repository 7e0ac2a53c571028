"""The runs that a version has already: which names and ids are taken, and which run is which."""

from __future__ import annotations

from pathlib import Path

from train_tools.planning.names import run_id
from train_tools.planning.run_folder import RunRecord, read_record
from train_tools.workspace.names import comparable
from train_tools.workspace.workspace import folders_in

ENDINGS = (".safetensors", ".ckpt", ".pt")


class ExistingRuns:
    """The folders of `trains`, read once; hands out names and ids that no other run has."""

    def __init__(self, trains: Path) -> None:
        self._trains = trains
        self._records: dict[str, tuple[str, RunRecord]] = {}
        self._names: set[str] = set()
        self._ids: dict[str, str] = {}
        for folder in folders_in(trains):
            self._names.add(comparable(folder.name))
            record = read_record(folder)
            if record is not None:
                self._records[record.digest] = (folder.name, record)
                self._ids[record.run_id] = record.digest

    def place(self, name: str, digest: str) -> tuple[str, str, str]:
        """(name, id, state) of the run with this digest; a new one gets a free name."""
        if digest in self._records:
            folder, record = self._records[digest]
            return folder, record.run_id, self._state(folder, record)
        identity = run_id(digest, self._ids)
        free = name if comparable(name) not in self._names else f"{name}-{identity}"
        self._names.add(comparable(free))
        self._ids[identity] = digest
        return free, identity, "new"

    def _state(self, folder: str, record: RunRecord) -> str:
        """A finished run whose result was taken away since is to be trained again."""
        is_there = any(
            (self._trains / folder / f"{record.output_name}{ending}").is_file() for ending in ENDINGS
        )
        return "interrupted" if record.state == "finished" and not is_there else record.state
