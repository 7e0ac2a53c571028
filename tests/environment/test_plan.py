"""Which commands make the environment, for each kind of machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.environment.machine import Machine, this_machine
from train_tools.environment.place import Place
from train_tools.environment.plan import OWN_UV, TORCH, Attempts, Stage, stages

BASE = "/usr/bin/python3"


def plan(tmp_path: Path, machine: Machine, with_tests: bool = False) -> dict[str, Attempts]:
    place = Place(tmp_path, tmp_path / ".venv", windows=machine.platform == "win32")
    return {stage.name: stage.attempts(machine) for stage in stages(place, BASE, with_tests)}


def words(tmp_path: Path, command: list[str]) -> str:
    """A command with this test's folder left out."""
    return " ".join(command).replace(str(tmp_path), "CLONE").replace("\\", "/")


def test_with_pip(tmp_path: Path) -> None:
    made = plan(tmp_path, Machine("linux", "", nvidia=True), with_tests=True)
    python = "CLONE/.venv/bin/python"
    assert {name: words(tmp_path, attempts[0][0]) for name, attempts in made.items()} == {
        "venv": f"{BASE} -m venv CLONE/.venv",
        "torch": f"{python} -m pip install -c CLONE/requirements/run.lock {TORCH}",
        "run": f"{python} -m pip install --no-deps -r CLONE/requirements/run.lock",
        "test": f"{python} -m pip install --no-deps -r CLONE/requirements/test.lock",
    }


def test_with_uv(tmp_path: Path) -> None:
    made = plan(tmp_path, Machine("linux", "uv", nvidia=True))
    uv = "uv pip install --python CLONE/.venv/bin/python"
    assert {name: words(tmp_path, attempts[0][0]) for name, attempts in made.items()} == {
        "venv": f"uv venv --allow-existing --python {BASE} CLONE/.venv",
        "torch": f"{uv} -c CLONE/requirements/run.lock {TORCH}",
        "run": f"{uv} --no-deps -r CLONE/requirements/run.lock",
    }


@pytest.mark.parametrize("uv", ["", "uv"])
@pytest.mark.parametrize(
    ("platform", "nvidia", "builds"),
    [
        # On Linux the index's package is the CUDA build, on Windows it is the CPU build.
        ("linux", True, [TORCH]),
        ("linux", False, [f"{TORCH}+cpu", f"--torch-backend=cpu {TORCH}", TORCH]),
        ("win32", True, [f"--torch-backend=auto {TORCH}"]),
        ("win32", False, [TORCH]),
        ("darwin", False, [TORCH]),
    ],
)
def test_the_build_of_torch_fits_the_machine(
    tmp_path: Path, uv: str, platform: str, nvidia: bool, builds: list[str]
) -> None:
    attempts = plan(tmp_path, Machine(platform, uv, nvidia))["torch"]
    asked = [
        " ".join(word for word in attempt[-1] if word.startswith(("torch==", "--torch-backend")))
        for attempt in attempts
    ]
    assert asked == builds
    needs_uv = [any("--torch-backend" in word for word in attempt[-1]) for attempt in attempts]
    installs_uv = [any(OWN_UV in command for command in attempt) for attempt in attempts]
    assert installs_uv == [needed and not uv for needed in needs_uv]


def test_windows_has_its_python_elsewhere(tmp_path: Path) -> None:
    (command,) = plan(tmp_path, Machine("win32", "", nvidia=False))["run"][0]
    assert words(tmp_path, command).startswith("CLONE/.venv/Scripts/python.exe -m pip install")


def test_the_stamps_follow_the_locks(tmp_path: Path) -> None:
    locks = tmp_path / "requirements"
    locks.mkdir()
    (locks / "run.lock").write_text("a==1\n", encoding="utf-8")
    (locks / "test.lock").write_text("b==1\n", encoding="utf-8")

    def contents() -> dict[str, str]:
        made: list[Stage] = stages(Place(tmp_path, tmp_path / ".venv"), BASE, with_tests=True)
        return {stage.name: stage.content() for stage in made}

    before = contents()
    (locks / "test.lock").write_text("b==2\n", encoding="utf-8")
    after = contents()
    assert [name for name in before if before[name] != after[name]] == ["test"]


def test_the_user_can_say_what_the_machine_is() -> None:
    machine = this_machine({"TRAIN_TOOLS_INSTALLER": "pip", "TRAIN_TOOLS_TORCH": "cuda"})
    assert (machine.uv, machine.nvidia) == ("", True)
    assert not this_machine({"TRAIN_TOOLS_TORCH": "cpu"}).nvidia
