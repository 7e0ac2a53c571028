"""`env`: makes and keeps the training environment; runs with any Python, also where there is no environment yet."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_tools.commands.options import add_common, add_set
from train_tools.commands.output import Output, table
from train_tools.environment import gpus, program, sd_scripts, self_check, switch
from train_tools.environment.failure import SetupError
from train_tools.environment.manage import Manager
from train_tools.environment.place import ENVIRONMENT_VARIABLE, RUNNING
from train_tools.environment.program import ProgramSettings
from train_tools.environment.status import EnvironmentStatus, environment_status
from train_tools.errors import TrainToolsError
from train_tools.small_models import base_model_file
from train_tools.workspace.catalogue import as_text, entries_of
from train_tools.workspace.fields import parse_assignments

HELP = "Makes, checks, upgrades and removes the training environment, and holds the program's settings."
SD_SCRIPTS_HELP = (
    "also sd-scripts, in this version (a tag or a commit; default: the one that this program was tried with)"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_common(actions.add_parser("status", help="what there is, its versions and size"))
    create = actions.add_parser("create", help="make what is missing; an interrupted one goes on")
    create.add_argument(
        "--sd-scripts",
        nargs="?",
        const=sd_scripts.PINNED,
        default="",
        metavar="VERSION",
        help=SD_SCRIPTS_HELP,
    )
    add_common(create)
    add_common(
        actions.add_parser(
            "check", help="import everything, and do one training step on the model that ships"
        )
    )
    add_common(actions.add_parser("upgrade", help="build a new one beside, and go over to it when it works"))
    back = actions.add_parser("rollback", help="go back to what was used before")
    back.add_argument("--sd-scripts", action="store_true", help="only to the earlier version of sd-scripts")
    add_common(back)
    use = actions.add_parser("use", help="choose a version of sd-scripts")
    use.add_argument("version", metavar="VERSION")
    add_common(use)
    remove = actions.add_parser("remove", help="delete environments that aren't used any more")
    remove.add_argument("--sd-scripts", metavar="VERSION", default="", help="only this version of sd-scripts")
    remove.add_argument("--everything", action="store_true", help="also the environment that is used")
    add_common(remove)
    settings = actions.add_parser(
        "settings", help="mirrors, proxy, offline mode; --set NAME=default takes one back"
    )
    settings.add_argument("--language", choices=("en", "zh"), default="en")
    add_set(settings)
    add_common(settings)


def run(arguments: argparse.Namespace, out: Output) -> int:
    if arguments.action == "settings":
        return settings(arguments, out)
    manager = Manager(arguments.root, base_model_file(), out.say, os.environ)
    try:
        return ACTIONS[arguments.action](manager, arguments, out)
    except SetupError as error:
        raise TrainToolsError(str(error)) from error


def status(manager: Manager, _: argparse.Namespace, out: Output) -> int:
    found = environment_status(manager.environ)
    own = None if manager.environ.get(ENVIRONMENT_VARIABLE) == RUNNING else manager.place()
    versions = sd_scripts.installed(own) if own else []
    others = switch.left_over(own) if own else []
    out.say(words(found))
    if versions:
        rows = [
            [v.name, "used" if v.current else "", "" if v.whole else "not whole", size(v.size)]
            for v in versions
        ]
        out.say(table([["sd-scripts", "", "", "size"], *rows], right=frozenset({3})))
    for folder in others:
        out.say(f"not used: {folder} (`env remove` deletes it)")
    out.document(
        {
            **document(found),
            "sd_scripts_versions": [{**asdict(v), "folder": str(v.folder)} for v in versions],
            "not_used": [str(folder) for folder in others],
        }
    )
    return 0


def words(found: EnvironmentStatus) -> str:
    lines = [f"{found.state}: {found.folder}{' (kept as it is)' if found.kept else ''}"]
    if found.error:
        lines.append(f"  {found.error}")
    if found.progress:
        lines.append(f"  now: {found.progress.get('text', '')}")
    if found.versions:
        lines.append("  " + ", ".join(f"{name} {version}" for name, version in found.versions.items()))
    if found.size:
        lines.append(f"  {size(found.size)} on the disk")
    return "\n".join(lines)


def size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"


def document(found: EnvironmentStatus) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(found).items()}


@contextlib.contextmanager
def ended_in_order() -> Iterator[None]:
    """Whoever ends this process ends the installer with it, and the journal says so; as Ctrl-C does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def create(manager: Manager, arguments: argparse.Namespace, out: Output) -> int:
    with ended_in_order():
        chosen = manager.create(arguments.sd_scripts)
    out.say(f"{chosen.folder} is ready; `env check` tries it out")
    out.document(document(environment_status(manager.environ)))
    return 0


def check(manager: Manager, _: argparse.Namespace, out: Output) -> int:
    outcomes = manager.check()
    for outcome in outcomes:
        out.say(f"{outcome.state:<5} {outcome.id}: {outcome.text}")
    out.document([asdict(outcome) for outcome in outcomes])
    return 1 if any(outcome.state == self_check.FAILED for outcome in outcomes) else 0


def upgrade(manager: Manager, _: argparse.Namespace, out: Output) -> int:
    with ended_in_order():
        manager.upgrade()
    out.document(document(environment_status(manager.environ)))
    return 0


def rollback(manager: Manager, arguments: argparse.Namespace, out: Output) -> int:
    own = manager.place()
    if arguments.sd_scripts:
        out.say(f"sd-scripts {sd_scripts.roll_back(own)} is used now")
    else:
        folder = switch.roll_back(own)
        now = manager.place()
        out.say(
            f"{folder} is used now{', and kept as it is until the next `env upgrade`' if now.kept else ''}"
        )
    out.document(document(environment_status(manager.environ)))
    return 0


def use(manager: Manager, arguments: argparse.Namespace, out: Output) -> int:
    manager.use(arguments.version)
    out.say(f"sd-scripts {arguments.version} is used now")
    out.document(document(environment_status(manager.environ)))
    return 0


def remove(manager: Manager, arguments: argparse.Namespace, out: Output) -> int:
    own = manager.place()
    if arguments.sd_scripts:
        gone = [sd_scripts.remove(own, arguments.sd_scripts)]
    else:
        used = [own.folder] if arguments.everything and own.folder.exists() else []
        gone = switch.remove(own, [*switch.left_over(own), *used])
    for folder in gone:
        out.say(f"removed {folder}")
    if not gone:
        out.say("there is nothing to remove; the environment that is used goes with --everything")
    out.document({"removed": [str(folder) for folder in gone]})
    return 0


ACTIONS = {
    "status": status, "create": create, "check": check, "upgrade": upgrade, "rollback": rollback, "use": use,
    "remove": remove,
}  # fmt: skip


def settings(arguments: argparse.Namespace, out: Output) -> int:
    if assignments := parse_assignments(arguments.set):
        found = program.change(arguments.root, assignments, gpus.check_present)
    else:
        found = program.read(arguments.root)
    shown = program.shown(found)
    rows = [
        [entry.name, as_text(shown[entry.name]), entry.help_in(arguments.language)]
        for entry in entries_of("program", ProgramSettings)
    ]
    out.say(table([["setting", "value", "meaning"], *rows]))
    out.document({"file": str(program.settings_file(arguments.root)), "settings": shown})
    return 0
