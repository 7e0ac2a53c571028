"""install.py as a webui runs it at each start."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from train_tools.environment.host_record import options_of, read

CLONE = Path(__file__).parents[2]


@pytest.fixture
def webui(tmp_path: Path) -> Path:
    """A webui's folder with our clone as an extension (the environment package is all that install.py uses)."""
    folder = tmp_path / "stable diffusion 网页"
    (folder / "modules").mkdir(parents=True)
    (folder / "webui.py").write_text("", encoding="utf-8")
    (folder / "CHANGELOG.md").write_text("## 1.10.1\n\n### Bug Fixes:\n## 1.10.0\n", encoding="utf-8")
    extension = folder / "extensions" / "train-tools"
    (extension / "train_tools").mkdir(parents=True)
    shutil.copy(CLONE / "install.py", extension)
    shutil.copy(CLONE / "train_tools" / "__init__.py", extension / "train_tools")
    shutil.copytree(CLONE / "train_tools" / "environment", extension / "train_tools" / "environment")
    return folder


def start(webui: Path, *flags: str, **variables: str) -> subprocess.CompletedProcess[str]:
    script = webui / "extensions" / "train-tools" / "install.py"
    environ = {**os.environ, "PYTHONPATH": str(webui), "PYTHONIOENCODING": "utf-8", **variables}
    command = [sys.executable, *flags, str(script)]
    return subprocess.run(command, cwd=webui, env=environ, capture_output=True, encoding="utf-8", check=False)


def test_it_notes_what_is_there(webui: Path) -> None:
    answer = start(webui, COMMANDLINE_ARGS='--xformers --ckpt-dir "my models" --port=7861')
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")
    found = read(webui / "extensions" / "train-tools" / ".venv-host.json")
    assert found is not None
    assert (found.host, found.version) == ("webui", "1.10.1")
    assert Path(found.folder).samefile(webui)
    assert Path(found.models) == Path(found.folder) / "models"
    assert Path(found.checkpoints) == Path(found.folder) / "my models"
    assert found.python_version == ".".join(map(str, sys.version_info[:3]))
    assert found.packages["torch"].split("+")[0] == "2.13.0"


def test_forge_is_told_apart(webui: Path) -> None:
    (webui / "modules_forge").mkdir()
    start(webui)
    found = read(webui / "extensions" / "train-tools" / ".venv-host.json")
    assert found is not None
    assert found.host == "forge"


def test_it_imports_the_standard_library_alone_and_starts_no_process(webui: Path) -> None:
    (webui / "sitecustomize.py").write_text(
        "import sys\n"
        "def seen(event, arguments):\n"
        "    if event in ('subprocess.Popen', 'os.system', 'os.exec', 'socket.connect'):\n"
        "        raise RuntimeError(event)\n"
        "sys.addaudithook(seen)\n",
        encoding="utf-8",
    )
    answer = start(webui, "-X", "importtime")
    assert answer.stdout == ""
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in answer.stderr.splitlines()}
    ours = (
        imported - set(sys.stdlib_module_names) - {"imported package", "sitecustomize", "org"}
    )  # org: Jython, asked for by copy
    # What .pth files in the interpreter's own folder import isn't ours to say.
    bare = subprocess.run([sys.executable, "-X", "importtime", "-c", ""], capture_output=True, text=True)
    ours -= {line.rpartition("|")[2].strip().split(".")[0] for line in bare.stderr.splitlines()}
    assert ours == {"train_tools"}


def test_a_second_start_writes_nothing(webui: Path) -> None:
    start(webui)
    file = webui / "extensions" / "train-tools" / ".venv-host.json"
    before = file.stat()
    start(webui)
    assert file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"other": 1}'])
def test_a_damaged_record_is_written_anew(webui: Path, broken: str) -> None:
    file = webui / "extensions" / "train-tools" / ".venv-host.json"
    file.write_text(broken, encoding="utf-8")
    assert read(file) is None
    assert start(webui).returncode == 0
    assert json.loads(file.read_text(encoding="utf-8"))["host"] == "webui"


def test_whatever_fails_the_webui_starts(webui: Path) -> None:
    file = webui / "extensions" / "train-tools" / ".venv-host.json"
    file.mkdir()
    answer = start(webui)
    assert answer.returncode == 0
    assert len(answer.stdout.splitlines()) == 1
    assert answer.stdout.startswith("Train Tools: what is installed here could not be noted (")
    shutil.rmtree(webui / "extensions" / "train-tools" / "train_tools" / "environment")
    answer = start(webui)
    assert (answer.returncode, len(answer.stdout.splitlines())) == (0, 1)


def test_the_webuis_command_line_is_read_as_it_stands() -> None:
    assert options_of("--data-dir /data --medvram --ckpt-dir=/models")["--data-dir"] == "/data"
    assert options_of('--data-dir "unclosed') == {}
    assert options_of("") == {}
