""" "Keep this one", from the Compare panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from train_tools.compare.checkpoints import checkpoint_named, find_checkpoints
from train_tools.errors import UsageError
from train_tools.hosts import bridge_client
from train_tools.publish.places import known_folders, tell_host
from train_tools.publish.service import free_lora_name, publish, request_for
from train_tools.publish.settings import PublishSettings
from train_tools.ui.fields import field_of
from train_tools.ui.routing import Call, get, post
from train_tools.workspace import settings
from train_tools.workspace.catalogue import as_text, entries_of

AT = "/api/v/{project}/{version}/publish"
SECTION = "publish"


def folders_for(call: Call) -> list[Path]:
    host = bridge_client.find(call.root)
    return known_folders(call.version, call.root, host.folders().loras if host else ())


def about(call: Call) -> dict[str, Any]:
    """What the dialog begins with: a free name, folders, settings."""
    version = call.version
    checkpoint = checkpoint_named(find_checkpoints(version), call.query("checkpoint"))
    folders = folders_for(call)
    entries = entries_of(SECTION, PublishSettings)
    saved = settings.read(version)[SECTION]
    return {
        "name": free_lora_name(folders[0], Path(checkpoint.file).stem),
        "folders": folders,
        "fixed": call.exposed,
        "settings": [field_of(entry, call.language) for entry in entries],
        "values": {entry.name: as_text(saved[entry.name]) for entry in entries if entry.name in saved},
    }


def keep(call: Call) -> dict[str, Any]:
    version = call.version
    folder = Path(call.field("folder"))
    # Who comes over the network must not write wherever this machine's user may.
    if call.exposed and folder not in folders_for(call):
        raise UsageError("this page is open to others, so LoRAs go only to the folders that are offered")
    checkpoint = checkpoint_named(find_checkpoints(version), call.field("checkpoint"))
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
