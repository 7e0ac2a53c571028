"""Which commands make the environment, for each kind of machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from train_tools.environment.machine import Machine, this_machine
from train_tools.environment.place import Place
from train_tools.environment.plan import OWN_UV, TORCH, Attempts, Stage, all_attempts, stages

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


CUDA_12_4, CUDA_12_8, CUDA_13 = (12, 4), (12, 8), (13, 0)


@pytest.mark.parametrize(
    ("machine", "backends"),
    [
        (Machine("linux", "", nvidia=True, cuda=CUDA_13, capability=(8, 9)), ("plain",)),
        (Machine("linux", "", nvidia=True, cuda=CUDA_12_8), ("auto", "cu128", "cu126")),
        (Machine("linux", "", nvidia=True, cuda=CUDA_12_4), ("auto",)),
        (Machine("linux", "", nvidia=True), ("plain",)),
        (Machine("linux", "", nvidia=True, cuda=CUDA_13, capability=(6, 1)), ("cu126",)),
        (Machine("win32", "", nvidia=True, cuda=CUDA_13), ("auto", "cu130", "cu129", "cu128", "cu126")),
        (Machine("linux", "", nvidia=False, amd=True), ("auto",)),
        (Machine("linux", "", nvidia=False), ("cpu",)),
        (Machine("win32", "", nvidia=False), ("plain",)),
        (Machine("darwin", "", nvidia=False), ("plain",)),
        (Machine("linux", "", nvidia=False, build="rocm6.4"), ("rocm6.4",)),
        (Machine("win32", "", nvidia=False, build="xpu"), ("xpu",)),
        (Machine("linux", "", nvidia=False, build="cpu"), ("cpu",)),
    ],
)
def test_torch_fits_the_driver_and_the_gpu(machine: Machine, backends: tuple[str, ...]) -> None:
    assert machine.torch_backends() == backends


SMI = """\
#!/bin/sh
case "$*" in
  *compute_cap*) printf '8.6\n6.1\n' ;;
  *) echo '| NVIDIA-SMI 550.54.15   Driver Version: 550.54.15   CUDA Version: 12.4     |' ;;
esac
"""


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands in for nvidia-smi")
def test_the_driver_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(SMI, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    machine = this_machine({})
    assert (machine.nvidia, machine.cuda, machine.capability) == (True, CUDA_12_4, (6, 1))
    program.write_text("#!/bin/sh\nexit 9\n", encoding="utf-8")
    assert this_machine({}).cuda is None


def test_where_uv_fails_pip_is_tried(tmp_path: Path) -> None:
    machine = Machine("linux", "uv", nvidia=True)
    found = stages(Place(tmp_path, tmp_path / ".venv"), BASE, with_tests=False)
    asked = {stage.name: all_attempts(stage, machine) for stage in found}
    python = str(tmp_path / ".venv" / "bin" / "python")
    assert [commands[-1][:3] for commands in asked["venv"]] == [
        ["uv", "venv", "--allow-existing"],
        [BASE, "-m", "venv"],
    ]
    for name in ("torch", "run"):
        (with_uv, with_pip) = asked[name]
        assert with_uv[0][0] == "uv"
        assert with_pip[0] == [python, "-m", "ensurepip"]
        assert with_pip[1][:4] == [python, "-m", "pip", "install"]
    without = Machine("linux", "", nvidia=True)
    assert [all_attempts(stage, without) for stage in found] == [stage.attempts(without) for stage in found]


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
    assert this_machine({"TRAIN_TOOLS_TORCH": "rocm6.4"}).torch_backends() == ("rocm6.4",)
