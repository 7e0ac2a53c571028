"""The demo, begun by a button: how far it is, and its end before it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.execution import queue_actions
from train_tools.execution.lane import wake
from train_tools.execution.states import CANCELLED, FAILED, FINISHED, HELD, RUNNING, WAITING
from train_tools.execution.ticket import DEMO, LIGHT_LANE, PREVIEW, TRAIN
from train_tools.small_models.zorb import PROJECT, VERSION
from train_tools.ui.routes.queue import view_of
from train_tools.ui.routing import Call, get, post
from train_tools.workspace.begin_version import begin_version

PARTS = {DEMO: "data", TRAIN: "training", PREVIEW: "pictures"}  # by the kind of work, in their order
WAITS, DONE = "waits", "done"
OPEN = (*WAITING, RUNNING, HELD)


def shown(call: Call) -> dict[str, Any]:
    """`state` is none, running, done, failed or cancelled; `parts` have a state and a share from 0 to 1 each."""
    entries = _entries(call)
    parts: list[dict[str, Any]] = []
    for kind, name in reversed(PARTS.items()):
        # What was trained before isn't queued again.
        is_over = bool(parts) and parts[0]["state"] != WAITS
        parts.insert(0, _part(name, [e for e in entries if e["kind"] == kind], DONE if is_over else WAITS))
    errors = [entry["error"] for entry in entries if entry["state"] == FAILED and entry["error"]]
    return {
        "project": PROJECT,
        "version": VERSION,
        "state": _state([part["state"] for part in parts], entries),
        "parts": parts,
        "error": errors[0] if errors else "",
    }


def _entries(call: Call) -> list[Mapping[str, Any]]:
    """Those since the demo was last begun."""
    found = [
        entry
        for entry in view_of(call).look().entries.values()
        if (entry["project"], entry["version"]) == (PROJECT, VERSION) and entry["kind"] in PARTS
    ]
    begun_at = max((entry["added"] for entry in found if entry["kind"] == DEMO), default=None)
    return [entry for entry in found if begun_at is not None and entry["added"] >= begun_at]


def _part(name: str, entries: Sequence[Mapping[str, Any]], without: str) -> dict[str, Any]:
    """`without` is its state where nothing of it was queued."""
    states = [entry["state"] for entry in entries]
    shares = [
        1.0 if e["state"] == FINISHED else min(1.0, e["step"] / e["steps"]) if e["steps"] else 0.0
        for e in entries
    ]
    return {
        "name": name,
        "state": _worst(states) if states else without,
        "share": sum(shares) / len(shares) if shares else float(without == DONE),
    }


def _worst(states: Sequence[str]) -> str:
    for state in (FAILED, CANCELLED):
        if state in states and not set(states) & set(OPEN):
            return state
    return DONE if set(states) == {FINISHED} else "running"


def _state(parts: Sequence[str], entries: Sequence[Mapping[str, Any]]) -> str:
    if not entries:
        return "none"
    if "running" in parts:
        return "running"
    ended = next((part for part in parts if part in (FAILED, CANCELLED)), "")
    # Between two parts nothing runs for a moment.
    return ended or (DONE if set(parts) == {DONE} else "running")


def begun(call: Call) -> dict[str, Any]:
    """Makes its project where it isn't there, and queues the work; what runs already isn't queued again."""
    workspace = call.workspace
    if PROJECT not in [project.name for project in workspace.projects()]:
        workspace.create_project(PROJECT)
    if VERSION not in [version.name for version in workspace.versions(PROJECT)]:
        begin_version(workspace, PROJECT, VERSION)
    if shown(call)["state"] != "running":
        queue = view_of(call).queue
        queue_actions.add_job(
            queue, workspace.version(PROJECT, VERSION), DEMO, {}, queue_actions.Conditions(lane=LIGHT_LANE)
        )
        wake(queue, LIGHT_LANE)
    return shown(call)


def cancelled(call: Call) -> dict[str, Any]:
    """What was made so far stays."""
    queue = view_of(call).queue
    for entry in _entries(call):
        if entry["state"] in OPEN:
            try:
                queue_actions.cancel(queue, entry["id"])
            except TrainToolsError:
                continue  # it has ended meanwhile
    return shown(call)


ROUTES = [
    get("/api/demo", shown),
    post("/api/demo", begun),
    post("/api/demo/cancel", cancelled),
]
