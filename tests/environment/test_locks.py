"""The locks pin everything, for every machine, and name no place to download from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
PINNED = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[0-9][A-Za-z0-9.!+]*)( ; (?P<marker>[^#;@]+))?"
)
TORCH_NEEDS = {"filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "setuptools", "sympy"}


def pins(lock: str) -> list[re.Match[str]]:
    lines = (REQUIREMENTS / lock).read_text(encoding="utf-8").splitlines()
    found = [PINNED.fullmatch(line) for line in lines if line.strip()]
    assert None not in found, (
        f"{lock}: {[line for line, pin in zip(lines, found, strict=True) if pin is None]}"
    )
    return [pin for pin in found if pin]


@pytest.mark.parametrize("lock", ["run.lock", "test.lock", "sd_scripts.lock"])
def test_every_line_is_one_version(lock: str) -> None:
    assert pins(lock)
    once: set[str] = set()
    for pin in pins(lock):
        assert pin["name"] not in once or pin["marker"], (
            f"{pin['name']} has two versions for the same machine"
        )
        once.add(pin["name"])


@pytest.mark.parametrize("lock", ["run.lock", "sd_scripts.lock"])
def test_torch_comes_apart_from_the_lock_but_what_it_needs_is_locked(lock: str) -> None:
    names = {pin["name"] for pin in pins(lock)} - {
        "nvidia-ml-py"
    }  # it asks the driver, and brings no CUDA along
    assert names >= TORCH_NEEDS | {"typing-extensions"}
    assert not [
        name for name in names if name in ("torch", "torchvision", "timm") or name.startswith("nvidia")
    ]


def test_both_locks_agree() -> None:
    run = {(pin["name"], pin["marker"]): pin["version"] for pin in pins("run.lock")}
    for pin in pins("test.lock"):
        assert run.get((pin["name"], pin["marker"]), pin["version"]) == pin["version"]


@pytest.mark.parametrize("lock", ["run", "test", "sd_scripts"])
def test_what_is_asked_for_is_locked(lock: str) -> None:
    names = {pin["name"] for pin in pins(f"{lock}.lock")}
    for line in (REQUIREMENTS / f"{lock}.in").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "torch==")):
            assert re.split(r"[ ;=<>]", line)[0] in names
