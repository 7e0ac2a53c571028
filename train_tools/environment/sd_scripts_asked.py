"""What the installed sd-scripts says of its trainers' arguments: asked once, and kept as data beside it.

A version of ours has it in `sd-scripts/<version>.arguments.json`, a checkout of one's own in a file beside that.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from train_tools.environment import sd_scripts_ask
from train_tools.environment.sd_scripts_place import (
    NOT_HANDED_ON,
    REVISION,
    VERSIONS,
    sd_scripts_python,
    versions_folder,
)
from train_tools.environment.stamps import fingerprint
from train_tools.workspace.files import write_text

ENDING = ".arguments.json"
OWN = "own-"  # begins the name of the file of a checkout of one's own
TIMEOUT_S = 600.0  # a first import on a slow disk takes minutes
# Where parsers, and what they read, stand.
READ = ("*.py", "library/*.py", "networks/*.py")


@dataclass(frozen=True)
class Asked:
    """`key` stands for the files that were asked; `scripts` says each trainer's arguments by their name.

    `failed` says why a trainer gave no answer, and `error` why none did.
    """

    checkout: str
    key: str
    scripts: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    error: str = ""

    @property
    def problem(self) -> str:
        """Why something isn't known; empty where all trainers have answered."""
        return self.error or "; ".join(f"{script}: {why}" for script, why in self.failed.items())


def is_ours(checkout: Path) -> bool:
    """Whether it is a version that we installed, and not a checkout of one's own."""
    return checkout.parent.name == VERSIONS and (checkout / REVISION).is_file()


def title_of(checkout: Path) -> str:
    return f"sd-scripts {checkout.name}" if is_ours(checkout) else f"sd-scripts in {checkout}"


def data_file(checkout: Path, environ: Mapping[str, str] = os.environ) -> Path:
    if is_ours(checkout):
        return checkout.with_name(f"{checkout.name}{ENDING}")
    mark = hashlib.sha256(os.fsencode(os.path.normcase(checkout))).hexdigest()[:16]
    return versions_folder(environ) / f"{OWN}{mark}{ENDING}"


def key_of(checkout: Path) -> str:
    """Another one where a file changed that the parsers are made from, or where we ask otherwise."""
    files = sorted(path for pattern in READ for path in checkout.glob(pattern))
    states = [
        f"{path.relative_to(checkout)} {s.st_size} {s.st_mtime_ns}" for path in files for s in [path.stat()]
    ]
    return fingerprint(
        Path(sd_scripts_ask.__file__).read_bytes(), str(sd_scripts_python(checkout)), "\n".join(states)
    )


def read(file: Path) -> Asked | None:
    """None where nothing was asked yet."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Asked(**{**found, "networks": tuple(found["networks"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def can_be_asked(checkout: Path) -> bool:
    """Whether it has a trainer with a parser to be asked."""
    trainers = checkout.glob(sd_scripts_ask.TRAINERS)
    return any(sd_scripts_ask.defines(path, sd_scripts_ask.ASKED) for path in trainers)


def is_due(checkout: Path, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether it is to be asked: it never was, or its files have changed since."""
    known = read(data_file(checkout, environ))
    try:
        return (known is None or known.key != key_of(checkout)) and can_be_asked(checkout)
    except OSError:
        return False


def ask(checkout: Path, environ: Mapping[str, str] = os.environ) -> Asked:
    """Asks now, in sd-scripts' interpreter, and keeps the answer, also that there was none."""
    try:
        found = _asked(checkout, key_of(checkout), environ)
    except OSError as error:
        return Asked(str(checkout), "", error=f"it can't be read ({error.strerror})")
    file = data_file(checkout, environ)
    with contextlib.suppress(OSError):  # then it is asked again the next time
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, json.dumps(asdict(found), ensure_ascii=False))
        _remove_orphans(file.parent)
    return found


def _asked(checkout: Path, key: str, environ: Mapping[str, str]) -> Asked:
    python = sd_scripts_python(checkout)
    command = [str(python), sd_scripts_ask.__file__, str(checkout)]
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=checkout,
            env=_variables(environ), timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Asked(str(checkout), key, error=f"{python} gave no answer within {TIMEOUT_S:.0f} s")
    except OSError as error:
        return Asked(str(checkout), key, error=f"{python} can't be started ({error.strerror})")
    lines = answer.stdout.decode("utf-8", "replace").splitlines()
    said = next((line for line in reversed(lines) if line.startswith(sd_scripts_ask.ANSWER)), "")
    if not said:
        last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
        return Asked(str(checkout), key, error=f"{python} ended with {answer.returncode}: {last}")
    found = json.loads(said.removeprefix(sd_scripts_ask.ANSWER))
    return Asked(str(checkout), key, found["scripts"], found["failed"], tuple(found["networks"]))


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    """No GPU and no hub are asked, and nothing is written into the checkout."""
    own = {name: value for name, value in environ.items() if name not in NOT_HANDED_ON}
    return own | {
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CUDA_VISIBLE_DEVICES": "-1",
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "100000",
    }


def known_elsewhere(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether any version that was asked knows the argument, as one that isn't used now."""
    told = f'"{name}": {{"options":'
    try:
        return any(told in file.read_text("utf-8") for file in versions_folder(environ).glob(f"*{ENDING}"))
    except OSError:
        return False


def _remove_orphans(folder: Path) -> None:
    """What is known of checkouts that are gone."""
    for file in folder.glob(f"{OWN}*{ENDING}"):
        known = read(file)
        if known is not None and not Path(known.checkout).is_dir():
            file.unlink(missing_ok=True)
