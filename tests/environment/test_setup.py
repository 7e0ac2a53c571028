"""Making, interrupting, updating and sharing an environment, with real processes and no network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from train_tools.environment import lock, stamps
from train_tools.environment.failure import OTHERWISE, SetupError, advice
from train_tools.environment.machine import Machine
from train_tools.environment.place import Place
from train_tools.environment.plan import Stage, stages
from train_tools.environment.setup import installer_variables, last_line, prepare

CLONE = Path(__file__).parents[2]
HOLD = """\
import sys, time
from pathlib import Path
from train_tools.environment.lock import held
with held(Path(sys.argv[1]), lambda: None):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.lock").write_text("a==1\n", encoding="utf-8")
    return Place(tmp_path, tmp_path / ".venv")


def python_says(text: str, exit_code: int = 0) -> list[str]:
    return [sys.executable, "-c", f"import sys; print({text!r}); sys.exit({exit_code})"]


def real_venv(place: Place) -> Stage:
    """The real first stage, less the seconds that pip's own installation takes."""

    def attempts(machine: Machine) -> list[list[list[str]]]:
        return [[[sys.executable, "-m", "venv", "--without-pip", str(place.folder)]]]

    (stage, *_) = stages(place, sys.executable, with_tests=False)
    return Stage(stage.name, stage.text, stage.content, attempts)


def packages(place: Place, exit_code: int = 0) -> Stage:
    """A stage that pretends to install what the lock says."""
    run = place.requirements("run.lock")
    command = python_says(f"installed {run.read_text(encoding='utf-8').strip()}", exit_code)
    return Stage(
        "run",
        "installing",
        lambda: stamps.fingerprint(place.identity(), run.read_bytes()),
        lambda _: [[command]],
    )


def start(place: Place, *later: Stage) -> list[str]:
    """One start; gives what the user reads."""
    said: list[str] = []
    prepare(place, [real_venv(place), *(later or (packages(place),))], said.append)
    return said


def test_the_second_start_does_nothing(place: Place) -> None:
    first = start(place)
    assert first[0] == f"1/2 making the environment in {place.folder}" or first[0].endswith("with uv")
    assert first[1].startswith("2/2 installing")
    assert "ready after" in first[-1]
    assert start(place) == []
    answer = subprocess.run(
        [place.python, "-c", "import sys; print(sys.prefix)"], capture_output=True, check=True
    )
    assert Path(os.fsdecode(answer.stdout.strip())).samefile(place.folder)


def test_a_failed_stage_is_taken_up_again(place: Place) -> None:
    with pytest.raises(SetupError, match=r"installing failed; .* \(the full log: .*setup\.log\)"):
        start(place, packages(place, exit_code=1))
    said = start(place)
    assert said[0].startswith("2/2 installing"), "the first stage was done already"
    assert start(place) == []


def test_a_changed_lock_updates(place: Place) -> None:
    start(place)
    place.requirements("run.lock").write_text("a==2\n", encoding="utf-8")
    said = start(place)
    assert said[0].startswith("2/2 installing")
    assert "installed a==2" in place.log.read_text(encoding="utf-8")


def test_an_update_that_failed_does_not_pass_for_the_version_before(place: Place) -> None:
    start(place)
    place.requirements("run.lock").write_text("a==2\n", encoding="utf-8")
    with pytest.raises(SetupError):
        start(place, packages(place, exit_code=1))
    place.requirements("run.lock").write_text("a==1\n", encoding="utf-8")
    assert start(place)[0].startswith("2/2 installing")


def test_the_second_attempt_helps(place: Place) -> None:
    start(place)
    stage = Stage(
        "torch", "installing torch", lambda: "1", lambda _: [[python_says("no", 1)], [python_says("yes")]]
    )
    assert start(place, packages(place), stage)[0].startswith("3/3 installing torch")
    assert start(place, packages(place), stage) == []


def test_a_broken_environment_is_moved_aside_and_made_anew(place: Place) -> None:
    start(place)
    (place.folder / "mine.txt").write_text("kept", encoding="utf-8")
    place.python.unlink()
    said = start(place)
    assert [line.partition(" ")[0] for line in said[:3]] == ["1/2", "the", "2/2"]
    (aside,) = place.folder.parent.glob(".venv-old-*")
    assert (aside / "mine.txt").read_text(encoding="utf-8") == "kept"
    assert place.python.exists()
    assert start(place) == []


def test_the_users_own_folder_is_left_alone(place: Place) -> None:
    place.folder.mkdir()
    (place.folder / "pyvenv.cfg").write_text("home = /usr/bin\n", encoding="utf-8")
    with pytest.raises(SetupError, match="was not made by this program; move it away"):
        start(place)
    assert [path.name for path in place.folder.iterdir()] == ["pyvenv.cfg"]


def test_only_one_sets_up(place: Place) -> None:
    """Another process holds the lock and is killed; we wait until then."""
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(place.lock),
        ],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(CLONE)},
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == b"held"
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            if "waiting" in text:
                holder.kill()

        prepare(place, [real_venv(place), packages(place)], say)
    finally:
        holder.kill()
        holder.communicate()
    assert said[0] == "another start is setting up the environment; waiting for it"
    assert "ready" in said[-1]


@pytest.mark.skipif(os.name == "nt", reason="a lock is not inherited on Windows")
def test_an_installer_that_outlives_its_start_keeps_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock.held(path, lambda: None) as descriptor:
        child = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL,
            pass_fds=(descriptor,),
        )  # fmt: skip
    waits: list[int] = []

    def end_child() -> None:
        waits.append(1)
        child.communicate()

    with lock.held(path, end_child):
        assert waits == [1]


def test_nothing_of_the_users_python_is_reached() -> None:
    variables = installer_variables(
        {"PYTHONPATH": "/x", "PIP_TARGET": "/y", "PIP_INDEX_URL": "https://m.example"}
    )
    assert "PYTHONPATH" not in variables
    assert "PIP_TARGET" not in variables
    assert (variables["PIP_USER"], variables["PYTHONNOUSERSITE"]) == ("0", "1")
    assert variables["PIP_INDEX_URL"] == "https://m.example"


@pytest.mark.parametrize(
    ("log", "word"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk"),
        ("Failed to establish a new connection: [Errno -3] Temporary failure in name resolution", "mirror"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))", "proxy"),
        (
            "The virtual environment was not created successfully because ensurepip is not available",
            "python3-venv",
        ),
        ("ERROR: No matching distribution found for torch==2.13.0", "Python 3.10 to 3.13"),
    ],
)
def test_a_failure_says_what_to_do(log: str, word: str) -> None:
    assert word in advice(log)
    assert advice("something else") == OTHERWISE


def test_a_sign_of_life_is_what_the_installer_said_last(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"Collecting a\n" + b"x" * 5000 + b"\n 10%\r 20% of torch\r\n")
    assert last_line(log) == "20% of torch"
    log.write_bytes(b"")
    assert last_line(log) == ""
    log.write_bytes(b"y" * 500)
    assert last_line(log) == "y" * 80


@pytest.mark.parametrize(
    ("log", "says"),
    [
        ("fatal: unable to access 'https://github.com/a/b/': Could not resolve host: github.com", "GitHub"),
        ("[Errno -2] Name or service not known", "package_index"),
        ("Temporary failure in name resolution", "package_index"),
    ],
)
def test_what_can_not_be_reached_is_named(log: str, says: str) -> None:
    assert says in advice(log)
