"""What a person sets on the webui's settings page, and what the door makes of it.

These are about this webui; what belongs to Train Tools itself is set in its own page. A mirror that is set here goes
to our processes as the usual variable, so what is set in Train Tools itself goes over it.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.environment.place import ENVIRONMENT_VARIABLE, RUNNING
from train_tools.environment.start import base_python
from train_tools.hosts import modules
from train_tools.hosts.interface import KEEP, PAUSE, SHARE, WAIT, Folders
from train_tools.hosts.webui import Webui

SECTION = ("train_tools", "Train Tools")
CATEGORY = "training"  # since version 1.8 the page is divided; older ones don't look
PREFIX = "train_tools_"
DEFAULTS_VARIABLE = "TRAIN_TOOLS_DEFAULTS"
HIDDEN = (
    "Folder, environment and mirrors can't be changed while this webui is open to others: start it without --share and "
    "--listen, or with --enable-insecure-extension-access."
)
MODES = {
    "unload it, pictures wait until the training ends": WAIT,
    "unload it, a picture pauses the training, which goes on after": PAUSE,
    "unload it, pictures load it again beside the training": SHARE,
    "keep it": KEEP,
}
PAUSED_BY_ITSELF_S = 60.0
AUTOMATIC = {
    "only on request": "off",
    "at each checkpoint": "checkpoint",
    "after each run": "run",
    "after the whole batch": "batch",
}


@dataclass(frozen=True)
class Option:
    """One line of the settings page. With one that is `owners_alone` whoever may set it could run programs here."""

    name: str
    default: str
    label: str
    info: str = ""
    choices: tuple[str, ...] = ()
    needs_reload: bool = False
    owners_alone: bool = True


OPTIONS = (
    Option(
        "root", "", "Folder for projects",
        "empty: the webui's own folder for pictures, where sd-webui-train-tools kept them too", needs_reload=True,
    ),
    Option(
        "environment", "", "Training environment",
        "a folder for it, or a Python program that has all packages already; empty: .venv in the extension's folder",
        needs_reload=True,
    ),
    Option("package_index", "", "Mirror of the Python package index", "its address; empty: as pip is set up"),
    Option("hugging_face", "", "Mirror of Hugging Face", "its address; empty: the official site"),
    Option(
        "model_while_training", next(iter(MODES)), "The webui's model while a run trains", choices=tuple(MODES),
        owners_alone=False,
    ),
    Option(
        "go_on_minutes", "5", "A training that was paused for pictures goes on by itself after",
        "minutes without a picture; empty: only when it is told to", owners_alone=False,
    ),
    Option(
        "gpus", "", "GPUs for training", "their numbers, as 1 or 0,1; empty: all that the webui sees",
        needs_reload=True, owners_alone=False,
    ),
    Option(
        "preview_prompts", "", "Pictures of new versions: prompts",
        "separated by |; {trigger} is the concept; empty: {trigger}", needs_reload=True, owners_alone=False,
    ),
    Option(
        "preview_weights", "", "Pictures of new versions: LoRA weights", "as 0,0.5,1", needs_reload=True,
        owners_alone=False,
    ),
    Option(
        "preview_sampler", "", "Pictures of new versions: sampler", "as in txt2img", needs_reload=True,
        owners_alone=False,
    ),
    Option(
        "preview_steps", "", "Pictures of new versions: sampling steps", needs_reload=True, owners_alone=False,
    ),
    Option(
        "preview_automatic", "after each run", "Pictures of new versions come by themselves",
        choices=tuple(AUTOMATIC), needs_reload=True, owners_alone=False,
    ),
)  # fmt: skip


def add_to_settings_page() -> None:
    """Called by the webui each time it builds its settings page.

    A webui that is open to others hides what only its owner may set; it then refuses to change it by any way, and
    what was set before stays.
    """
    gradio = importlib.import_module("gradio")
    shared = importlib.import_module("modules.shared")
    is_exposed = Webui().is_exposed()
    if is_exposed and hasattr(shared, "OptionHTML"):
        shared.opts.add_option(f"{PREFIX}note", _in_section(shared.OptionHTML(HIDDEN)))
    for option in OPTIONS:
        component, more = gradio.Textbox, dict[str, Any]()
        if option.choices:
            component, more = gradio.Radio, {"choices": list(option.choices)}
        if is_exposed and option.owners_alone:
            more["visible"] = False
        info = _in_section(shared.OptionInfo(option.default, option.label, component, more))
        if option.info and hasattr(info, "info"):
            info = info.info(option.info)
        if option.needs_reload and hasattr(info, "needs_reload_ui"):
            info = info.needs_reload_ui()
        shared.opts.add_option(PREFIX + option.name, info)


def _in_section(info: Any) -> Any:
    info.section = SECTION
    info.category_id = CATEGORY
    return info


def text(name: str) -> str:
    return str(modules.option(PREFIX + name, "") or "").strip()


def memory_mode() -> str:
    """As it is set now: it is asked when a training starts."""
    return MODES.get(text("model_while_training"), WAIT)


def go_on_after() -> float | None:
    """Seconds without pictures, after which a training that was paused for them goes on; None: when it is told to."""
    try:
        return max(0.0, float(text("go_on_minutes"))) * 60
    except ValueError:
        # Nobody may know of one that a picture paused by itself.
        return PAUSED_BY_ITSELF_S if memory_mode() == PAUSE else None


def language(headers: Mapping[str, str]) -> str:
    """That of the webui's page; where that has none set, the browser's."""
    chosen = str(modules.option("localization", "") or "None").lower()
    if chosen == "none":
        chosen = headers.get("accept-language", "").lower()
    return "zh" if chosen.startswith(("zh", "chinese")) else "en"


def root(folders: Folders) -> Path:
    """Our data lies in `train_tools` below it."""
    if chosen := text("root"):
        return (folders.data / chosen).expanduser()
    usual = folders.data / "outputs"
    # Where the webui keeps its pictures elsewhere, as Neo in `output`, what was begun before stays.
    return usual if folders.outputs is None or (usual / "train_tools").is_dir() else folders.outputs


def _defaults() -> str:
    """What new versions start with (`workspace.begin_version`); empty where nothing is set."""
    names = ("prompts", "weights", "sampler", "steps", "automatic")
    preview = {name: value for name in names if (value := text(f"preview_{name}"))}
    if "automatic" in preview:
        preview["automatic"] = AUTOMATIC.get(preview["automatic"], "off")
    return json.dumps({"preview": preview}, ensure_ascii=False) if preview else ""


@dataclass(frozen=True)
class Surroundings:
    """How our own processes are started. `python` runs commands before there is an environment; it is that of an
    environment that a person made, where one is named.
    """

    python: str
    variables: Mapping[str, str]


def surroundings(folder: Path, environ: Mapping[str, str] = os.environ) -> Surroundings:
    """`folder` is the root."""
    variables = {**environ, "TRAIN_TOOLS_ROOT": str(folder)}
    set_by_person: dict[str, Any] = {
        "PIP_INDEX_URL": text("package_index"),
        "UV_DEFAULT_INDEX": text("package_index"),
        "HF_ENDPOINT": text("hugging_face").rstrip("/"),
        "CUDA_VISIBLE_DEVICES": text("gpus"),
        DEFAULTS_VARIABLE: _defaults(),
    }
    variables |= {name: value for name, value in set_by_person.items() if value}
    environment = text("environment")
    if environment and Path(environment).expanduser().is_file():
        return Surroundings(str(Path(environment).expanduser()), {**variables, ENVIRONMENT_VARIABLE: RUNNING})
    if environment:
        variables[ENVIRONMENT_VARIABLE] = environment
    # The webui's own interpreter is never the one to train with, whatever the variable says for other starts.
    elif variables.get(ENVIRONMENT_VARIABLE) == RUNNING:
        del variables[ENVIRONMENT_VARIABLE]
    return Surroundings(base_python() or sys.executable, variables)
