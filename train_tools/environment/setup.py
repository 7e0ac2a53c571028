"""Does the stages that are due: one process at a time, resumable, with everything said kept in a log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from train_tools.environment import lock, mirrors, record, stamps
from train_tools.environment.failure import SetupError, advice
from train_tools.environment.journal import Journal
from train_tools.environment.machine import Machine, this_machine
from train_tools.environment.place import ENVIRONMENT_VARIABLE, Place
from train_tools.environment.plan import Command, Stage, all_attempts
from train_tools.environment.process import process_environment
from train_tools.errors import TrainToolsError

Say = Callable[[str], None]
STILL_S = 20.0  # between two signs of life
LINE = 80  # characters


def is_due(place: Place, stage: Stage) -> bool:
    content = stage.content()
    return not content or stamps.read(place.stamps, stage.name) != stamps.fingerprint(content)


def prepare(place: Place, stages: list[Stage], say: Say, environ: Mapping[str, str] = os.environ) -> None:
    """Raises SetupError. Where nothing is due this only reads the stamps and what they stand for."""
    if not any(is_due(place, stage) for stage in stages):
        return
    if place.is_foreign():
        raise SetupError(
            f"{place.folder} was not made by this program; move it away, or name another folder in "
            f"{ENVIRONMENT_VARIABLE} ({ENVIRONMENT_VARIABLE}=current takes the running Python as it is)"
        )
    with lock.held(
        place.lock, lambda: say("another start is setting up the environment; waiting for it")
    ) as holder:
        if any(is_due(place, stage) for stage in stages):
            recorded(place, stages, say, environ, holder)


def recorded(place: Place, stages: list[Stage], say: Say, environ: Mapping[str, str], holder: int) -> None:
    """`set_up`, with its journal brought to an end whatever happens."""
    journal = Journal(place.journal)
    try:
        set_up(place, stages, say, environ, holder, journal)
    except (SetupError, TrainToolsError, OSError) as error:
        journal.failed(str(error))
        raise
    except KeyboardInterrupt:
        journal.failed("stopped; the next start goes on from here")
        raise
    journal.finished("the environment is ready")


def set_up(
    place: Place,
    stages: list[Stage],
    say: Say,
    environ: Mapping[str, str],
    holder: int,
    journal: Journal,
) -> None:
    started = time.monotonic()
    variables = installer_variables(environ)
    machine = this_machine(variables)
    place.log.parent.mkdir(parents=True, exist_ok=True)
    place.log.write_bytes(b"")

    def note(text: str) -> None:
        say(text)
        journal.note(text)

    for number, stage in enumerate(stages, 1):
        if not is_due(place, stage):
            continue
        text = f"{stage.text}{' with uv' if uses_uv(stage, machine) else ''}"
        say(f"{number}/{len(stages)} {text}")
        journal.stage(stage.name, number - 1, len(stages), text)
        if stage.name == "venv":
            clear(place, note)
        stamps.remove(place.stamps, stage.name)
        attempt(place, stage, machine, note, variables, holder)
        stamps.write(place.stamps, stage.name, stamps.fingerprint(stage.content()))
    record.write(place)
    say(f"the environment is ready after {time.monotonic() - started:.0f} s")


def uses_uv(stage: Stage, machine: Machine) -> bool:
    """In its first attempt."""
    return bool(machine.uv) and any(command[0] == machine.uv for command in stage.attempts(machine)[0])


def clear(place: Place, say: Say) -> None:
    """Moves aside what is left of an earlier environment, and marks the folder as ours."""
    if (place.folder / "pyvenv.cfg").exists():
        aside = place.folder.with_name(f"{place.folder.name}-old-{time.strftime('%Y%m%d-%H%M%S')}")
        try:
            place.folder.rename(aside)
        except OSError as error:
            raise SetupError(
                f"{place.folder} is broken and can't be moved away ({error.strerror}); close what uses it, start again"
            ) from error
        say(f"the environment was not whole; it is now {aside} and may be deleted")
    place.stamps.mkdir(parents=True, exist_ok=True)


def attempt(
    place: Place, stage: Stage, machine: Machine, say: Say, variables: Mapping[str, str], holder: int
) -> None:
    """Raises SetupError when every attempt of the stage has failed."""
    failed_at = 0
    for commands in all_attempts(stage, machine):
        failed_at = place.log.stat().st_size
        if all(run(command, place, say, variables, holder) for command in commands):
            if stage.content():
                return
            raise SetupError(f"the environment in {place.folder} is not whole; see {place.log}")
    log = place.log.read_bytes()[failed_at:].decode("utf-8", "replace")
    raise SetupError(f"{stage.text} failed; {advice(log)} (the full log: {place.log})")


def run(command: Command, place: Place, say: Say, variables: Mapping[str, str], holder: int) -> bool:
    """Whether the command succeeded; its words go to the log."""
    started = time.monotonic()
    with place.log.open("ab") as log:
        log.write(f"$ {' '.join(command)}\n".encode())
        log.flush()
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=place.root,
                env=dict(variables),
                # An installer that outlives us keeps the lock until it is done.
                pass_fds=() if sys.platform == "win32" else (holder,),
            )
        except OSError as error:
            log.write(f"{error}\n".encode())
            return False
        return wait(process, place.log, say, started) == 0


def wait(process: subprocess.Popen[bytes], log: Path, say: Say, started: float) -> int:
    """The exit code, with a sign of life now and then; ends the process if we are interrupted."""
    while True:
        try:
            return process.wait(STILL_S)
        except subprocess.TimeoutExpired:
            say(f"    … {time.monotonic() - started:.0f} s: {last_line(log)} (all of it: {log})")
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise


def last_line(log: Path) -> str:
    """What an installer said last, short; progress that it draws in one line counts as lines."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        lines = file.read().decode("utf-8", "replace").replace("\r", "\n").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:LINE]


def installer_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's variables less those that would let the installer reach outside the environment."""
    outside = (
        "PYTHONHOME", "PYTHONPATH", "PYTHONSAFEPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "__PYVENV_LAUNCHER__",
    )  # fmt: skip
    variables = {name: value for name, value in process_environment(environ).items() if name not in outside}
    variables |= {"PYTHONNOUSERSITE": "1", "PYTHONUTF8": "1"}
    variables |= {"PIP_USER": "0", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    # uv may be called in the middle of a plan that begins with pip.
    return variables | mirrors.uv_variables(mirrors.pip_settings(sys.executable), variables)
