"""`test`: the linter, the formatter, the type checker and the tests, one after another."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

CHECKS = {
    "ruff check": ["ruff", "check", "."],
    "ruff format": ["ruff", "format", "--check", "."],
    "mypy": ["mypy"],
    "pytest": ["pytest"],
}


def run(pytest_arguments: list[str]) -> int:
    """All of them, also after one has failed; 1 if any has."""
    root = Path(__file__).resolve().parents[2]
    passed = []
    for name, command in CHECKS.items():
        arguments = pytest_arguments if name == "pytest" else []
        started = time.monotonic()
        code = subprocess.call([sys.executable, "-m", *command, *arguments], cwd=root)
        outcome = "passed" if code == 0 else f"FAILED (exit code {code})"
        print(f"{name}: {outcome}, {time.monotonic() - started:.0f} s", flush=True)
        passed.append(code == 0)
    return 0 if all(passed) else 1
