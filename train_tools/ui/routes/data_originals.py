"""Originals: the list of thousands, one in detail, delete and undo, move to a concept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train_tools.dataset import revision as revisions
from train_tools.dataset.by_hand import FILE as BY_HAND
from train_tools.dataset.by_hand import NOTHING, ByHand
from train_tools.dataset.known import FILE as KNOWN
from train_tools.dataset.known import Known
from train_tools.dataset.looks import find_duplicates
from train_tools.dataset.originals import UnreadableCaptionError, caption_files, originals_in, read_caption
from train_tools.dataset.originals_edit import delete_originals, move_originals
from train_tools.dataset.preview_image import find_original
from train_tools.errors import UsageError
from train_tools.ui.routing import Call, get, post
from train_tools.workspace import trash
from train_tools.workspace.names import comparable
from train_tools.workspace.workspace import Version, folders_in

NEW, USED, SKIPPED = range(3)  # with regard to the current revision


def stamp(version: Version) -> str:
    """Of names, and of what was seen of the images; a file that is changed in place isn't noticed."""
    beside = version.origin.parent
    paths = [version.origin, *folders_in(version.origin), beside / KNOWN, beside / BY_HAND]
    return times([*paths, version.processed / revisions.FILE])


def times(paths: list[Path]) -> str:
    found = []
    for path in paths:
        try:
            found.append(f"{path.stat().st_mtime_ns:x}")
        except OSError:
            found.append("")
    return "-".join(found)


def originals(call: Call) -> Any:
    version = call.version
    key = (version.folder, "originals")
    return call.request.app.state.later.answer(key, stamp(version), lambda: _list(version))


def _list(version: Version) -> dict[str, Any]:
    """`rows` are [name, bytes, time of change, width, height, state, has a caption]; 0 for a size nobody knows."""
    found = originals_in(version.origin)
    known = Known.of(version)
    looks = known.looks(found)
    revision = revisions.read(version.processed)
    used = {source.original: source.by_hand for source in revision.images} if revision else {}
    by_hand = ByHand.of(version)
    touched = {
        name: touch for name, look in looks.items() if not (touch := by_hand.touch(look.sha256)).is_nothing
    }
    skipped = {one.name: one.reason for one in revision.skipped} if revision else {}
    captioned: dict[Path, set[str]] = {}
    rows = []
    for original in found:
        folder = original.path.parent
        if folder not in captioned:
            captioned[folder] = {comparable(stem) for stem in caption_files(folder)}
        stat = original.path.stat()
        look = looks.get(original.name)
        state = USED if original.name in used else SKIPPED if original.name in skipped else NEW
        has_caption = comparable(original.path.stem) in captioned[folder]
        size = (look.width, look.height) if look else (0, 0)
        rows.append([original.name, stat.st_size, stat.st_mtime_ns // 1000, *size, state, int(has_caption)])
    there = {original.name for original in found}
    gone = sorted({name for name in used if name not in there})
    return {
        "rows": rows,
        "skipped": {name: reason for name, reason in skipped.items() if name in there},
        "duplicates": find_duplicates(looks),
        "gone": gone,  # in the current revision, but deleted since
        "is_processed": revision is not None,
        "touched": {name: touch.kinds for name, touch in touched.items()},
        "undo": by_hand.done[-1].name if by_hand.done else "",
        "retouched": [
            name for name in looks if name in used and used[name] != touched.get(name, NOTHING).key
        ],
    }


def original(call: Call) -> Any:
    """One in detail: its caption, and what the current revision made of it."""
    version = call.version
    found = find_original(version, call.query("name"))
    revision = revisions.read(version.processed)
    made = [source for source in revision.images if source.original == found.name] if revision else []
    return {
        "name": found.name,
        "concept": found.concept,
        "caption": _caption(found.path),
        "made": [
            {
                "file": (version.processed / one.file).relative_to(version.folder).as_posix(),
                "operation": one.operation,
                "flipped": one.flipped,
                "note": one.note,
            }
            for one in made
        ],
    }


def _caption(path: Path) -> str | None:
    beside = {comparable(stem): file for stem, file in caption_files(path.parent).items()}
    file = beside.get(comparable(path.stem))
    try:
        return read_caption(file) if file else None
    except UnreadableCaptionError:
        return None


def delete(call: Call) -> Any:
    return delete_originals(call.version, _names(call), call.workspace.trash)


def undo(call: Call) -> Any:
    """Puts a deletion of this version back; other things of the trash aren't this panel's."""
    version, entry = call.version, call.field("entry")
    found = trash.find(call.workspace, entry)
    if found.kind != "originals" or found.project != version.project or found.origin.parts[3] != version.name:
        raise UsageError("that isn't a deletion of this version's images")
    trash.restore(call.workspace, found.entry)
    return {}


def move(call: Call) -> Any:
    return move_originals(call.version, _names(call), call.field("concept", str, ""))


def _names(call: Call) -> list[str]:
    names = call.field("names", list)
    if not all(isinstance(name, str) for name in names):
        raise UsageError("'names' must be texts")
    return list(names)


BASE = "/api/v/{project}/{version}/data"
ROUTES = [
    get(f"{BASE}/originals", originals),
    get(f"{BASE}/original", original),
    post(f"{BASE}/originals/delete", delete),
    post(f"{BASE}/originals/undo", undo),
    post(f"{BASE}/originals/move", move),
]
