"""`env check`: the environment of these tests, and broken ones."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from train_tools.environment import self_check
from train_tools.environment.self_check import check_packages, check_sd_scripts, check_step, imported_names
from train_tools.small_models import base_model_file

LOCK = Path(__file__).parents[2] / "requirements" / "run.lock"
PYTHON = Path(sys.executable)
INNER = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.slow
def test_this_environment_works() -> None:
    imports, versions, gpu = check_packages(PYTHON, LOCK, False, INNER)
    assert (imports.state, versions.state, gpu.state) == ("ok", "ok", "ok"), (imports, versions, gpu)
    assert check_step(PYTHON, base_model_file(), INNER).state == "ok"


def test_what_the_program_imports_is_read_in_its_source(tmp_path: Path) -> None:
    assert {"torch", "diffusers", "onnxruntime", "cv2", "PIL"} <= set(imported_names())
    assert not {"train_tools", "modules", "gradio", "os"} & set(imported_names())
    (tmp_path / "hosts").mkdir()
    (tmp_path / "hosts" / "door.py").write_text("import gradio\n", encoding="utf-8")
    tried = "try:\n    import tomli\nexcept ImportError:\n    pass\n"
    text = f"import os, yaml\n{tried}def f():\n    from numpy.linalg import x\n"
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    assert imported_names(tmp_path) == ["numpy", "yaml"]


def test_missing_packages_other_versions_and_a_gpu_that_is_not_used_are_named(tmp_path: Path) -> None:
    lock = tmp_path / "run.lock"
    lock.write_text(
        "numpy==1.0\nsurely-missing==1.0\nnot-here==2 ; sys_platform == 'nowhere'\npillow==13.0.0\n",
        encoding="utf-8",
    )
    imports, versions, gpu = check_packages(PYTHON, lock, True, INNER, names=["numpy", "surely_missing"])
    assert imports.state == versions.state == "fail"
    assert "surely_missing: ModuleNotFoundError" in imports.text
    assert "numpy is" in versions.text
    assert "surely-missing is absent" in versions.text
    assert "not-here" not in versions.text
    has_gpu = pytest.importorskip("torch").cuda.is_available()
    assert gpu.state == ("ok" if has_gpu else "fail")
    built = {"torch": "2.13.0", "cuda": "13.0", "hip": "", "there": False, "names": []}
    assert "torch=cuda" in self_check._gpu({**built, "cuda": ""}, nvidia=True).text
    assert "update the driver" in self_check._gpu(built, nvidia=True).text


def test_an_interpreter_that_falls_or_is_gone(tmp_path: Path) -> None:
    (outcome,) = check_packages(tmp_path / "gone", LOCK, False, INNER)
    assert (outcome.state, "env upgrade" in outcome.text) == ("fail", True)
    assert check_step(tmp_path / "gone", base_model_file(), INNER).state == "fail"


def test_a_step_that_fails_says_why(tmp_path: Path) -> None:
    engine = tmp_path / "train_tools" / "engines" / "packed.py"
    engine.parent.mkdir(parents=True)
    engine.write_text("print('the disk fell off')\nraise SystemExit(1)\n", encoding="utf-8")
    outcome = check_step(PYTHON, base_model_file(), {**os.environ, "PYTHONPATH": str(tmp_path)})
    assert outcome.state == "fail"
    assert "ended with 1: the disk fell off" in outcome.text


@pytest.mark.parametrize(
    ("script", "state"),
    [("import library; print('--network_module')", "ok"), ("import surely_missing", "fail"), ("", "fail")],
)
def test_sd_scripts_is_started_as_it_will_be(tmp_path: Path, script: str, state: str) -> None:
    (tmp_path / "library.py").write_text("", encoding="utf-8")
    (tmp_path / "train_network.py").write_text(f"{script}\n", encoding="utf-8")
    outcome = check_sd_scripts(PYTHON, tmp_path, dict(os.environ))
    assert outcome.state == state
    assert tmp_path.name in outcome.text
