"""Pictures of the checkpoints: their settings, how many they would be, and the job that renders them."""

from __future__ import annotations

from typing import Any

from train_tools.errors import UsageError
from train_tools.execution.lane import wake
from train_tools.execution.queue import Queue
from train_tools.execution.queue_actions import Conditions, add_job
from train_tools.execution.ticket import PREVIEW
from train_tools.hosts.bridge_client import renderer_of
from train_tools.planning.exposure import refuse_exposed_settings
from train_tools.preview.choosing import AUTO
from train_tools.preview.renderer import HOST
from train_tools.preview.service import check, drawn_bases
from train_tools.preview.settings import PreviewSettings
from train_tools.preview.ways import by_family
from train_tools.ui.fields import field_of
from train_tools.ui.routing import Call, get, post
from train_tools.workspace import settings
from train_tools.workspace.catalogue import as_text, entries_of
from train_tools.workspace.lock import writing

AT = "/api/v/{project}/{version}/previews"
SECTION = "preview"
AFTER_EACH_RUN = "run"  # what a page proposes for `automatic`, where nothing is set


def shown(call: Call) -> dict[str, Any]:
    """The settings, and what is set of them as texts."""
    entries = entries_of(SECTION, PreviewSettings)
    given = settings.read(call.version)[SECTION]
    separators = {entry.name: entry.separator or "," for entry in entries}
    return {
        "settings": [field_of(entry, call.language) for entry in entries],
        "values": {n: as_text(v, separators[n]) for n, v in given.items() if n in separators},
        "automatic": given.get("automatic", AFTER_EACH_RUN),
    }


def counted(call: Call) -> dict[str, Any]:
    """A task: how many pictures the settings mean, how many of them aren't there yet, and what nobody set."""
    version, root = call.version, call.root
    chosen = chosen_settings(call)

    def work(_task: object) -> dict[str, Any]:
        try:
            plan = check(version, chosen, renderer_of(root) if chosen.renderer in (AUTO, HOST) else None)
        except UsageError as error:
            return {"problem": str(error)}
        paths = {cell.path for cell in plan.cells}
        missing = sum(not path.is_file() for path in paths)
        drawn = [one.sentence for one in drawn_bases(plan)]
        return {
            "pictures": len(paths),
            "missing": missing,
            "notes": list(plan.notes),
            "drawn": drawn,
            "by_family": by_family(chosen, (cell.recipe for cell in plan.cells)),
        }

    return call.tasks.start(work, only_newest_of=f"previews {version.folder}")


def saved(call: Call) -> dict[str, Any]:
    """Keeps settings; an empty text takes one back to its default. `seen` are the texts that the page had before: what
    somebody else changed since is a conflict, and stays.
    """
    version, seen, given = call.version, call.field("seen", dict, {}), _given(call)
    with writing(version, "changing settings"):
        now = shown(call)["values"]
        conflicts = {
            n: now.get(n, "") for n, text in given.items() if now.get(n, "") not in (seen.get(n, ""), text)
        }
        mine = {name: text for name, text in given.items() if name not in conflicts}
        chosen = _checked(call, {name: text for name, text in mine.items() if text.strip()})
        settings.update(
            version, SECTION, {n: getattr(chosen, n) if text.strip() else None for n, text in mine.items()}
        )
    return {"values": shown(call)["values"], "conflicts": conflicts}


def rendered(call: Call) -> dict[str, Any]:
    """Keeps the settings, and queues what they mean."""
    version = call.version
    chosen_settings(call)
    settings.change(version, SECTION, PreviewSettings, _given(call))
    queue = Queue(call.root)
    ticket = add_job(queue, version, PREVIEW, {}, Conditions())
    wake(queue, ticket.lane)
    return {"id": ticket.id}


def automatic(call: Call) -> dict[str, Any]:
    """When pictures are made by themselves."""
    settings.change(call.version, SECTION, PreviewSettings, {"automatic": call.field("automatic")})
    return {}


def _given(call: Call) -> dict[str, str]:
    given = call.field("settings", dict, {})
    if not all(isinstance(value, str) for value in given.values()):
        raise UsageError("'settings' must hold texts")
    return dict(given)


def chosen_settings(call: Call) -> PreviewSettings:
    """What is set, with `settings` of the request laid over it. Raises UsageError where one isn't allowed."""
    return _checked(call, _given(call))


def _checked(call: Call, given: dict[str, str]) -> PreviewSettings:
    if call.exposed:
        refuse_exposed_settings(SECTION, given)
    return settings.preview_change(call.version, SECTION, PreviewSettings, given)


ROUTES = [
    get(AT, shown),
    post(f"{AT}/settings", saved),
    post(f"{AT}/count", counted),
    post(f"{AT}/render", rendered),
    post(f"{AT}/automatic", automatic),
]
