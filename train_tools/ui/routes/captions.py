"""The captions of a version's current images: shown, filtered, edited, checked, and written by a captioner as a job."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from train_tools.captioning.activation import activation_tag
from train_tools.captioning.availability import Availability, availability, is_toy, proposed
from train_tools.captioning.known import KNOWN, offer, rough_bytes
from train_tools.captioning.registry import SHAPES
from train_tools.captioning.settings import CaptioningSettings
from train_tools.environment import mirror_choice, program
from train_tools.environment.network import network_of
from train_tools.errors import UsageError
from train_tools.execution.lane import wake
from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_job
from train_tools.execution.ticket import CAPTION, DEFAULT_LANE
from train_tools.hosts.detect import host_of
from train_tools.hosts.interface import HostError
from train_tools.planning.caption_checks import reading_of
from train_tools.planning.exposure import refuse_exposed_settings
from train_tools.planning.shapes import shapes_of
from train_tools.tags import journal
from train_tools.tags.checks import called, check_captions
from train_tools.tags.files import read_text
from train_tools.tags.filters import chosen
from train_tools.tags.journal import Change
from train_tools.tags.reader import CaptionReader, Known
from train_tools.tags.service import StepReport, apply_changes, preview, redo, tag_counts, undo
from train_tools.tags.tokens import LIMITS
from train_tools.ui.caption_edits import edit_of, filter_of
from train_tools.ui.changes import Changes
from train_tools.ui.fields import field_of
from train_tools.ui.routing import Call, get, post
from train_tools.ui.tasks import Task
from train_tools.workspace import settings
from train_tools.workspace.catalogue import as_text, entries_of
from train_tools.workspace.workspace import Version

MOST_SHOWN = 100  # changes of a preview
MOST_TAGS = 2_000
SECTION = "captioning"
MODELS = {"blip": "model", "wd": "wd_model"}  # captioner -> the setting that names its model


def read(call: Call, version: Version) -> list[Known]:
    journal.settle(version)
    return call.kept(("captions", version.folder), CaptionReader).read(version)


def whole(call: Call) -> dict[str, Any]:
    """`since` is the token of an earlier answer; only what changed after it is sent."""
    version = call.version
    known = read(call, version)
    state = journal.read_state(version)
    head = {
        "undo": state.done[-1].what if state.done else "",
        "redo": state.undone[-1].what if state.undone else "",
        "limits": LIMITS,
    }
    changes = call.kept(("captions changes", version.folder), Changes)
    changes.put(head, {one.file.name: _document(version, one) for one in known})
    return changes.since(call.query("since"))


def _document(version: Version, one: Known) -> dict[str, Any]:
    file = one.file
    return {
        "name": file.name,
        "image": file.image.path.relative_to(version.folder).as_posix(),
        "stamp": one.image[0] if one.image else 0,
        "concept": file.image.concept,
        "text": file.text,
        "problem": file.problem,
        "tokens": one.tokens,
    }


def find(call: Call) -> dict[str, Any]:
    """Which captions a filter means, the tags in those with counts, and what states there are."""
    wanted = filter_of(call.field("filter", object))
    files = [one.file for one in read(call, call.version)]
    found = chosen(files, wanted)
    counts = tag_counts(found, first_lines=not reading_of(call.version).takes_lines)
    return {
        "names": [file.name for file in found],
        "tags": counts.most_common(MOST_TAGS),
        "concepts": Counter(file.image.concept for file in files),
    }


def save(call: Call) -> dict[str, Any]:
    """One caption as it was typed. `now` is its text where somebody else has changed it since `before`."""
    version, name = call.version, call.field("name")
    before, after = call.field("before", object), call.field("after")
    if before is not None and not isinstance(before, str):
        raise UsageError("'before' must be the caption's text, or null")
    if name not in {one.file.name for one in read(call, version)}:
        raise UsageError(
            f"there is no training image with the caption {name!r} any more; it was processed anew or removed"
        )
    now = read_text(version.processed / name)
    if now == after:
        return {"saved": True}
    if now != before:
        return {"saved": False, "now": now}
    apply_changes(version, f"edit {name}", [Change(name, before, after)])
    return {"saved": True}


def preview_edit(call: Call) -> dict[str, Any]:
    version, wanted = call.version, filter_of(call.field("filter", object))
    _, edit = edit_of(version, call.field("edit", object))

    def work(_task: Task) -> dict[str, Any]:
        report = preview(version, edit, wanted)
        return {
            "count": len(report.changes),
            "changes": report.changes[:MOST_SHOWN],
            "skipped": report.skipped,
            "digest": _digest(report.changes),
        }

    return call.tasks.start(work, only_newest_of=f"captions preview {version.folder}")


def apply(call: Call) -> dict[str, Any]:
    """Exactly what the preview with this digest showed, or nothing."""
    version, wanted = call.version, filter_of(call.field("filter", object))
    what, edit = edit_of(version, call.field("edit", object))
    digest = call.field("digest")

    def work(task: Task) -> dict[str, Any]:
        planned = preview(version, edit, wanted)
        if _digest(planned.changes) != digest:
            raise UsageError("the captions have changed since the preview; look at it again, then apply")
        apply_changes(version, what, planned.changes, lambda p: task.report(p.done, p.total, p.name))
        return {"count": len(planned.changes)}

    return call.tasks.start(work)


def _digest(changes: Sequence[Change]) -> str:
    whole = hashlib.sha256()
    for change in changes:
        whole.update(repr((change.name, change.before, change.after)).encode("utf-8", "surrogatepass"))
    return whole.hexdigest()


def step(do: Callable[..., StepReport]) -> Callable[[Call], dict[str, Any]]:
    """Undo and redo."""

    def handle(call: Call) -> dict[str, Any]:
        version = call.version

        def work(task: Task) -> dict[str, Any]:
            report = do(version, lambda p: task.report(p.done, p.total, p.name))
            return {"what": report.entry.what, "count": len(report.changes), "kept": report.kept}

        return call.tasks.start(work)

    return handle


def check(call: Call) -> dict[str, Any]:
    version = call.version

    def work(_task: Task) -> dict[str, Any]:
        tag, reading = activation_tag(version), reading_of(version)
        limits = sorted({shape.max_tokens for shape in shapes_of(version)})
        found = {
            finding.id: finding
            for limit in reversed(limits)
            for finding in check_captions(version, tag, limit, reading)
        }
        return {
            "findings": list(found.values()),
            "activation": tag,
            "called": ", ".join(called(version, tag)),
            "limit": min(limits, default=LIMITS[0]),
        }

    return call.tasks.start(work, only_newest_of=f"captions check {version.folder}")


def captioner(call: Call) -> dict[str, Any]:
    """The captioners, which of them can be used, and the settings with the version's values. `?model=` and `?wd_model=`
    are what the page has meanwhile.
    """
    version, language = call.version, call.language
    asked = {name: text for name in MODELS.values() if (text := call.query(name))}
    if call.exposed:
        refuse_exposed_settings(SECTION, _not_known(asked))

    def work(_task: Task) -> dict[str, Any]:
        saved = settings.read(version)[SECTION]
        now = settings.preview_change(version, SECTION, CaptioningSettings, asked)
        now = replace(now, model=now.model or KNOWN["blip"][0].id)
        fields = [
            {**field_of(entry, language), "value": as_text(getattr(now, entry.name), entry.separator)}
            for entry in entries_of(SECTION, CaptioningSettings)
        ]
        found = availability(now, _hosted(call))
        return {
            "captioners": [_captioner(one, now) for one in found],
            "chosen": proposed(found, now.captioner if "captioner" in saved else ()),
            "fields": fields,
            "known": {MODELS[name]: [one.id for one in models] for name, models in KNOWN.items()},
        }

    return call.tasks.start(work)


def _captioner(one: Availability, now: CaptioningSettings) -> dict[str, Any]:
    """`bytes` are those of its model where that must be fetched, 0 where they aren't known."""
    setting = MODELS.get(one.name)
    model = str(getattr(now, setting)) if setting else ""
    return {
        **asdict(one),
        "usable": one.is_usable,
        "model": model,
        "bytes": rough_bytes(one.name, model),
        "is_toy": one.name == SHAPES,
    }


