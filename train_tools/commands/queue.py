"""`queue add|more|list|watch|pause|resume|finish|cancel|retry|move|edit|now|not-before|stop-after|shut-down|clear`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from train_tools.commands.changes import add_changes, changes_of
from train_tools.commands.options import add_common, add_set, add_version, open_version
from train_tools.commands.output import Output, table
from train_tools.commands.plan import show
from train_tools.commands.queue_watch import watch
from train_tools.commands.settings_catalogue import SECTION_OF_JOB, STATED
from train_tools.engines.registry import AUTO, ENGINES
from train_tools.errors import UsageError
from train_tools.execution import queue_actions, queue_edit
from train_tools.execution.lane import has_worker, slots, wake
from train_tools.execution.more import add_more
from train_tools.execution.packs import foreseen, key_of
from train_tools.execution.queue import DRAWS, PAUSED, SHUT_DOWN, STOP_AFTER, Entry, Queue
from train_tools.execution.queue_actions import FIRST, LAST, Conditions
from train_tools.execution.runs import progress_of
from train_tools.execution.states import ENDED
from train_tools.execution.ticket import ASKED_KINDS, DEFAULT_LANE, TRAIN
from train_tools.hosts.bridge_client import renderer_of
from train_tools.planning.plan import make_plan
from train_tools.preview.before_training import with_pictures
from train_tools.workspace import settings

HELP = "Runs trainings, captions and previews one after another, in a process that outlives this terminal."
ACTIONS = {
    "add": "queue the runs that the settings mean, or a caption, preview or score job",
    "list": "what waits, is being done and has ended",
    "watch": "follow what happens until the queue is done; ends and starts again at will",
    "pause": "pause an entry, or all: the step is finished, the state saved, the GPU free",
    "resume": "let a paused entry, or the paused queue, go on",
    "finish": "finish what is trained after the epoch that it is in; others of its pack go on",
    "more": "train finished runs for some more epochs",
    "cancel": "take an entry out; what it made is kept",
    "retry": "queue a failed or cancelled entry once more, or all that failed",
    "move": "to the first or last place, or before another entry",
    "edit": "change settings of an entry that waits",
    "now": "do an entry next; what is being trained pauses and goes on after",
    "not-before": "start an entry no earlier than at a time",
    "stop-after": "pause the queue when what is being trained has ended",
    "shut-down": "shut the computer down when the queue is done",
    "clear": "take what has ended off the list; its folders stay",
}
ONE, ONE_OR_ALL = ("cancel", "finish", "move", "edit", "now", "not-before"), ("pause", "resume", "retry")
SWITCHES = {"stop-after": STOP_AFTER, "shut-down": SHUT_DOWN}
WAKING = ("add", "more", "list", "watch", "resume", "retry", "now", "not-before", "move", "edit")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    for action, help_text in ACTIONS.items():
        leaf = actions.add_parser(action, help=help_text, description=help_text)
        if action == "add":
            _add_options(leaf)
        elif action == "more":
            add_version(leaf)
            leaf.add_argument("runs", metavar="RUN", nargs="*", help="finished runs, by name")
            leaf.add_argument("--starred", action="store_true", help="those with a starred checkpoint")
            leaf.add_argument("--epochs", type=int, required=True, metavar="N", help="how many more")
        elif action in ONE:
            leaf.add_argument("id", metavar="ID", type=int)
        elif action in ONE_OR_ALL:
            leaf.add_argument("id", metavar="ID", type=int, nargs="?", help="default: all")
        if action == "move":
            leaf.add_argument(
                "where", metavar="first|last|ID", help="the place, or the entry to stand before"
            )
        elif action == "not-before":
            leaf.add_argument("when", metavar="TIME", help="22:30, 2026-01-31T22:30, or `any`")
        elif action in SWITCHES:
            leaf.add_argument("--off", action="store_true", help="take it back")
        elif action == "edit":
            add_set(leaf)
        leaf.add_argument(
            "--lane", default=DEFAULT_LANE, help="a queue beside the usual one, which knows nothing of it"
        )
        add_common(leaf)


def _add_options(leaf: argparse.ArgumentParser) -> None:
    add_version(leaf)
    add_changes(leaf)
    leaf.add_argument("--kind", choices=ASKED_KINDS, default=TRAIN, help="what is to be done")
    leaf.add_argument(
        "--engine", choices=(AUTO, *ENGINES), default="", help="what trains, instead of the setting `engine`"
    )
    leaf.add_argument("--again", action="store_true", help="train finished runs once more")
    leaf.add_argument("--not-before", metavar="TIME", help="22:30 or 2026-01-31T22:30")
    leaf.add_argument(
        "--no-milder", action="store_true", help="where memory runs out, don't try once with fewer at a time"
    )


def run(arguments: argparse.Namespace, out: Output) -> int:
    queue, action = Queue(arguments.root), arguments.action
    if action == "add":
        _add(queue, arguments, out)
    elif action == "more":
        _more(queue, arguments, out)
    elif action in SWITCHES or (action in ("pause", "resume") and arguments.id is None):
        _switch(queue, arguments)
    elif action == "clear":
        out.say(f"{queue_actions.clear(queue, arguments.lane)} entries taken off the list")
    elif action == "retry" and arguments.id is None:
        for entry in queue.entries(arguments.lane):
            if entry.state == "failed" and entry.folder.is_dir():
                queue_actions.retry(queue, entry.id)
    elif action not in ("list", "watch"):
        _act_on_one(queue, arguments)
    if action in WAKING:
        wake(queue, arguments.lane)
    if action == "watch":
        return watch(queue, arguments.lane, out)
    document = state_document(queue, arguments.lane)
    if action != "clear":
        _show(document, out)
    out.document(document)
    return 0


def _add(queue: Queue, arguments: argparse.Namespace, out: Output) -> None:
    version = open_version(arguments, out)
    when = parse_time(arguments.not_before) if arguments.not_before else None
    conditions = Conditions(arguments.lane, when, not arguments.no_milder)
    if arguments.kind == TRAIN:
        changes = changes_of(arguments, version, out)
        at_once = len(slots(version.root, arguments.lane))
        plan = make_plan(version, changes, arguments.engine, again=arguments.again, at_once=at_once)
        plan = with_pictures(version, plan, lambda: renderer_of(version.root))
        show(plan, out)
        added = queue_actions.add_training(queue, version, plan, conditions)
        if changes:
            settings.update(version, "training", {n: None if v == "" else v for n, v in changes.items()})
        out.say(f"\n{len(added)} run(s) queued, {len(plan.runs) - len(added)} not needed")
        return
    changes = settings.parse_assignments(arguments.set)
    # Checked now: a wrong name must not wait for its turn to be told.
    section = SECTION_OF_JOB[arguments.kind]
    settings.preview_change(version, section, STATED[section], changes)
    queue_actions.add_job(queue, version, arguments.kind, changes, conditions)


def _more(queue: Queue, arguments: argparse.Namespace, out: Output) -> None:
    from train_tools.compare.service import starred_runs

    version = open_version(arguments, out)
    names = [*arguments.runs, *(starred_runs(version) if arguments.starred else [])]
    for more in add_more(queue, version, names, arguments.epochs, Conditions(arguments.lane)):
        out.say(f"{more.name}: {more.note}")


def _switch(queue: Queue, arguments: argparse.Namespace) -> None:
    name = SWITCHES.get(arguments.action, PAUSED)
    on = not arguments.off if arguments.action in SWITCHES else arguments.action == "pause"
    with queue.locked() as connection:
        if name == PAUSED and not on:
            queue_actions.go_on(queue, connection, arguments.lane)
        else:
            queue.set_flag(connection, arguments.lane, name, on)


def _act_on_one(queue: Queue, arguments: argparse.Namespace) -> None:
    number = arguments.id
    if arguments.action == "move":
        where = arguments.where
        if where not in (FIRST, LAST) and not where.isdigit():
            raise UsageError(f"an entry can't move to {where!r}; say first, last or an entry's number")
        queue_actions.move(queue, number, where if where in (FIRST, LAST) else int(where))
    elif arguments.action == "edit":
        queue_edit.edit(queue, number, settings.parse_assignments(arguments.set))
    elif arguments.action == "not-before":
        queue_actions.not_before(
            queue, number, None if arguments.when == "any" else parse_time(arguments.when)
        )
    else:
        actions = {
            "cancel": queue_actions.cancel, "finish": queue_actions.finish,
            "pause": queue_actions.pause, "resume": queue_actions.resume,
            "retry": queue_actions.retry, "now": queue_actions.run_now,
        }  # fmt: skip
        actions[arguments.action](queue, number)


def parse_time(text: str) -> float:
    """Seconds since 1970 of a time of day (the next one) or of a date with time, both local."""
    try:
        if "T" in text or " " in text.strip():
            return datetime.fromisoformat(text.strip()).timestamp()
        clock = datetime.strptime(text.strip(), "%H:%M").time()
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; say 22:30 or 2026-01-31T22:30") from error
    now = datetime.now()
    today = datetime.combine(now.date(), clock)
    return (today if today > now else today + timedelta(days=1)).timestamp()


def state_document(queue: Queue, lane: str) -> dict[str, Any]:
    with queue.locked() as connection:
        entries = list(queue.read(connection, lane))
        flags = queue.flags(connection, lane)
    return {
        "lane": lane,
        "worker": has_worker(queue.root, lane),
        "paused": PAUSED in flags,
        "draws": DRAWS in flags,
        "stop_after": STOP_AFTER in flags,
        "shut_down": SHUT_DOWN in flags,
        "entries": _documents(entries),
    }


def _documents(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """With which others each is trained, or will be: `together` names the number of `runs`, and of what waits the
    `pack` to come, counted from 1, and how many `packs` there are; None where it is by itself.
    """
    together = foreseen([(entry, key_of(entry)) for entry in entries if entry.waits])
    processes = {e.id: e.record.pid for e in entries if e.state == "running" and e.record is not None}
    for number, process in processes.items():
        if (runs := list(processes.values()).count(process)) > 1:
            together[number] = {"runs": runs}
    return [{**_entry_document(entry), "together": together.get(entry.id)} for entry in entries]


def _entry_document(entry: Entry) -> dict[str, Any]:
    step, steps = progress_of(entry.folder, entry.record) if entry.record else (0, 0)
    return {
        "id": entry.id,
        "kind": entry.ticket.kind,
        "project": entry.project,
        "version": entry.version,
        "name": entry.folder.name,
        "folder": str(entry.folder),
        "state": entry.state,
        "step": step,
        "steps": steps,
        "not_before": entry.not_before,
        "request": entry.request,
        "error": entry.error,
    }


def _together(told: Mapping[str, int] | None) -> str:
    if told is None:
        return "-"
    runs = f"{told['runs']} runs at once"
    return f"pack {told['pack']} of {told['packs']}: {runs}" if "pack" in told else runs


def _show(document: dict[str, Any], out: Output) -> None:
    if not document["entries"]:
        out.say("the queue is empty; add to it with `queue add PROJECT VERSION`")
        return
    rows = [["id", "what", "project", "version", "state", "step", "trained together", "name"]]
    for entry in document["entries"]:
        step = f"{entry['step']}/{entry['steps']}" if entry["steps"] else "-"
        state = entry["state"]
        if entry["request"]:
            state += f", to {entry['request']}"
        elif entry["not_before"] and entry["not_before"] > time.time() and state not in ENDED:
            state += f" until {datetime.fromtimestamp(entry['not_before']):%Y-%m-%d %H:%M}"
        rows.append([
            str(entry["id"]), entry["kind"], entry["project"], entry["version"], state, step,
            _together(entry["together"]), entry["name"],
        ])  # fmt: skip
    out.say(table(rows, right=frozenset({0, 5})))
    for entry in document["entries"]:
        if entry["error"]:
            out.say(f"{entry['id']}: {entry['error']}")
    for name, words in (
        ("paused", "the queue is paused; `queue resume` lets it go on"),
        ("draws", "the training is paused for the webui's pictures; `queue resume` lets it go on"),
        ("stop_after", "the queue stops after what is being trained"),
        ("shut_down", "the computer shuts down when the queue is done"),
    ):
        if document[name]:
            out.say(words)
