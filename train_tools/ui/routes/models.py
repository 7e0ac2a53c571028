"""Models for whoever chooses one: those on this machine, the server's disks, and downloads of what isn't there."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from train_tools.base_model import browsing, places
from train_tools.base_model.found import FoundModel, find_models, look_at
from train_tools.base_model.known import KNOWN
from train_tools.base_model.places import ADDED, BASE, ROLES, WEBUI, Place
from train_tools.environment import mirror_choice, program
from train_tools.environment.model_offers import offers
from train_tools.environment.model_source import HUB_ID
from train_tools.environment.network import network_of
from train_tools.errors import UsageError
from train_tools.execution.described import describe
from train_tools.execution.lane import wake
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.queue_actions import Conditions, add_job
from train_tools.execution.ticket import DOWNLOAD, NETWORK_LANE
from train_tools.hosts.interface import BaseModel, Host, HostError
from train_tools.small_models import base_model_file
from train_tools.ui.guard import folders_of, host_of, may_look_at, refuse_others
from train_tools.ui.routing import Call, get, post
from train_tools.ui.tasks import Task
from train_tools.workspace.files import read_json

SHIPPED = "scenes-sd1"
MOST_DOWNLOADS = 8
# By file name, the first that fits; sd-scripts' arguments.
PARTS = {
    "clip_l": r"clip[-_ ]?l(?=[._-]|$)",
    "clip_g": r"clip[-_ ]?g(?=[._-]|$)",
    "t5xxl": r"t5[-_ ]?xxl|^t5",
    "gemma2": r"gemma",
    "qwen3": r"qwen[-_ ]?3",
    "ae": r"^ae(?=[._-]|$)|flux.*(ae|vae)",
    "vae": r"vae|kl-f8|mse|^ae",
}

# Arguments whose path is that of a model: what for. All others are any file or folder.
ROLE_OF = {
    "pretrained_model_name_or_path": places.BASE, "vae": places.VAE, "ae": places.VAE,
    "network_weights": places.LORA, "base_weights": places.LORA,
    **dict.fromkeys(
        ("clip_l", "clip_g", "t5xxl", "gemma2", "qwen3", "text_encoder", "byt5", "llm_adapter_path"), places.TEXT
    ),
}  # fmt: skip


def models(call: Call) -> dict[str, Any]:
    """A task: what is found for `?role=`, with the toy that ships where that is base models."""
    root, role, exposed = call.root, _role(call), call.exposed

    def work(task: Task) -> dict[str, Any]:
        host = host_of(root)
        top = host.folders().models
        problem, listed, parts = "", list[BaseModel](), dict[str, list[str]]()
        try:
            listed = host.base_models() if role == BASE else []
            parts = parts_by_argument(host.model_files())
        except HostError as error:
            problem = str(error)
        allowed = _allowed(root) if exposed else None
        where = [place for place in places.all_places(root, top, role) if role == BASE or place.kind != ADDED]
        found = [
            one for one in find_models(where, role, task.report) if browsing.is_allowed(one.file, allowed)
        ]
        return {
            "models": [*map(_shown, _with_hosts(listed, found)), *([_shipped()] if role == BASE else [])],
            "folder": str(top or ""),
            "folders": [] if exposed else [str(folder) for folder in places.added(root)],
            "host": host.name,
            "problem": problem,
            "parts": parts,
            "known": [asdict(one) for one in KNOWN] if role == BASE and not exposed else [],
        }

    return call.tasks.start(work, only_newest_of=f"models {role}")


def _role(call: Call) -> str:
    role = call.query("role", BASE)
    if role not in ROLES:
        raise UsageError(f"{role!r} is nothing that models are for; there are: {', '.join(ROLES)}")
    return role


def _with_hosts(listed: Sequence[BaseModel], found: Sequence[FoundModel]) -> list[FoundModel]:
    """The host's own come first, under the names that its list shows."""
    known = {_same(model.file): model for model in found}
    mine = []
    for model in listed:
        one = known.pop(_same(model.file), None) or look_at(
            model.file, model.title, Place(WEBUI, model.file.parent)
        )
        mine.append(replace(one, title=model.title, kind=WEBUI, is_chosen=model.is_chosen))
    mine.sort(key=lambda model: not model.is_chosen)
    return [*mine, *known.values()]


def _same(file: Path) -> str:
    return os.path.normcase(os.path.realpath(file))


def _shown(model: FoundModel) -> dict[str, Any]:
    return {**asdict(model), "is_shipped": False}


def _shipped() -> dict[str, Any]:
    file = base_model_file()
    return {**asdict(look_at(file, SHIPPED, Place("shipped", file.parent))), "is_shipped": True}


def parts_by_argument(files: Sequence[Path]) -> dict[str, list[str]]:
    """The webui's VAEs and text encoders by the argument whose path each may be, as their usual names tell."""
    found: dict[str, list[str]] = {}
    for file in files:
        name = file.stem.lower()
        for argument, pattern in PARTS.items():
            if re.search(pattern, name):
                found.setdefault(argument, []).append(str(file))
                break
    return found


