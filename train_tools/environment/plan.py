"""The stages of the set-up and the commands of each, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from train_tools.environment.machine import Machine
from train_tools.environment.place import Place
from train_tools.environment.stamps import fingerprint

TORCH = "torch==2.13.0"
OWN_UV = "uv==0.13.9"  # only where a build of torch needs it and the machine has none

Command = list[str]
Attempts = list[list[Command]]  # the first whose commands all succeed is enough


@dataclass(frozen=True)
class Stage:
    """`content` is the stamp it leaves; `attempts` are asked for only when the stage is due."""

    name: str
    text: str
    content: Callable[[], str]
    attempts: Callable[[Machine], Attempts]


def stages(place: Place, base_python: str, with_tests: bool) -> list[Stage]:
    """`base_python` is the interpreter that a new environment is made from."""
    run, test = place.requirements("run.lock"), place.requirements("test.lock")
    found = [
        Stage(
            "venv",
            f"making the environment in {place.folder}",
            place.identity,
            lambda machine: [[make(place, base_python, machine)]],
        ),
        Stage(
            "torch",
            f"installing {TORCH}",
            lambda: fingerprint(place.identity(), TORCH),
            lambda machine: torch_attempts(place, machine),
        ),
        Stage(
            "run",
            "installing the other packages",
            lambda: fingerprint(place.identity(), run.read_bytes()),
            lambda machine: [[install(place, machine, "--no-deps", "-r", str(run))]],
        ),
    ]
    if with_tests:
        found.append(
            Stage(
                "test",
                "installing what the tests need",
                lambda: fingerprint(place.identity(), test.read_bytes()),
                lambda machine: [[install(place, machine, "--no-deps", "-r", str(test))]],
            )
        )
    return found


def make(place: Place, base_python: str, machine: Machine) -> Command:
    if machine.uv:
        # The folder holds our mark already.
        return [machine.uv, "venv", "--allow-existing", "--python", base_python, str(place.folder)]
    return [base_python, "-m", "venv", str(place.folder)]


def install(place: Place, machine: Machine, *arguments: str) -> Command:
    if machine.uv:
        return [machine.uv, "pip", "install", "--python", str(place.python), *arguments]
    return [str(place.python), "-m", "pip", "install", *arguments]


def torch_attempts(place: Place, machine: Machine) -> Attempts:
    """The plain package is the CUDA build on Linux and the CPU build on Windows."""
    locked = ("-c", str(place.requirements("run.lock")))
    plain = [install(place, machine, *locked, TORCH)]
    if machine.platform == "win32" and machine.nvidia:
        # No way back to the plain package: a training that silently runs on the CPU helps nobody.
        return [with_backend(place, machine, "auto", locked)]
    if machine.platform == "linux" and not machine.nvidia:
        # An index or folder of the user's may hold the CPU build; else uv knows where it is; else the big one.
        named = [install(place, machine, *locked, f"{TORCH}+cpu")]
        return [named, with_backend(place, machine, "cpu", locked), plain]
    return [plain]


def with_backend(place: Place, machine: Machine, backend: str, locked: tuple[str, ...]) -> list[Command]:
    arguments = [
        "pip",
        "install",
        "--python",
        str(place.python),
        f"--torch-backend={backend}",
        *locked,
        TORCH,
    ]
    if machine.uv:
        return [[machine.uv, *arguments]]
    return [install(place, machine, OWN_UV), [str(place.python), "-m", "uv", *arguments]]
