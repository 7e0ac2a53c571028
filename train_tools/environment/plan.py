"""The stages of the set-up and the commands of each, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from train_tools.environment.machine import Machine
from train_tools.environment.place import Place
from train_tools.environment.stamps import fingerprint

TORCH = "torch==2.13.0"
OWN_UV = "uv==0.13.9"  # only where a build of torch needs it and the machine has none

Command = list[str]
Attempts = list[list[Command]]  # the first whose commands all succeed is enough


@dataclass(frozen=True)
class Stage:
    """`content` is the stamp it leaves; `attempts` are asked for only when the stage is due.

    `python` is the interpreter that it installs packages for; None for a stage that installs none.
    """

    name: str
    text: str
    content: Callable[[], str]
    attempts: Callable[[Machine], Attempts]
    python: Path | None = None


def all_attempts(stage: Stage, machine: Machine) -> Attempts:
    """Where uv fails, pip is tried: it waits longer, goes on with a broken download and knows other certificates."""
    attempts = stage.attempts(machine)
    if not machine.uv:
        return attempts
    with_pip = stage.attempts(replace(machine, uv=""))
    # What uv made has no pip.
    needs = [[str(stage.python), "-m", "ensurepip"]] if stage.python else []
    return [*attempts, *([*needs, *commands] for commands in with_pip if commands not in attempts)]


def stages(place: Place, base_python: str, with_tests: bool) -> list[Stage]:
    """`base_python` is the interpreter that a new environment is made from."""
    run, test = place.requirements("run.lock"), place.requirements("test.lock")
    python = place.python
    found = [
        Stage(
            "venv",
            f"making the environment in {place.folder}",
            place.identity,
            lambda machine: [[make(place.folder, base_python, machine)]],
        ),
        Stage(
            "torch",
            f"installing {TORCH}",
            lambda: fingerprint(place.identity(), TORCH),
            lambda machine: torch_attempts(python, machine, (TORCH,), run),
            python,
        ),
        Stage(
            "run",
            "installing the other packages",
            lambda: fingerprint(place.identity(), run.read_bytes()),
            lambda machine: [[install(python, machine, "--no-deps", "-r", str(run))]],
            python,
        ),
    ]
    if with_tests:
        found.append(
            Stage(
                "test",
                "installing what the tests need",
                lambda: fingerprint(place.identity(), test.read_bytes()),
                lambda machine: [[install(python, machine, "--no-deps", "-r", str(test))]],
                python,
            )
        )
    return found


def make(folder: Path, base_python: str, machine: Machine) -> Command:
    if machine.uv:
        # The folder holds our mark already.
        return [machine.uv, "venv", "--allow-existing", "--python", base_python, str(folder)]
    return [base_python, "-m", "venv", str(folder)]


def install(python: Path, machine: Machine, *arguments: str) -> Command:
    if machine.uv:
        return [machine.uv, "pip", "install", "--python", str(python), *arguments]
    return [str(python), "-m", "pip", "install", *arguments]


def torch_attempts(python: Path, machine: Machine, packages: tuple[str, ...], lock: Path) -> Attempts:
    """Installs `packages` (torch, and what is built for one torch) in the build that fits the machine.

    The plain package is the CUDA build on Linux and the CPU build on Windows, and on a Mac the only one. What torch
    depends on comes in the versions of `lock`.
    """
    locked = ("-c", str(lock), *packages)
    plain = [install(python, machine, *locked)]
    backends = machine.torch_backends()
    if backends == ("plain",):
        return [plain]
    found = [with_backend(python, machine, backend, locked) for backend in backends]
    if backends == ("cpu",):
        # An index or folder of the user's may hold the CPU build; else uv knows where it is; else the big one.
        named = [install(python, machine, "-c", str(lock), *(f"{package}+cpu" for package in packages))]
        return [named, *found, plain]
    # No way back to the plain package: a training that silently runs on the CPU helps nobody.
    return found


def with_backend(python: Path, machine: Machine, backend: str, locked: tuple[str, ...]) -> list[Command]:
    """uv knows where torch's builds are; where there is none, it is installed for this alone."""
    arguments = ["pip", "install", "--python", str(python), f"--torch-backend={backend}", *locked]
    if machine.uv:
        return [[machine.uv, *arguments]]
    return [install(python, machine, OWN_UV), [str(python), "-m", "uv", *arguments]]
