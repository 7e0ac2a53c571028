"""Which mirror is taken where the setting is `auto`: the place itself if it answers, else the first that does.

The choice is remembered for a day, so that starting a training asks no network.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from train_tools.environment.program import AUTO, ProgramSettings
from train_tools.errors import TrainToolsError
from train_tools.workspace.files import read_json, write_json

FILE = "mirrors.json"
REMEMBERED_S = 24 * 3600.0
ANSWER_S = 4.0


@dataclass(frozen=True)
class Service:
    """`official` is empty where only the installer knows its address. `probe` is put behind an address to try it."""

    official: str
    mirrors: tuple[str, ...]
    probe: str = ""


GITHUB = "https://github.com/"
HUGGING_FACE = "https://huggingface.co"
# By the name of the setting. A mirror of GitHub takes GitHub's whole address behind its own.
SERVICES: Mapping[str, Service] = {
    "package_index": Service(
        "",
        (
            "https://mirrors.tuna.tsinghua.edu.cn/pypi/web/simple",
            "https://mirrors.ustc.edu.cn/pypi/simple",
            "https://mirrors.aliyun.com/pypi/simple",
        ),
        "/pip/",
    ),
    "hugging_face": Service(
        HUGGING_FACE, ("https://hf-mirror.com", "https://huggingface.sukaka.top"), "/api/models/gpt2"
    ),
    "github": Service(
        GITHUB,
        ("https://gh-proxy.com/https://github.com/", "https://ghproxy.net/https://github.com/"),
        "kohya-ss/sd-scripts/raw/main/LICENSE.md",
    ),
}
# Not written down here: pip knows it.
ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"

Reach = Callable[[str], bool]


def reaches(address: str) -> bool:
    """Whether it answers in time, and not with an error; that it wants a login or another method is an answer."""
    try:
        request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": "train-tools"})
        with urllib.request.urlopen(request, timeout=ANSWER_S):
            return True
    except urllib.error.HTTPError as error:
        return error.code in (401, 405, 429)
    except (OSError, HTTPException, ValueError):
        return False


def official(name: str) -> str:
    if address := SERVICES[name].official:
        return address
    try:
        answer = subprocess.run(
            [sys.executable, "-c", ASK_PIP], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def choose(name: str, reach: Reach = reaches) -> str:
    """The address to use; empty for the place itself, also where nothing answers."""
    service = SERVICES[name]
    addresses = [official(name), *service.mirrors]
    with ThreadPoolExecutor(len(addresses)) as threads:
        answers = list(
            threads.map(lambda address: bool(address) and reach(probe_of(address, service)), addresses)
        )
    if answers[0] or not addresses[0] or True not in answers:
        return ""
    return addresses[answers.index(True)]


def probe_of(address: str, service: Service) -> str:
    return f"{address.rstrip('/')}/{service.probe.lstrip('/')}"


def choices_file(root: Path) -> Path:
    return root / "train_tools" / FILE


def known_choices(root: Path) -> dict[str, str]:
    """What was found out within the last day, by setting."""
    try:
        found = read_json(choices_file(root))
        now = time.time()
        return {
            name: str(entry["address"])
            for name, entry in found.items()
            if name in SERVICES and 0 <= now - float(entry["time"]) < REMEMBERED_S
        }
    except (OSError, TrainToolsError, AttributeError, KeyError, TypeError, ValueError):
        return {}


def find_out(
    root: Path, settings: ProgramSettings, names: tuple[str, ...], reach: Reach = reaches
) -> dict[str, str]:
    """Tries those of `names` that are `auto` and not known yet, and remembers. Nothing is tried offline."""
    known = known_choices(root)
    due = [name for name in names if getattr(settings, name) == AUTO and name not in known]
    if not due or settings.offline:
        return known
    found = {name: choose(name, reach) for name in due}
    known |= found
    now = time.time()
    write_json(
        choices_file(root), {name: {"address": address, "time": now} for name, address in known.items()}
    )
    return known
