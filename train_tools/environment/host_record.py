"""What the webui's Python and folders were when it started: written by install.py, read by downloads and the doctor.

Only looks: nothing is imported but the standard library, so that a start costs some hundredths of a second.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import zip_longest
from pathlib import Path

from train_tools.environment.place import Place

PACKAGES = ("torch", "torchvision", "xformers", "gradio", "numpy", "safetensors", "transformers", "pydantic")
FORGE = "modules_forge"  # a folder that only Forge and what is built on it have
CUDA = re.compile(r"^cuda\s*(?::[^=]*)?=\s*'([\d.]+)'", re.MULTILINE)
HEADING = re.compile(r"^## (?:v)?(\d[\w.]*)", re.MULTILINE)


@dataclass(frozen=True)
class HostRecord:
    """`host` is webui, forge or empty (something else started us). Folders are absolute."""

    host: str = ""
    version: str = ""
    folder: str = ""
    models: str = ""
    checkpoints: str = ""  # where its base models lie
    python: str = ""
    python_version: str = ""
    cuda: str = ""  # of its torch; empty for a build without
    packages: dict[str, str] = field(default_factory=dict)


def record_file() -> Path:
    """Beside the environment, where the clone keeps what isn't in its history."""
    root = Path(__file__).resolve().parents[2]
    return Place(root, root / ".venv").beside("-host.json")


def look(folder: Path, environ: Mapping[str, str]) -> HostRecord:
    """`folder` is the webui's, which it starts us in."""
    host = ""
    if (folder / "webui.py").is_file() and (folder / "modules").is_dir():
        host = "forge" if (folder / FORGE).is_dir() else "webui"
    options = options_of(environ.get("COMMANDLINE_ARGS", ""))
    data = folder / options.get("--data-dir", "")
    models = folder / options["--models-dir"] if "--models-dir" in options else data / "models"
    checkpoints = folder / options["--ckpt-dir"] if "--ckpt-dir" in options else models / "Stable-diffusion"
    return HostRecord(
        host=host,
        version=version_of(folder) if host else "",
        folder=str(folder),
        models=str(models) if host else "",
        checkpoints=str(checkpoints) if host else "",
        python=sys.executable,
        python_version=platform.python_version(),
        cuda=torch_cuda(),
        packages={name: version for name in PACKAGES if (version := package_version(name))},
    )


def options_of(arguments: str) -> dict[str, str]:
    """The webui's own command line, as its start script has it: `--name value` or `--name=value`."""
    try:
        words = shlex.split(arguments, posix=os.name != "nt")
    except ValueError:
        return {}
    found = {}
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        name, equals, value = word.partition("=")
        if name.startswith("--") and (equals or following):
            found[name] = (value if equals else following).strip("\"'")
    return found


def version_of(folder: Path) -> str:
    """The first heading of its list of changes; its own launcher asks git, which costs a process."""
    try:
        found = HEADING.search((folder / "CHANGELOG.md").read_text(encoding="utf-8", errors="replace")[:2000])
    except OSError:
        return ""
    return found[1] if found else ""


def package_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def torch_cuda() -> str:
    """The CUDA that torch was built for, read in its files: importing it would take seconds."""
    try:
        found = importlib.util.find_spec("torch")
        if found is None or not found.origin:
            return ""
        text = Path(found.origin).with_name("version.py").read_text(encoding="utf-8", errors="replace")
    except (ImportError, ValueError, OSError):
        return ""
    match = CUDA.search(text)
    return match[1] if match else ""


def keep(file: Path | None = None) -> HostRecord:
    """Writes the record where it isn't as it was; raises OSError where that can't be done."""
    path = file or record_file()
    now = look(Path.cwd(), os.environ)
    if now != read(path):
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(asdict(now), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    return now


def read(file: Path | None = None) -> HostRecord | None:
    """None where no webui has started us yet."""
    try:
        return HostRecord(**json.loads((file or record_file()).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
