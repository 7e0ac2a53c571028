"""`test`: the linter, the formatter, the type checker and the tests, one after another.

`--thorough`: what shows at length once more what quicker tests show, too; `--hosts`: the webuis' tab under each gradio;
`--webui FOLDER`: a real webui, whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from train_tools.environment import host_environments

HOSTS = "--hosts"  # what takes environments of its own and some minutes
WEBUI = "--webui"
THOROUGH = "--thorough"
CORES = os.cpu_count() or 1
AT_ONCE = min(4, CORES)  # tests: each process that imports torch takes half a gigabyte and more
CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "pytest": ["pytest", "-n", str(AT_ONCE), "--dist", "worksteal"],
}


def run(pytest_arguments: list[str]) -> int:
    """All of them, also after one has failed; 1 if any has."""
    if HOSTS in pytest_arguments:
        return host_environments.run([argument for argument in pytest_arguments if argument != HOSTS])
    pytest_arguments = everything(pytest_arguments)
    root = Path(__file__).resolve().parents[2]
    if any(argument.partition("=")[0] == WEBUI for argument in pytest_arguments):
        return in_webui(root, pytest_arguments)
    # With more threads than cores torch waits for itself: two tests at once took longer than one after the other.
    environ = {"OMP_NUM_THREADS": str(CORES // AT_ONCE), **os.environ}
    passed = []
    for name, command in CHECKS.items():
        arguments = pytest_arguments if name == "pytest" else []
        started = time.monotonic()
        code = subprocess.call([sys.executable, "-m", *command, *arguments], cwd=root, env=environ)
        outcome = "passed" if code == 0 else f"FAILED (exit code {code})"
        print(f"{name}: {outcome}, {time.monotonic() - started:.0f} s", flush=True)
        passed.append(code == 0)
    return 0 if all(passed) else 1


def everything(arguments: list[str]) -> list[str]:
    """With `--thorough` in pytest's words: the marks that pyproject.toml leaves out are chosen again."""
    chosen = [argument for argument in arguments if argument != THOROUGH]
    return ["-m", "", *chosen] if len(chosen) < len(arguments) else chosen


def in_webui(root: Path, arguments: list[str]) -> int:
    """What `tests/hosts/real` looks at in the webui that is named."""
    path = os.pathsep.join(str(folder) for folder in (root, root / "tests"))
    command = [sys.executable, "-m", "hosts.real", *arguments]
    return subprocess.call(command, env={**os.environ, "PYTHONPATH": path})
