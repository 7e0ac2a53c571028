"""The Tools panel: the training environment, the program's settings, what takes room, a LoRA's insides, versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from dataclasses import asdict
from typing import Any

import train_tools
from train_tools.doctor import bundle
from train_tools.doctor.explain import explain
from train_tools.doctor.service import examine
from train_tools.environment import gpus, process, program, sd_scripts, switch
from train_tools.environment.failure import SetupError
from train_tools.environment.machine import this_machine
from train_tools.environment.manage import Manager
from train_tools.environment.place import ENVIRONMENT_VARIABLE, RUNNING
from train_tools.environment.program import ProgramSettings
from train_tools.environment.size import sd_scripts_gigabytes
from train_tools.environment.status import environment_status
from train_tools.errors import TrainToolsError, UsageError
from train_tools.lora.facts import lora_facts
from train_tools.small_models import base_model_file
from train_tools.ui import exports
from train_tools.ui.fields import field_of
from train_tools.ui.guard import host_of, refuse_others
from train_tools.ui.routes.plan_sources import metadata_of
from train_tools.ui.routing import Call, get, post
from train_tools.ui.tasks import Task
from train_tools.workspace.catalogue import as_text, entries_of
from train_tools.workspace.disk_use import clear_thumbnails, disk_use

PACKAGES = ("torch", "diffusers", "transformers", "safetensors", "numpy", "pillow", "starlette", "uvicorn")

MOST_LOG = 400_000  # characters of a log's end that are looked through


def environment(call: Call) -> dict[str, Any]:
    """How it stands; `can_change` where this page may make another."""
    found = asdict(environment_status(os.environ))
    is_taken = os.environ.get(ENVIRONMENT_VARIABLE) == RUNNING
    versions = [] if is_taken else sd_scripts.installed(_manager(call, Task(0)).place())
    return {
        **found,
        "is_taken": is_taken,
        "can_change": not is_taken and not call.exposed,
        "sd_scripts_bytes": call.kept("bytes of sd-scripts", _sd_scripts_bytes),
        "sd_scripts_versions": [{"name": v.name, "current": v.current, "size": v.size} for v in versions],
    }


def _sd_scripts_bytes() -> int:
    return round(1e9 * sd_scripts_gigabytes(this_machine(os.environ)))


def _manager(call: Call, task: Task) -> Manager:
    return Manager(call.root, base_model_file(), lambda text: task.report(0, 0, text), os.environ)


def change_environment(call: Call) -> dict[str, Any]:
    """A task: one of ACTIONS."""
    refuse_others(call)
    action = ACTIONS.get(call.part("action"))
    if action is None:
        raise UsageError(f"{call.part('action')!r} is nothing that can be done with the environment")

    def work(task: Task) -> Any:
        try:
            return action(_manager(call, task))
        except SetupError as error:
            raise TrainToolsError(str(error)) from error

    return call.tasks.start(work)


def _check(manager: Manager) -> list[dict[str, str]]:
    return [asdict(outcome) for outcome in manager.check()]


def _examine(manager: Manager) -> list[dict[str, str]]:
    found = []
    for finding in examine(manager.root, os.environ):
        manager.say(finding.text)
        found.append(asdict(finding))
    return found


def _bundle(manager: Manager) -> dict[str, str]:
    """What someone who helps must see, without secrets and pictures, as a zip to download."""
    file = exports.new_file(manager.root, "support")
    bundle.write(file, manager.root, os.environ, list(examine(manager.root, os.environ)), None)
    return {"file": file.name}


ACTIONS: dict[str, Any] = {
    "doctor": _examine,
    "bundle": _bundle,
    "check": _check,
    "create": lambda manager: str(manager.create().folder),
    "sd-scripts": lambda manager: str(manager.create(sd_scripts.PINNED).folder),
    "upgrade": lambda manager: str(manager.upgrade().folder),
    "rollback": lambda manager: str(switch.roll_back(manager.place())),
}


def program_settings(call: Call) -> dict[str, Any]:
    shown = program.shown(program.read(call.root))
    return {
        "fields": [field_of(entry, call.language) for entry in entries_of("program", ProgramSettings)],
        "values": {name: as_text(value) for name, value in shown.items()},
        "gpus": call.kept("gpus", lambda: [f"{number} · {name}" for number, _, name in gpus.present()]),
    }


def change_program(call: Call) -> dict[str, Any]:
    refuse_others(call)
    changes = {str(call.field("name")): str(call.field("text")) or "default"}
    program.change(call.root, changes, gpus.check_present)
    process.apply(call.root)
    return program_settings(call)


def disk(call: Call) -> dict[str, Any]:
    """A task."""
    workspace = call.workspace

    def work(task: Task) -> dict[str, Any]:
        found = disk_use(workspace, task.report)
        versions = sorted(found.versions.items(), key=lambda item: -item[1])
        return {
            "parts": found.parts,
            "versions": [{"project": p, "version": v, "bytes": size} for (p, v), size in versions],
            "free": found.free,
            "total": found.total,
        }

    return call.tasks.start(work, only_newest_of="disk")


def clear(call: Call) -> dict[str, Any]:
    """A task: thumbnails are made anew where they are looked at."""
    workspace = call.workspace
    return call.tasks.start(lambda _task: {"versions": clear_thumbnails(workspace)})


def lora(call: Call) -> Any:
    """What a file's metadata tells; the page has read it from the file's head."""
    return lora_facts(metadata_of(call.field("metadata", dict)))


def explained(call: Call) -> list[dict[str, Any]]:
    """What errors in a log mean and what helps, the likeliest first."""
    is_zh = call.language == "zh"
    return [
        {
            "means": found.means_zh if is_zh else found.means,
            "do": found.do_zh if is_zh else found.do,
            "source": found.source,
            "line": found.line,
            "commands": found.commands,
        }
        for found in explain(str(call.field("text"))[-MOST_LOG:])
    ]


def about(call: Call) -> dict[str, Any]:
    """A task, as a webui is asked for its name."""
    root = call.root

    def work(_task: Task) -> dict[str, Any]:
        host = host_of(root)
        packages = {name: found for name in PACKAGES if (found := _version(name))}
        return {
            "program": train_tools.__version__,
            "python": platform.python_version(),
            "interpreter": sys.executable,
            "system": platform.platform(),
            "root": str(root.resolve()),
            "host": " ".join(filter(None, (host.name, host.version))),
            "lacks": {what: why for what, why in host.capabilities().items() if why},
            "packages": packages,
        }

    return call.tasks.start(work)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


ROUTES = [
    get("/api/tools/environment", environment),
    post("/api/tools/environment/{action}", change_environment),
    get("/api/tools/program", program_settings),
    post("/api/tools/program", change_program),
    get("/api/tools/disk", disk),
    post("/api/tools/thumbnails/clear", clear),
    post("/api/tools/lora", lora),
    post("/api/tools/explain", explained),
    get("/api/tools/about", about),
]
