"""What differs between two revisions of the processed set: settings, pictures and captions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.dataset import revision as revisions
from train_tools.dataset.history import RevisionInfo, revisions_of
from train_tools.dataset.originals import UnreadableCaptionError, read_caption
from train_tools.dataset.revision import Place, Source
from train_tools.dataset.training import REPEATS_FOLDER
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version


@dataclass(frozen=True)
class SettingChange:
    """Values as they stand in the revisions' records; None where one didn't know the setting."""

    name: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Differences:
    """Paths of images are relative to the version's folder, pairs are (old, new).

    `changed` pictures come from the same place of the same original, `captions` are other words for those.
    `repeats` are concept -> (old, new), 0 where it isn't there.
    """

    settings: tuple[SettingChange, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[tuple[str, str], ...]
    captions: tuple[tuple[str, str], ...]
    repeats: dict[str, tuple[int, int]]
    same: int


def differences(version: Version, old: str, new: str) -> Differences:
    """`old` and `new` are names of `history.revisions_of`; raises UsageError where one isn't there."""
    first, second = (_Images(version, _named(version, name)) for name in (old, new))
    both = [place for place in second.by_place if place in first.by_place]
    changed = [place for place in both if first.picture(place) != second.picture(place)]
    captions = [place for place in both if first.caption(place) != second.caption(place)]
    return Differences(
        settings=tuple(_settings(first.settings, second.settings)),
        added=tuple(second.path(place) for place in second.by_place if place not in first.by_place),
        removed=tuple(first.path(place) for place in first.by_place if place not in second.by_place),
        changed=tuple((first.path(place), second.path(place)) for place in changed),
        captions=tuple((first.path(place), second.path(place)) for place in captions),
        repeats=_repeats(first.folder, second.folder),
        same=len(set(both) - set(changed) - set(captions)),
    )


def _named(version: Version, name: str) -> RevisionInfo:
    found = [one for one in revisions_of(version) if one.name == name]
    if not found:
        raise UsageError(f"{version.project} {version.name} has no revision {name!r}; look at the list again")
    return found[0]


class _Images:
    def __init__(self, version: Version, info: RevisionInfo) -> None:
        record = revisions.read(info.folder)
        if record is None:
            raise UsageError(
                f"revision {info.name} was made by another program, which noted nothing to compare"
            )
        self.folder = info.folder
        self.settings: Mapping[str, Any] = record.settings
        self.by_place: dict[Place, Source] = {source.place: source for source in record.images}
        self._version = version.folder

    def path(self, place: Place) -> str:
        return (self.folder / self.by_place[place].file).relative_to(self._version).as_posix()

    def picture(self, place: Place) -> str:
        return self.by_place[place].sha256

    def caption(self, place: Place) -> str:
        try:
            return read_caption((self.folder / self.by_place[place].file).with_suffix(".txt"))
        except UnreadableCaptionError:
            return ""


def _settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[SettingChange]:
    names = dict.fromkeys([*old, *new])
    return [SettingChange(n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n)]


def _repeats(old: Path, new: Path) -> dict[str, tuple[int, int]]:
    first, second = _repeats_in(old), _repeats_in(new)
    pairs = {name: (first.get(name, 0), second.get(name, 0)) for name in {**first, **second}}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _repeats_in(folder: Path) -> dict[str, int]:
    matches = (REPEATS_FOLDER.fullmatch(path.name) for path in folder.iterdir() if path.is_dir())
    return {match[2]: int(match[1]) for match in matches if match}