def _allowed(root: Path) -> list[Path]:
    """What people who come over the network may look at: as `planning.exposure` takes paths from them."""
    folders = folders_of(root)
    return [folders.root, *folders.models]


def browse(call: Call) -> dict[str, Any]:
    """One folder of the server's disks; without one, where to begin."""
    host = host_of(call.root)
    allowed = _allowed(call.root) if call.exposed else None
    tops = allowed if allowed is not None else _tops(call.root, host)
    asked = call.query("folder")
    shown = browsing.listing(Path(asked), allowed, all_files=call.query("all") == "1") if asked else None
    return {"tops": [top for top in dict.fromkeys(tops) if top.is_dir()], "listing": shown}


def _tops(root: Path, host: Host) -> list[Path]:
    top = host.folders().models
    return [*([top] if top else []), *places.added(root), *browsing.tops()]


def folders(call: Call) -> dict[str, Any]:
    """Adds a folder in which models are looked for, or takes one off the list."""
    refuse_others(call)
    folder = Path(_plain_path(call.field("folder")))
    if call.field("remove", bool, False):
        places.remove(call.root, folder)
    else:
        places.add(call.root, folder)
    return {"folders": places.added(call.root)}


def look(call: Call) -> dict[str, Any]:
    """A task: what a person's text means, as a path, a hub id or an address; with what a download would take."""
    root, role, text = call.root, call.field("role", str, BASE), _plain_path(call.field("text"))
    exposed = call.exposed

    def work(_task: Task) -> dict[str, Any]:
        path = Path(text).expanduser()
        if text and path.is_absolute() and not may_look_at(call, path):
            raise UsageError(f"{text} lies outside of the folders for models")
        if text and path.is_absolute() and path.exists():
            return {
                "model": _shown(look_at(path, path.name, Place("path", path.parent), role)),
                "offers": [],
                "problem": "",
            }
        if text.startswith(("http://", "https://")) or HUB_ID.fullmatch(text):
            if exposed:
                raise UsageError("nothing is downloaded while the page is open to others")
            mirror_choice.find_out(root, program.read(root), ("hugging_face",))
            return {
                "model": None,
                "offers": [asdict(one) for one in offers(text, network_of(root))],
                "problem": "",
            }
        return {
            "model": None,
            "offers": [],
            "problem": f"there is no {text or 'such file'} on this machine; give a path, a Hugging Face id like "
            "owner/name, or an address",
        }

    return call.tasks.start(work)


def _plain_path(text: str) -> str:
    """As file managers give it: in quotes, or as an address of a file."""
    plain = text.strip().strip("\"'")
    if plain.lower().startswith("file:"):
        return (
            url2pathname(unquote(urlsplit(plain).path))
            if "%" in plain
            else url2pathname(urlsplit(plain).path)
        )
    return plain


def start_download(call: Call) -> dict[str, Any]:
    """A job: of one file into the folder for its role, or of several into Hugging Face's cache."""
    refuse_others(call)
    role, source = call.field("role", str, BASE), call.field("source").strip()
    files = [str(name) for name in call.field("files", list, [])]
    if role not in ROLES:
        raise UsageError(f"{role!r} is nothing that models are for; there are: {', '.join(ROLES)}")
    name = str(call.field("name", str, "")) or source
    settings = {"source": source, "name": name, "files": "\n".join(files)}
    if not files:
        host = host_of(call.root)
        is_webui = host.name != "Train Tools"
        settings["folder"] = str(
            places.folder_for_new(role, call.root, host.folders().models if is_webui else None)
        )
    queue = Queue(call.root)
    ticket = add_job(queue, call.version, DOWNLOAD, settings, Conditions(lane=NETWORK_LANE))
    wake(queue, NETWORK_LANE)
    return {"id": ticket.id, "folder": settings.get("folder", "")}


def downloads(call: Call) -> list[dict[str, Any]]:
    """Those that aren't done, the newest first; and `?id=`, however it ended, with the file where it is there."""
    asked = call.number("id", 0)
    found = [entry for entry in Queue(call.root).entries(NETWORK_LANE) if entry.ticket.kind == DOWNLOAD]
    wanted = [entry for entry in reversed(found) if entry.id == asked or entry.state != "finished"]
    return [_download(entry) for entry in wanted[:MOST_DOWNLOADS]]


def _download(entry: Entry) -> dict[str, Any]:
    shown = describe(entry)
    result = entry.folder / "result.json"
    return {
        "id": entry.id,
        "state": shown["state"],
        "done": shown["step"],
        "of": shown["steps"],
        "error": shown["error"],
        "name": program.without_secret(entry.ticket.settings.get("name", "")),
        "file": read_json(result)["file"] if entry.state == "finished" and result.is_file() else "",
    }


ROUTES = [
    get("/api/models", models),
    get("/api/models/browse", browse),
    post("/api/models/folders", folders),
    post("/api/models/look", look),
    post("/api/v/{project}/{version}/models/download", start_download),
    get("/api/models/downloads", downloads),
]
