"""A real webui, started on the CPU with this Train Tools in it and ended again. Its own folder is only read: models,
settings and our extension lie in a data folder for the occasion.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import psutil

from train_tools.hosts import bridge_client, bridge_file
from train_tools.hosts.bridge_client import BridgeClient

ROOT = Path(__file__).resolve().parents[3]  # of this Train Tools
START_S = 600  # on a machine that does other things as well
TILL_ANSWER_S = 600  # a picture of a model of true size on one core
# Where a webui says what it can be started with.
ARGUMENT_FILES = (
    "modules/cmd_args.py",
    "backend/args.py",
    "ldm_patched/modules/args_parser.py",
    "modules/paths_internal.py",
)
# What keeps it on the CPU and away from the network; each is given where the webui knows it.
FLAGS = (
    "--skip-prepare-environment", "--skip-python-version-check", "--skip-torch-cuda-test", "--skip-version-check",
    "--no-download-sd-model", "--do-not-download-clip", "--no-half", "--always-cpu", "--cpu",
)  # fmt: skip
# A webui that wants to download fails at once instead of filling the disk: port 9 answers nobody.
NOWHERE = "http://127.0.0.1:9"
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False", "HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE,
    "NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost",
}  # fmt: skip
KEPT = ("TRAIN_TOOLS_RUN_FOLDER",)  # where both sides look for the bridge
LEFT_OUT = ("COMMANDLINE_ARGS", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
FREEZE = """
from importlib.metadata import distributions
print(*sorted(f"{found.metadata['Name']}=={found.version}" for found in distributions()), sep="\\n")
"""


@dataclass(frozen=True)
class Installation:
    """What lies in a webui's folder, before it runs."""

    folder: Path
    python: Path

    @cached_property
    def arguments(self) -> str:
        files = (self.folder / name for name in ARGUMENT_FILES)
        return "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())

    @cached_property
    def kind(self) -> str:
        """As a person would call it."""
        if (self.folder / "ldm_patched").is_dir():
            return "reForge" if (self.folder / "modules" / "sd_schedulers.py").is_file() else "Classic"
        if not (self.folder / "backend").is_dir():
            return "AUTOMATIC1111"
        version = self.folder / "modules_forge" / "forge_version.py"
        return "Neo" if "neo" in version.read_text(encoding="utf-8").lower() else "Forge"

    @property
    def knows_narrow_models(self) -> bool:
        """Forge's kind knows a model by its sizes."""
        return self.kind == "AUTOMATIC1111"

    def packages(self) -> str:
        command = [str(self.python), "-c", FREEZE]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=self.folder).stdout

    def install_extension(self, extension: Path) -> str:
        """Runs its install.py as the webui does before it starts; what it says."""
        environ = _environ({"PYTHONPATH": str(self.folder)})
        command = [str(self.python), str(extension / "install.py")]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self.folder, env=environ, timeout=300
        )
        return (done.stdout + done.stderr).strip() if done.returncode else ""


def installation(folder: Path, python: Path | None) -> Installation:
    """Raises SystemExit where there is none."""
    if not (folder / "launch.py").is_file():
        sys.exit(f"{folder} is no webui's folder: there is no launch.py in it")
    own = (folder / "venv" / "bin" / "python", folder / "venv" / "Scripts" / "python.exe")
    found = python or next((path for path in own if path.is_file()), None)
    if found is None or not found.is_file():
        sys.exit(f"no Python found for {folder}; name the one that it runs with: --python FILE")
    return Installation(folder.absolute(), found.absolute())


