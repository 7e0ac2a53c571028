""" "Keep this one", from the Compare panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train_tools.compare.board import cell_with
from train_tools.compare.checkpoints import checkpoint_named, find_checkpoints
from train_tools.errors import UsageError
from train_tools.hosts import bridge_client
from train_tools.publish.places import known_folders, tell_host
from train_tools.publish.service import publish, request_for
from train_tools.publish.settings import PublishSettings
from train_tools.ui.fields import field_of
from train_tools.ui.keeping import name_for, trigger_words
from train_tools.ui.routing import Call, get, post
from train_tools.workspace import settings
from train_tools.workspace.catalogue import as_text, entries_of
from train_tools.workspace.workspace import Version

AT = "/api/v/{project}/{version}/publish"
SECTION = "publish"


def folders_for(call: Call) -> list[Path]:
    host = bridge_client.find(call.root)
    return known_folders(
        call.version, call.root, host.folders().loras if host else (), with_used=not call.exposed
    )


def about(call: Call) -> dict[str, Any]:
    """What the dialog begins with: a free name, folders, settings."""
    version = call.version
    checkpoint = checkpoint_named(find_checkpoints(version), call.query("checkpoint"))
    folders = folders_for(call)
    entries = entries_of(SECTION, PublishSettings)
    saved = settings.read(version)[SECTION]
    return {
        "name": name_for(version, checkpoint, folders[0]),
        "folders": folders,
        "fixed": call.exposed,
        "settings": [field_of(entry, call.language) for entry in entries],
        "values": {
            **_proposed(version, call.query("picture")),
            **{entry.name: as_text(saved[entry.name]) for entry in entries if entry.name in saved},
        },
    }


def _proposed(version: Version, picture: str) -> dict[str, str]:
    """As texts: what the picture was made with, and the words that call it."""
    found = {"activation_text": trigger_words(version)}
    weight = cell_with(version, picture).weight if picture else 0
    if isinstance(weight, (int, float)) and weight:
        found["preferred_weight"] = f"{weight:g}"
    return {name: text for name, text in found.items() if text}


def keep(call: Call) -> dict[str, Any]:
    """`missing_folder` where it isn't there: with `make_folder` it is made."""
    version = call.version
    if not str(call.field("folder")).strip():
        raise UsageError("say into which folder the LoRA goes")
    folder = Path(call.field("folder").strip())
    # Who comes over the network must not write wherever this machine's user may.
    if call.exposed and folder not in folders_for(call):
        raise UsageError("this page is open to others, so LoRAs go only to the folders that are offered")
    checkpoint = checkpoint_named(find_checkpoints(version), call.field("checkpoint"))
    if not folder.expanduser().is_dir():
        if not call.field("make_folder", bool, False):
            return {"missing_folder": str(folder.expanduser().absolute())}
        folder.expanduser().mkdir(parents=True, exist_ok=True)
    given = {str(name): str(value) for name, value in call.field("settings", dict, {}).items()}
    chosen = settings.preview_change(version, SECTION, PublishSettings, given)
    name = call.field("name").strip()
    done = publish(
        version, request_for(version, checkpoint, folder, name, call.field("picture", str, "")), chosen
    )
    notes = [*done.notes, *tell_host(call.root, folder)]
    tag = f"<lora:{name}:{chosen.preferred_weight or 1:g}>"
    return {"lora": done.lora, "files": done.files, "notes": notes, "is_link": done.is_link, "tag": tag}


ROUTES = [get(AT, about), post(AT, keep)]
