"""The plan of a version: its settings, the runs that they mean, and their start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_tools.arguments.current import current
from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution.lane import ensure_worker, slots
from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_training
from train_tools.execution.ticket import DEFAULT_LANE
from train_tools.families.interface import BASE
from train_tools.hosts.bridge_client import renderer_of
from train_tools.planning import edited
from train_tools.planning.defaults import NoBaseModelError, is_shipped
from train_tools.planning.host_model import chosen_in_webui
from train_tools.planning.plan import Plan, make_plan
from train_tools.planning.presets import all_presets, own_folder
from train_tools.preview.before_training import with_pictures
from train_tools.preview.settings import WHEN, PreviewSettings
from train_tools.tags.journal import settle
from train_tools.ui import training_settings
from train_tools.ui.guard import check_exposed
from train_tools.ui.plans import Kept, Plans, rows, summary
from train_tools.ui.routes.previews import AFTER_EACH_RUN
from train_tools.ui.routing import Call, get, post
from train_tools.workspace import settings
from train_tools.workspace.names import check_name
from train_tools.workspace.workspace import Version, names_in

MOST_RUNS = 12_000  # that are planned while one types; 10,000 take about 2 s on one core
MOST_NAMED = 5  # runs that weren't started
ROWS = 100  # of a page of runs
LATEST = 4_102_444_800  # 2100-01-01, in seconds since 1970


def plans_of(call: Call) -> Plans:
    return call.kept("plans", Plans)


def shown_settings(call: Call) -> Any:
    """`since` is the revision that the page knows: then nothing but that is sent where it is still the same."""
    shown = training_settings.read(call.version)
    if call.query("since") == shown.revision:
        return {"revision": shown.revision}
    return {
        **asdict(shown),
        "previews": settings.read(call.version)["preview"].get("automatic", AFTER_EACH_RUN),
    }


def saved_settings(call: Call) -> Any:
    changes, seen = _texts(call, "changes"), _texts(call, "seen")
    return training_settings.save(
        call.version, changes, seen, lambda name, text: check_exposed(call, {name: text})
    )


def _texts(call: Call, name: str) -> dict[str, str]:
    given = call.field(name, dict, {})
    if not all(isinstance(value, str) for value in given.values()):
        raise UsageError(f"{name!r} must hold texts")
    return dict(given)


def planned(call: Call) -> dict[str, Any]:
    """A task. `changes` are what the page has and the version hasn't yet; `page` is any name of that page's own."""
    version, changes, again = call.version, _texts(call, "changes"), bool(call.field("again", bool, False))
    owner = str(call.field("page"))
    plans = plans_of(call)

    def work(_task: Any) -> dict[str, Any]:
        try:
            check_exposed(call, changes)
            kept = _kept(version, changes, again)
        except TrainToolsError as error:
            return problem(version, error)
        if lacks_base(kept):
            return no_base(version.root)
        return {**summary(kept), "plan": plans.keep(kept)}

    return call.tasks.start(work, only_newest_of=f"plan {owner}")


def _kept(version: Version, changes: Mapping[str, str], again: bool) -> Kept:
    at_once = len(slots(version.root, DEFAULT_LANE))
    plan = make_plan(version, changes, again=again, most_runs=MOST_RUNS, at_once=at_once)
    plan = with_pictures(version, plan, lambda: renderer_of(version.root))
    given = {**training_settings.read(version).values, **changes}
    return Kept(plan, given, all_presets(own_folder(version)))


def problem(version: Version, error: TrainToolsError) -> dict[str, Any]:
    """Why there is no plan, and at which field to say so: sentences begin with its name. `lacks` is what leads on:
    images, processing (of the originals that are there) or base.
    """
    sentence = str(error)
    first = sentence.split(maxsplit=1)[0].rstrip(":")
    if isinstance(error, NoBaseModelError):
        return {"problem": sentence, "field": BASE, "lacks": "base"}
    field = first if first in current().known else ""
    lacks = ""
    if "holds no image" in sentence:
        there = any(not name.startswith(".") for name in names_in(version.origin))
        lacks = "processing" if there else "images"
    return {"problem": sentence, "field": field, "lacks": lacks}


def lacks_base(kept: Kept) -> bool:
    """Whether something would be trained on the toy because nobody chose a base model."""
    return not kept.given.get(BASE) and any(is_shipped(str(run.arguments[BASE])) for run in kept.plan.runs)


def no_base(root: Path) -> dict[str, Any]:
    """With the one that the webui has loaded, as settings, where there is one."""
    sentence = "no base model is chosen yet; choose the one that the LoRA is for"
    return {
        "problem": sentence,
        "field": "",
        "lacks": "base",
        "loaded": chosen_in_webui(root).get(BASE, ""),
    }


def runs(call: Call) -> dict[str, Any]:
    plan = plans_of(call).find(call.number("plan", 0)).plan
    start, count = max(0, call.number("from", 0)), min(call.number("count", ROWS), ROWS)
    return rows(plan, call.query("state"), start, count)


def run(call: Call) -> dict[str, Any]:
    """With the TOML that its engine will be given."""
    number = call.number("plan", 0)
    found = plans_of(call).run(number, call.number("index", -1))
    plan = plans_of(call).find(number).plan
    return {
        "name": found.name,
        "label": found.label,
        "state": found.state,
        "reasons": (*found.reasons, *found.faults),
        "is_only": not plan.axes,
        "toml": edited.run_toml(found.arguments),
    }


def edited_run(call: Call) -> dict[str, Any]:
    """Settings as texts that make the run so: this one alone (`only`), or all."""
    number = int(call.field("plan", int))
    found = plans_of(call).run(number, int(call.field("index", int)))
    kept = plans_of(call).find(number)
    changes = edited.edited(found.arguments, str(call.field("toml")))
    if not changes:
        return {"changes": {}, "changed": {}}
    if call.field("only", bool, False):
        rule = edited.as_override(found.arguments, kept.plan.axes, changes)
        before = f"{kept.overrides.strip().rstrip(';')}; " if kept.overrides.strip() else ""
        made = {"overrides": before + rule}
    else:
        made = edited.as_settings(changes)
    check_exposed(call, made)
    rows = current().arguments
    old = edited.as_settings({n: found.arguments.get(n, rows[n].sd_default) for n in changes})
    new = edited.as_settings(changes)
    return {"changes": made, "changed": {name: (old[name], new[name]) for name in changes}}


def started(call: Call) -> dict[str, Any]:
    """A task: queues the runs that are to be trained. `identity` is that of the plan which the person saw, `toy` their
    word that the base model that ships is what they want.
    """
    version, changes = call.version, _texts(call, "changes")
    again, toy = bool(call.field("again", bool, False)), bool(call.field("toy", bool, False))
    conditions = _conditions(call)
    check_exposed(call, changes)
    previews = _previews(call)
    seen, root, plans = str(call.field("identity")), call.root, plans_of(call)

    def work(_task: Any) -> dict[str, Any]:
        settle(version)
        kept = _kept(version, changes, again)
        found = summary(kept)
        if found["identity"] != seen:
            return {"changed": {**found, "plan": plans.keep(kept)}}
        if found["toys"] and not toy:
            raise UsageError(
                f"{found['toys']} of the runs would be trained on the toy that ships with Train Tools, which draws "
                "shapes of 64 pixels; choose your own base model, or say that you want the toy"
            )
        settings.change(version, "preview", PreviewSettings, previews)
        return _queued(root, version, kept.plan, conditions)

    return call.tasks.start(work)


def _queued(root: Any, version: Version, plan: Plan, conditions: Conditions) -> dict[str, Any]:
    tickets = add_training(Queue(root), version, plan, conditions, partly=True)
    if tickets:
        ensure_worker(root, conditions.lane)
    refused = [run for run in plan.runs if run.is_refused]
    return {
        "queued": len(tickets),
        "first": tickets[0].id if tickets else None,
        "refused": len(refused),
        "labels": [run.label for run in refused[:MOST_NAMED]],
    }


def _previews(call: Call) -> dict[str, str]:
    """When pictures of the checkpoints are made by themselves; `{}` leaves it as it is."""
    when = call.field("previews", str, "")
    if when not in ("", *WHEN):
        raise UsageError(f"previews come {', '.join(WHEN)}, not {when!r}")
    return {"automatic": when} if when else {}


def _conditions(call: Call) -> Conditions:
    """`not_before` in seconds since 1970."""
    lane = check_name(str(call.field("lane", str, DEFAULT_LANE)) or DEFAULT_LANE, "lane")
    when = call.field("not_before", int, None)
    if when is not None and not 0 <= when <= LATEST:
        raise UsageError("that is no time; choose one, or leave it empty")
    return Conditions(lane, when, bool(call.field("may_shrink", bool, True)))


ROUTES = [
    get("/api/v/{project}/{version}/plan/settings", shown_settings),
    post("/api/v/{project}/{version}/plan/settings", saved_settings),
    post("/api/v/{project}/{version}/plan", planned),
    get("/api/v/{project}/{version}/plan/runs", runs),
    get("/api/v/{project}/{version}/plan/run", run),
    post("/api/v/{project}/{version}/plan/run", edited_run),
    post("/api/v/{project}/{version}/plan/start", started),
]
