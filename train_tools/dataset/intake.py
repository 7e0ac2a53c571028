"""Adds pictures to a version: where each belongs is read from the folders, then they are taken in."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from train_tools.dataset.candidates import Found, find_candidates
from train_tools.dataset.known import Known, LastIntake, Skipped
from train_tools.dataset.layout import CONCEPT, LEFT_OUT, OWN, REG, Layout, Role
from train_tools.dataset.looks import Duplicates, duplicates_of, find_duplicates
from train_tools.dataset.origin import Origin
from train_tools.dataset.originals import PRELOAD, originals_in
from train_tools.dataset.progress import Report, silent
from train_tools.dataset.proposal import (
    Decision,
    Proposal,
    SettingChange,
    apply_changes,
    everything_as,
    left_out_items,
    propose,
)
from train_tools.dataset.reg_folders import reg_folder, trainable
from train_tools.dataset.settings import DatasetSettings
from train_tools.dataset.sources import check_sources, entries_of
from train_tools.dataset.taking import ADDED, FAILED, IGNORED, Item, Store, take_in
from train_tools.errors import UsageError
from train_tools.workspace.files import require_inside
from train_tools.workspace.lock import writing
from train_tools.workspace.names import check_name, same_on_some_disk
from train_tools.workspace.settings import preview_change
from train_tools.workspace.workspace import Version, names_in


@dataclass(frozen=True)
class IntakeReport:
    """`duplicates` are groups of images in the version of which one was given now; all of them are kept.

    `decisions` say what became of folders whose names say something, `changes` which settings that changed.
    """

    items: tuple[Item, ...]
    duplicates: tuple[Duplicates, ...] = ()
    decisions: tuple[Decision, ...] = ()
    changes: tuple[SettingChange, ...] = ()

    def of(self, outcome: str) -> list[Item]:
        return [item for item in self.items if item.outcome == outcome]


def add(
    version: Version,
    sources: Sequence[Path],
    report: Report = silent,
    concept: str = "",
    *,
    as_is: bool = False,
) -> IntakeReport:
    """Adds files, folders (searched through, hidden ones left out) and what archives hold.

    Folders are read as trainers name them (`layout`), unless `concept` says what all of it shows. `as_is`: all are
    images of the concept, the version's own where none is given. Nothing already there is changed but the settings
    that the folders speak of. `report` may raise: what was added before stays, whole.
    Raises UsageError where a source is missing or `concept` can't be a folder (nothing is added then) or the
    version is being written, TrainToolsError where dataset/origin can't be written.
    """
    check_sources(sources)
    with writing(version, "adding images"), ExitStack() as stack:
        folder = concept_folder(version, concept)
        forced = Role(OWN) if concept else None
        found, proposal = read_sources(version, sources, stack, forced, as_is=as_is)
        apply_changes(version, proposal.changes)
        known = Known.of(version)
        left_out = [*found.left_out, *left_out_items(found, proposal)]
        items = [Item(one.shown, FAILED if one.is_fault else IGNORED, "", one.reason) for one in left_out]
        stores = Stores(version, Store(Origin(folder), known, concept))
        pairs = zip(found.candidates, proposal.roles, strict=True)
        try:
            take_in([(one, stores.of(role)) for one, role in pairs if role.kind != LEFT_OUT], items, report)
        finally:
            known.last_intake = summary(found, items)
            known.save(originals_in(version.origin))
    looks = known.looks(originals_in(version.origin))
    duplicates = duplicates_of((item.name for item in items), find_duplicates(looks))
    return IntakeReport(tuple(items), duplicates, proposal.decisions, proposal.changes)


def proposal_for(
    version: Version, sources: Sequence[Path], forced: Role | None = None, *, as_is: bool = False
) -> Proposal:
    """What `add` would decide; writes nothing."""
    check_sources(sources)
    with ExitStack() as stack:
        return read_sources(version, sources, stack, forced, as_is=as_is)[1]


def read_sources(
    version: Version,
    sources: Sequence[Path],
    stack: ExitStack,
    forced: Role | None = None,
    *,
    as_is: bool = False,
) -> tuple[Found, Proposal]:
    """What is there, and what would become of it; `forced` is what a person says that it is. Writes nothing."""
    entries = entries_of(sources, stack)
    found = find_candidates(entries, with_masks=not as_is)
    if as_is:
        return found, everything_as(found, Role(OWN))
    return found, propose(version, found, Layout(entries), forced)


def concept_folder(version: Version, concept: str) -> Path:
    """Where its originals lie; raises UsageError for a name that can't be a folder of its own."""
    if not concept:
        return version.origin
    check_name(concept, "concept")
    if concept.casefold() == PRELOAD:
        raise UsageError(f"concept name {PRELOAD!r} can't be used: sd-webui-train-tools keeps copies there")
    for other in names_in(version.origin):
        if other != concept and same_on_some_disk(other, concept):
            raise UsageError(
                f"concept {concept!r} differs from {other!r}, which is there, only in letter case"
            )
    return require_inside(version.origin / concept, version.folder)


class Stores:
    """Where the images of each role go."""

    def __init__(self, version: Version, own: Store) -> None:
        self._version = version
        self._own = own
        self._own_concept = preview_change(version, "dataset", DatasetSettings, {}).concept_of(version)
        self._found: dict[Role, Store] = {}

    def of(self, role: Role) -> Store:
        if role.kind == OWN or (role.kind == CONCEPT and same_on_some_disk(role.name, self._own_concept)):
            return self._own
        if role not in self._found:
            self._found[role] = self._store(role)
        return self._found[role]

    def _store(self, role: Role) -> Store:
        if role.kind == REG:
            folder = reg_folder(self._version, role.name, role.repeats, keep=True)
            return Store(Origin(folder), None, folder.name, trainable)
        return Store(Origin(concept_folder(self._version, role.name)), self._own.known, role.name)


def summary(found: Found, items: Sequence[Item]) -> LastIntake:
    return LastIntake(
        datetime.now().isoformat("T", "seconds"),
        len(found.candidates) + len(found.left_out),
        sum(item.outcome == ADDED for item in items),
        tuple(Skipped(item.source, item.reason) for item in items if item.outcome in (IGNORED, FAILED)),
    )