def _not_known(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Without models of which it is known what is in them."""
    known = {one.id for models in KNOWN.values() for one in models}
    return {name: text for name, text in changes.items() if text not in known}


def offered(call: Call) -> dict[str, Any]:
    """A task: what fetching a captioner's model takes, asked of the hub."""
    if call.exposed:
        raise UsageError("nothing is downloaded while the page is open to others")
    name, model, root = call.field("captioner"), call.field("model"), call.root

    def work(_task: Task) -> dict[str, Any]:
        mirror_choice.find_out(root, program.read(root), ("hugging_face",))
        return asdict(offer(name, model, network_of(root)))

    return call.tasks.start(work)


def _hosted(call: Call) -> dict[str, str]:
    try:
        return {kind: one.download for kind, one in host_of(call.root).captioners().items()}
    except HostError:
        return {}


def start_job(call: Call) -> dict[str, int]:
    """The settings are checked, kept for the next time, and given to a job of the GPU's lane. `toy` is a person's word
    that the captioner that ships is what they want.
    """
    version, changes = call.version, call.field("settings", dict)
    if not all(isinstance(value, str) for value in changes.values()):
        raise UsageError("'settings' must be texts")
    if call.exposed:
        refuse_exposed_settings(SECTION, _not_known(changes))
    wanted = settings.preview_change(version, SECTION, CaptioningSettings, changes)
    if call.exposed:
        refuse_exposed_settings(SECTION, {"captioner": wanted.captioner})
    if is_toy(wanted) and not call.field("toy", bool, False):
        raise UsageError(
            "the captioner that ships is a toy that sees coloured shapes in every picture; choose another, or say that "
            "you want it"
        )
    kept = {
        name: text for name, text in changes.items() if name != "only"
    }  # the next time all are meant again
    now = replace(settings.change(version, SECTION, CaptioningSettings, kept), only=wanted.only)
    # Whole, so that what is set later doesn't change a job that waits.
    given = {
        e.name: as_text(getattr(now, e.name), e.separator) for e in entries_of(SECTION, CaptioningSettings)
    }
    queue = Queue(call.root)
    ticket = add_job(queue, version, CAPTION, given, Conditions())
    wake(queue, DEFAULT_LANE)
    return {"id": ticket.id}


BASE = "/api/v/{project}/{version}/captions"
ROUTES = [
    get(BASE, whole),
    post(f"{BASE}/find", find),
    post(f"{BASE}/save", save),
    post(f"{BASE}/preview", preview_edit),
    post(f"{BASE}/apply", apply),
    post(f"{BASE}/undo", step(undo)),
    post(f"{BASE}/redo", step(redo)),
    get(f"{BASE}/check", check),
    get(f"{BASE}/captioner", captioner),
    post(f"{BASE}/captioner/offer", offered),
    post(f"{BASE}/job", start_job),
]
