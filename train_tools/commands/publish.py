"""`publish PROJECT VERSION CHECKPOINT --to FOLDER --name NAME`: keep this one."""

from __future__ import annotations

import argparse
from pathlib import Path

from train_tools.commands.options import add_common, add_set, add_version, open_version
from train_tools.commands.output import Output
from train_tools.compare.checkpoints import checkpoint_named, find_checkpoints
from train_tools.publish.places import tell_host
from train_tools.publish.service import publish, request_for
from train_tools.publish.settings import PublishSettings
from train_tools.workspace import settings

HELP = "Copies or links a checkpoint to a webui's Lora folder or any other, with its card."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_version(parser)
    parser.add_argument("checkpoint", metavar="CHECKPOINT", help="its file, run/file, or id")
    parser.add_argument(
        "--to", type=Path, required=True, metavar="FOLDER", help="e.g. the webui's models/Lora"
    )
    parser.add_argument("--name", required=True, metavar="NAME", help="by which prompts will call it")
    parser.add_argument(
        "--picture", default="", metavar="KEY", help="the preview picture for its card (default: the best)"
    )
    add_set(parser)
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    version = open_version(arguments, out)
    changes = settings.parse_assignments(arguments.set)
    chosen = settings.preview_change(version, "publish", PublishSettings, changes)
    checkpoint = checkpoint_named(find_checkpoints(version), arguments.checkpoint)
    request = request_for(version, checkpoint, arguments.to, arguments.name, arguments.picture)
    done = publish(version, request, chosen)
    for path in done.files:
        out.say(str(path))
    notes = [*done.notes, *tell_host(version.root, arguments.to)]
    for note in notes:
        out.say(note)
    out.say(f"in prompts: <lora:{arguments.name}:{chosen.preferred_weight or 1:g}>")
    out.document(
        {
            "lora": str(done.lora),
            "files": [str(path) for path in done.files],
            "is_link": done.is_link,
            "notes": notes,
        }
    )
    return 0
