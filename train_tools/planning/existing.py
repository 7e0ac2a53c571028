"""The runs that a version has already: which names and ids are taken, and which run is which."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.planning.names import run_id
from train_tools.workspace.names import comparable
from train_tools.workspace.run_folder import RunRecord, read_record
from train_tools.workspace.workspace import Version, folders_in

ENDINGS = (".safetensors", ".ckpt", ".pt")


@dataclass(frozen=True)
class Place:
    """Where a run is or will be; `output_name` is how its files are called, `digest` that of its record."""

    folder_name: str
    run_id: str
    output_name: str
    state: str
    digest: str


class ExistingRuns:
    """The runs of a version, read once; hands out names and ids that no other run has."""

    def __init__(self, version: Version) -> None:
        self._version = version
        self._trains = version.trains
        self._records: dict[str, tuple[str, RunRecord]] = {}
        self._names: set[str] = set()
        self._ids: dict[str, str] = {}
        for folder in folders_in(self._trains):
            self._names.add(comparable(folder.name))
            record = read_record(folder)
            if record is not None:
                self._records[record.digest] = (folder.name, record)
                self._ids[record.run_id] = record.digest

    def place(self, name: str, digest: str, *earlier: str) -> Place:
        """That of the run with this digest, or with one of `earlier` ways to make it; a new one gets a free name.

        What is trained keeps its files' name; what is still to be trained is called as the version is today.
        """
        known = next((one for one in (digest, *earlier) if one in self._records), "")
        if known:
            folder, record = self._records[known]
            state = self._state(folder, record)
            is_settled = state in ("finished", "running", "queued")
            output_name = record.output_name if is_settled else self._output_name(record.run_id)
            return Place(folder, record.run_id, output_name, state, known)
        identity = run_id(digest, self._version.project, self._version.name, self._ids)
        free = name if comparable(name) not in self._names else f"{name}-{identity}"
        self._names.add(comparable(free))
        self._ids[identity] = digest
        return Place(free, identity, self._output_name(identity), "new", digest)

    def _output_name(self, identity: str) -> str:
        return f"{self._version.project}-{self._version.name}-{identity}"

    def _state(self, folder: str, record: RunRecord) -> str:
        """A finished run whose result was taken away since is to be trained again."""
        is_there = any(
            (self._trains / folder / f"{record.output_name}{ending}").is_file() for ending in ENDINGS
        )
        return "interrupted" if record.state == "finished" and not is_there else record.state
