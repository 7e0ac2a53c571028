"""`test --hosts`: environments with the very gradio of each webui, and the browser's tests of the tab in them.

They lie in `hosts` beside the training environment and are made once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from train_tools.environment.failure import SetupError
from train_tools.environment.place import Place, place
from train_tools.environment.plan import Stage, install, make
from train_tools.environment.setup import prepare
from train_tools.environment.stamps import fingerprint
from train_tools.environment.start import base_python, say

VARIABLE = "TRAIN_TOOLS_HOST_PYTHONS"  # {name: interpreter} as JSON, for the tests
TESTS = ("tests/browser/test_hosts.py", "tests/browser/test_hosts_gpu.py", "--no-header")
ASK = "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"


@dataclass(frozen=True)
class HostPackages:
    """`packages` are those that the webui pins and that the tab meets, with what must not be newer than they were;
    `pythons` are the versions for which all of them were built, oldest first.
    """

    name: str
    packages: tuple[str, ...]
    pythons: tuple[str, ...]


HOSTS = (
    # requirements_versions.txt of AUTOMATIC1111 v1.10.1
    HostPackages(
        "gradio-3.41.2",
        (
            "gradio==3.41.2", "fastapi==0.94.0", "pydantic==1.10.*", "httpx==0.24.1", "numpy==1.26.2", "Pillow==9.5.0",
            "huggingface_hub==0.36.0", "anyio==3.7.1", "markupsafe==2.1.5",
        ),
        ("3.10", "3.11"),
    ),
    # requirements_versions.txt of Forge dfdcbab6
    HostPackages(
        "gradio-4.40.0",
        (
            "gradio==4.40.0", "fastapi==0.104.1", "pydantic==2.8.2", "numpy==1.26.2", "huggingface_hub==0.26.2",
            "anyio==3.7.1",
        ),
        ("3.10", "3.11", "3.12"),
    ),
    # requirements.txt and launch_utils.py of Forge Neo 2.26
    HostPackages(
        "gradio-4.40.0-neo",
        (
            "gradio==4.40.0", "fastapi==0.127.1", "pydantic==2.10.6", "httpx==0.24.1", "numpy==2.3.5",
            "huggingface_hub==0.36.2", "audioop-lts==0.2.2; python_version >= '3.13'",
        ),
        ("3.11", "3.12", "3.13"),
    ),
    # what some who derive from Neo have moved on to
    HostPackages(
        "gradio-5.49.1",
        ("gradio==5.49.1", "fastapi==0.127.1", "pydantic==2.10.6"),
        ("3.10", "3.11", "3.12", "3.13"),
    ),
)  # fmt: skip


def run(pytest_arguments: list[str]) -> int:
    """Exit code of the tests; 1 where an environment can't be made."""
    root = Path(__file__).resolve().parents[2]
    chosen = place()
    around = (chosen.folder.parent if chosen else Path(sys.prefix).parent) / ".venv-hosts"
    pythons = {}
    for host in HOSTS:
        started = time.monotonic()
        try:
            pythons[host.name] = str(made(root, around / host.name, host).python)
        except SetupError as error:
            say(f"train_tools: {error}")
            return 1
        say(f"{host.name}: ready after {time.monotonic() - started:.0f} s")
    command = [sys.executable, "-m", "pytest", *TESTS, *pytest_arguments]
    return subprocess.call(command, cwd=root, env={**os.environ, VARIABLE: json.dumps(pythons)})


def made(root: Path, folder: Path, host: HostPackages) -> Place:
    """Raises SetupError."""
    where = Place(root, folder)
    python = interpreter(host.pythons)
    if not python:
        raise SetupError(f"{host.name} needs Python {' or '.join(host.pythons)}; install one and start again")
    stages = [
        Stage(
            "venv", f"making {folder}", where.identity, lambda machine: [[make(folder, python, machine)]],
        ),
        Stage(
            "host", f"installing {host.name}",
            lambda: fingerprint(where.identity(), *host.packages),
            lambda machine: [[install(where.python, machine, *host.packages)]],
            where.python,
        ),
    ]  # fmt: skip
    prepare(where, stages, say)
    return where


def interpreter(versions: tuple[str, ...]) -> str:
    """Of the newest of `versions` that the machine has; empty where it has none."""
    candidates = [base_python(), *(shutil.which(f"python{version}") or "" for version in reversed(versions))]
    if uv := shutil.which("uv"):
        candidates += [asked([uv, "python", "find", version]) for version in reversed(versions)]
    # Managers of several Pythons put a program of each name on the path that may end with an error.
    candidates += [
        str(path) for path in sorted(Path.home().glob(".pyenv/versions/*/bin/python"), reverse=True)
    ]
    found: dict[str, str] = {}
    for candidate in filter(None, candidates):
        version, _, path = asked([candidate, "-c", ASK]).partition(" ")
        found.setdefault(version, path)
    return next((found[version] for version in reversed(versions) if version in found), "")


def asked(command: list[str]) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode("utf-8", "replace").strip() if answer.returncode == 0 else ""