class RealWebui:
    """From `start` to `end`, as often as wanted; `data` stays."""

    def __init__(self, installed: Installation, data: Path, checkpoint: Path) -> None:
        self.installed = installed
        self.data = data
        self.loras = data / "models" / "Lora"
        self.checkpoint = data / "models" / "Stable-diffusion" / checkpoint.name
        self.extension = data / "extensions" / "train-tools"
        self.seconds = 0.0  # that the last start took
        self.log = data / "webui.log"
        self.url = ""
        self._since = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._lay_out(checkpoint)

    def _lay_out(self, checkpoint: Path) -> None:
        for folder in (self.loras, self.checkpoint.parent, self.extension.parent):
            folder.mkdir(parents=True)
        for path in beside(checkpoint):
            _linked(path, self.checkpoint.with_name(path.name))
        _linked(ROOT, self.extension)
        if self.installed.kind in ("reForge", "Classic"):
            # The model of their live previews would come from the network with the first picture.
            settings = {"show_progress_type": "Approx cheap"}
            (self.data / "config.json").write_text(json.dumps(settings), encoding="utf-8")

    def start(self, *flags: str) -> None:
        """Returns when it answers. Raises RuntimeError with its last lines where it ends before."""
        port = _free_port()
        known = [flag for flag in FLAGS if f'"{flag}"' in self.installed.arguments]
        if self.installed.kind == "AUTOMATIC1111":
            known += ["--use-cpu", "all"]
        # gradio 4 doesn't serve the webui's own scripts where its data lies elsewhere.
        served = ["--gradio-allowed-path", str(self.installed.folder)]
        given = ["--api", "--port", str(port), "--data-dir", str(self.data), *served, *flags]
        command = [str(self.installed.python), "launch.py", *known, *given]
        environ = _environ({**OFFLINE, "TRAIN_TOOLS_ENV": sys.prefix})
        self.url = f"http://127.0.0.1:{port}"
        started, self._since = time.monotonic(), time.time()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.installed.folder, env=environ, stdout=log, stderr=log
            )
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() - started > START_S:
                self.end()
                raise RuntimeError(f"it didn't start: {self.last_lines()}")
            time.sleep(0.5)
        self.seconds = time.monotonic() - started

    def _answers(self) -> bool:
        """The door opens after everything else. Who asks before makes AUTOMATIC1111 fail now and then: it takes its
        middlewares out and puts them in again while it already answers.
        """
        address = bridge_file.read(self.root)
        if address is None or address.started < self._since:
            return False
        try:
            return self.get("/train_tools/_door/state").status_code != 404
        except httpx.HTTPError:
            return False

    def last_lines(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-300:].strip()

    def end(self, how: int = signal.SIGTERM) -> None:
        """With SIGKILL as a crash would."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(how)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def memory(self) -> int:
        """Bytes that its process takes now."""
        assert self._process is not None
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=120, **more)

    def post(
        self, path: str, content: Any = None, timeout: float = TILL_ANSWER_S, **more: Any
    ) -> httpx.Response:
        return httpx.post(self.url + path, json=content, trust_env=False, timeout=timeout, **more)

    def state(self) -> dict[str, Any]:
        return dict(self.get("/train_tools/_door/state").json())

    def options(self) -> dict[str, Any]:
        return dict(self.get("/sdapi/v1/options").json())

    def set_option(self, name: str, value: object) -> None:
        self.post("/sdapi/v1/options", {name: value}).raise_for_status()

    @property
    def root(self) -> Path:
        """Where Train Tools keeps its things in this webui: `outputs`, or what the webui calls so."""
        found = [folder for folder in self.data.glob("output*") if (folder / "train_tools").is_dir()]
        return found[0] if found else self.data / ("output" if self.installed.kind == "Neo" else "outputs")

    def bridge(self) -> BridgeClient:
        client = bridge_client.find(self.root)
        assert client is not None, f"no bridge was found for {self.root}"
        return client


def beside(checkpoint: Path) -> list[Path]:
    """The file and what belongs to it."""
    more = checkpoint.with_suffix(".yaml"), checkpoint.with_name(f"{checkpoint.stem}-text")
    return [checkpoint, *(path for path in more if path.exists())]


def _environ(more: dict[str, str]) -> dict[str, str]:
    """Without what our own environment's variables would make of another Python."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if name not in LEFT_OUT and (name in KEPT or not name.startswith("TRAIN_TOOLS_"))
    }
    return {**ours, **more}


def _linked(source: Path, place: Path) -> None:
    try:
        place.symlink_to(source.absolute(), target_is_directory=source.is_dir())
    except OSError:  # Windows asks for a right that few have
        if source.is_dir():
            shutil.copytree(
                source, place, ignore=shutil.ignore_patterns(".git", ".venv*", "outputs", "*_cache")
            )
        else:
            shutil.copy2(source, place)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def config_of(webui: RealWebui, **more: Any) -> dict[str, Any]:
    """What gradio tells the browser of its page."""
    return dict(json.loads(webui.get("/config", **more).text))
