"""The runs that a version has already: which names and ids are taken, and which run is which."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train_tools.dataset.training import PARTS
from train_tools.planning.images import Dataset
from train_tools.planning.models import Models
from train_tools.planning.names import digest, name_and_size, run_id
from train_tools.workspace.names import comparable
from train_tools.workspace.run_folder import RunRecord, read_record
from train_tools.workspace.workspace import Version, folders_in

ENDINGS = (".safetensors", ".ckpt", ".pt")
DATA, SETTINGS, GONE = "data", "settings", "gone"
MOST_DATA = 4  # earlier states of the data that are compared with


@dataclass(frozen=True)
class Place:
    """Where a run is or will be; `output_name` is how its files are called, `digest` what its record says.

    `why` says of a new run what makes it another than those that are there: IMAGES, CAPTIONS or FOLDERS of the data,
    DATA where it isn't known which, or SETTINGS; "" where there is none to compare with. GONE: its result was taken.
    """

    folder_name: str
    run_id: str
    output_name: str
    state: str
    digest: str
    why: str = ""


class ExistingRuns:
    """The runs of a version, read once; hands out names and ids that no other run has."""

    def __init__(self, version: Version, models: Models) -> None:
        self._version = version
        self._models = models
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

    def place(
        self, name: str, content: str, dataset: Dataset, recorded: Sequence[Mapping[str, Any]]
    ) -> Place:
        """That of the run whose digest is `content`; a new one gets a free name.

        `recorded` are the arguments by which it may have been recorded, those of `content` first. What is trained
        keeps its files' name; what is still to be trained is called as the version is today.
        """
        if known := self._known(content, dataset.fingerprint, recorded):
            folder, record = self._records[known]
            state = self._state(folder, record)
            why = GONE if state != record.state else ""
            is_settled = state in ("finished", "running", "queued")
            output_name = record.output_name if is_settled else self._output_name(record.run_id)
            return Place(folder, record.run_id, output_name, state, known, why)
        identity = run_id(content, self._version.project, self._version.name, self._ids)
        free = name if comparable(name) not in self._names else f"{name}-{identity}"
        self._names.add(comparable(free))
        self._ids[identity] = content
        why = self._why_new(dataset, recorded)
        return Place(free, identity, self._output_name(identity), "new", content, why)

    def _why_new(self, dataset: Dataset, recorded: Sequence[Mapping[str, Any]]) -> str:
        for fingerprint in self._earlier_data:
            if fingerprint == dataset.fingerprint:
                continue
            for arguments, identity in itertools.product(
                recorded, (self._models.token, self._models.token_before)
            ):
                if found := self._records.get(digest(arguments, fingerprint, identity)):
                    return _changed(found[1].dataset_parts, dataset.parts)
        return SETTINGS if self._earlier_data else ""

    @functools.cached_property
    def _earlier_data(self) -> list[str]:
        """Fingerprints of the data that finished runs were trained on, the latest first."""
        found = [record for _, record in self._records.values() if record.state == "finished"]
        found.sort(key=lambda record: record.created, reverse=True)
        return list(dict.fromkeys(record.dataset_fingerprint for record in found))[:MOST_DATA]

    def _known(self, content: str, fingerprint: str, recorded: Sequence[Mapping[str, Any]]) -> str:
        """The digest under which a record knows the run; "" where none does.

        It was recorded with its models' content, before that was known, or by a program that went by name and size.
        """
        if content in self._records or not self._records:
            return content if content in self._records else ""
        for arguments in recorded:
            for identity in (self._models.token, self._models.token_before):
                if (told := digest(arguments, fingerprint, identity)) in self._records:
                    return told
            told = digest(arguments, fingerprint, name_and_size)
            if told in self._records:
                folder, record = self._records[told]
                if self._models.was_used(self._trains / folder, record, arguments):
                    return told
        return ""

    def _output_name(self, identity: str) -> str:
        return f"{self._version.project}-{self._version.name}-{identity}"

    def _state(self, folder: str, record: RunRecord) -> str:
        """A finished run whose result was taken away since is to be trained again."""
        is_there = any(
            (self._trains / folder / f"{record.output_name}{ending}").is_file() for ending in ENDINGS
        )
        return "interrupted" if record.state == "finished" and not is_there else record.state


def _changed(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The part of the data that says most; records of older programs don't tell."""
    return next((name for name in PARTS if then and then.get(name) != now.get(name)), DATA)
