"""A double click on `start`: which Python is taken, which root is opened, what is asked before anything is fetched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from train_tools.commands.page import already_open
from train_tools.environment import opening

CLONE = Path(__file__).parents[2]
SCRIPT = CLONE / "start.sh"
posix = pytest.mark.skipif(os.name == "nt", reason="a script for other systems")


def program(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose program says how it was called, under a name that scripts stumble over."""
    made = tmp_path / "它 & (a clone)"
    (made / "train_tools").mkdir(parents=True)
    shutil.copy(SCRIPT, made / "start.sh")
    echo = "import json, sys\nprint(json.dumps([sys.executable, sys.argv[1:]]))\n"
    (made / "train_tools" / "__main__.py").write_text(echo, encoding="utf-8")
    return made


def start(clone: Path, path: Path, *words: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    tools = path / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    for name in ("dirname", "sh", "env"):
        if not (tools / name).exists():
            (tools / name).symlink_to(shutil.which(name) or "")
    return subprocess.run(
        [clone / "start.sh", *words], input=answer, capture_output=True, text=True, cwd="/", check=False,
        env={"PATH": f"{path}:{tools}", "HOME": str(path)},
    )  # fmt: skip


@posix
def test_the_first_python_that_fits_is_taken(clone: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    program(path / "python3.13", "exit 1")  # without venv, as Debian's
    program(path / "python3", f'exec "{sys.executable}" "$@"')
    done = start(clone, path, "--port", "7871")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[1] == ["start", "--port", "7871"]


@posix
def test_the_environments_own_python_goes_first(clone: Path, tmp_path: Path) -> None:
    program(clone / ".venv/bin/python", f'exec "{sys.executable}" "$@"')
    assert start(clone, tmp_path / "bin").returncode == 0


@posix
def test_a_private_python_is_fetched_where_none_fits_and_a_person_agrees(clone: Path, tmp_path: Path) -> None:
    path, fetched = tmp_path / "bin", tmp_path / "fetched"
    said = f'echo "$UV_PYTHON_INSTALL_DIR $*" >> "{tmp_path}/asked"'
    install = f': > "{fetched}"'
    find = f'[ -e "{fetched}" ] && echo "{tmp_path}/private"'
    program(path / "uv", f'{said}\ncase "$2" in install) {install} ;; find) {find} ;; esac')
    program(tmp_path / "private", f'exec "{sys.executable}" "$@"')
    for answer in ("n\n", ""):  # nobody at the keyboard agrees to nothing
        refused = start(clone, path, answer=answer)
        assert refused.returncode == 1
        assert "No Python from 3.10 to 3.14" in refused.stdout
        assert not fetched.exists()
    done = start(clone, path, "--port", "1", answer="\n")
    assert json.loads(done.stdout.rpartition("[Y/n] ")[2])[1] == ["start", "--port", "1"], done.stderr
    asked = (tmp_path / "asked").read_text("utf-8").splitlines()
    assert {line.partition(" python ")[0] for line in asked} == {f"{clone}/.python"}
    start(clone, path)
    assert (tmp_path / "asked").read_text("utf-8").count("install") == 1


def test_scripts_for_windows_have_its_line_ends_and_plain_letters() -> None:
    data = (CLONE / "start.bat").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")
    assert data.isascii()
    assert (CLONE / "start.sh").stat().st_mode & 0o111 or os.name == "nt"


def webui(tmp_path: Path, **settings: str) -> Path:
    clone = tmp_path / "webui" / "extensions" / "train-tools"
    clone.mkdir(parents=True)
    text = json.dumps({f"train_tools_{name}": value for name, value in settings.items()})
    (tmp_path / "webui" / "config.json").write_text(text, encoding="utf-8")
    return clone


def test_alone_the_root_lies_beside_us(tmp_path: Path) -> None:
    assert opening.root_of(tmp_path) == tmp_path / "outputs"
    assert opening.variables(tmp_path, {"TRAIN_TOOLS_ROOT": "mine"}) == {}


def test_in_a_webui_it_is_what_the_tab_shows(tmp_path: Path) -> None:
    clone = webui(tmp_path)
    data = tmp_path / "webui"
    assert opening.root_of(clone) == data / "outputs"
    (data / "output").mkdir()  # Neo's
    assert opening.root_of(clone) == data / "output"
    (data / "outputs" / "train_tools").mkdir(parents=True)
    assert opening.root_of(clone) == data / "outputs"


def test_what_is_set_in_the_webui_counts(tmp_path: Path) -> None:
    clone = webui(tmp_path, root="projects", environment="env")
    found = opening.variables(clone, {})
    assert found == {
        "TRAIN_TOOLS_ROOT": str(tmp_path / "webui" / "projects"),
        "TRAIN_TOOLS_ENV": str(tmp_path / "webui" / "env"),
    }
    (tmp_path / "webui" / "config.json").write_text("{", encoding="utf-8")
    (tmp_path / "webui" / "webui.py").touch()
    assert opening.root_of(clone) == tmp_path / "webui" / "outputs"


def test_a_second_double_click_opens_the_page_that_is_there(tmp_path: Path) -> None:
    class Session(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"root": str(tmp_path.resolve())}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        assert already_open(port, tmp_path) == f"http://localhost:{port}/"
        assert already_open(port, tmp_path / "another") == ""
        server.shutdown()
    assert already_open(port, tmp_path) == ""
