"""Tags while one types: suggestions, and the lists that they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path, PurePath
from typing import Any

from train_tools.captioning.activation import activation_tag
from train_tools.captioning.availability import WD_FILES
from train_tools.captioning.model_files import downloaded
from train_tools.captioning.settings import CaptioningSettings
from train_tools.errors import UsageError
from train_tools.tags.checks import called
from train_tools.tags.files import CaptionFile
from train_tools.tags.insight import NEARLY_ALL, carried, insight
from train_tools.tags.lists import SUFFIXES, found_lists, is_kaomoji, keep_list
from train_tools.tags.service import tag_counts
from train_tools.tags.suggestions import EMPTY, TagLists, suggest
from train_tools.ui.routes.captions import SECTION, read
from train_tools.ui.routing import Call, get, post, upload
from train_tools.workspace.files import move_to_trash
from train_tools.workspace.settings import preview_change
from train_tools.workspace.workspace import Workspace

LONGEST = 200  # characters that are looked for
WAIT_S = 0.3  # for lists that are being read


class OwnCounts:
    """A version's tags with counts, counted anew where a caption has changed."""

    def __init__(self) -> None:
        self._files: Sequence[CaptionFile] = ()
        self._counts: Counter[str] = Counter()

    def of(self, files: Sequence[CaptionFile]) -> Counter[str]:
        old = self._files
        if len(old) != len(files) or any(one is not other for one, other in zip(old, files, strict=True)):
            self._counts = tag_counts(files)
            self._files = files
        return self._counts


def offer(call: Call) -> dict[str, Any]:
    """What the tag that is being typed may become. `own`: of the captions alone."""
    version, text = call.version, call.query("text")[:LONGEST]
    own = call.kept(("own tags", version.folder), OwnCounts)
    counts = own.of([one.file for one in read(call, version)])
    index, is_all = _lists(call).index(WAIT_S)
    if call.query("own"):
        index, is_all = EMPTY, True
    with_blanks = preview_change(version, SECTION, CaptioningSettings, {}).remove_underscore
    found = suggest(text, counts, index)
    if with_blanks:
        found = [
            one if one.own or is_kaomoji(one.tag) else replace(one, tag=one.tag.replace("_", " "))
            for one in found
        ]
    return {"tags": [asdict(one) for one in found], "waiting": not is_all}


def _lists(call: Call) -> TagLists:
    folder = call.workspace.tag_lists
    return call.kept(("tag lists", folder), lambda: TagLists(folder))


def look(call: Call) -> dict[str, Any]:
    """One tag in all captions of the version."""
    version = call.version
    found = insight([one.file for one in read(call, version)], call.field("tag"), activation_tag(version))
    return {**asdict(found), "called": called(version, activation_tag(version))}


def prunable(call: Call) -> dict[str, Any]:
    version = call.version
    return {
        "concepts": carried([one.file for one in read(call, version)], activation_tag(version)),
        "share": NEARLY_ALL,
    }


def lists(call: Call) -> dict[str, Any]:
    """Those that are used, and those that lie elsewhere on this machine and could be."""
    known = _lists(call)
    _, is_all = known.index(WAIT_S)
    there = {one.name for one in known.files()}
    return {
        "files": known.files(),
        "waiting": not is_all,
        "folder": call.workspace.tag_lists,
        "found": [
            {"name": name, "bytes": path.stat().st_size}
            for name, path in _found(call).items()
            if name not in there
        ],
    }


def _found(call: Call) -> dict[str, Path]:
    """What another program has here: the webui's tag completion, a WD tagger that was downloaded."""
    found = found_lists(call.root)
    folder = downloaded(CaptioningSettings().wd_model, WD_FILES)
    if folder:
        found["wd-tagger.csv"] = folder / WD_FILES[1]
    return found


def take(call: Call) -> dict[str, Any]:
    """Copies one that was found."""
    name = call.field("name")
    path = _found(call).get(name)
    if path is None:
        raise UsageError(f"the list {name!r} isn't there any more; look again")
    return _kept(call.workspace, name, path)


def receive(call: Call, file: Path) -> dict[str, Any]:
    return _kept(call.workspace, call.query("name"), file)


def _kept(workspace: Workspace, name: str, file: Path) -> dict[str, Any]:
    kept = keep_list(workspace.tag_lists, PurePath(name.replace("\\", "/")).name, file)
    return {"name": kept.name}


def remove(call: Call) -> dict[str, Any]:
    name = call.field("name")
    path = call.workspace.tag_lists / PurePath(name).name
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        raise UsageError(f"the list {name!r} isn't there any more; look again")
    return {"entry": move_to_trash(path, call.workspace.trash).name}


def _folder(call: Call) -> Path:
    call.workspace.tag_lists.mkdir(parents=True, exist_ok=True)
    return call.workspace.tag_lists


BASE = "/api/tags/lists"
ROUTES = [
    get("/api/v/{project}/{version}/tags/offer", offer),
    post("/api/v/{project}/{version}/tags/look", look),
    get("/api/v/{project}/{version}/tags/prunable", prunable),
    get(BASE, lists),
    upload(BASE, _folder, receive),
    post(f"{BASE}/take", take),
    post(f"{BASE}/remove", remove),
]
