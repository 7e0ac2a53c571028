"""Puts one LoRA before a webui for one picture, under a name of its own, and takes it away again.

A webui finds a LoRA by its name and keeps what it knows of a name: layers keep their weights as long as names and
multipliers are the same (Forge: file names), whatever the file holds by now. So each file gets a name that no other
file ever had: it is made of the file's path, size and time of change, the base model and this process. A name that
once ended in an error isn't used again, as layers that failed aren't tried again under it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from train_tools.hosts import modules
from train_tools.hosts.interface import HostError
from train_tools.hosts.lora_shapes import Layer

FOLDER = "train-tools-preview"  # below the webui's folder of LoRA files
NAME = re.compile(r"train-tools-(?:(\d+)-)?[0-9a-f]{20}$")
TAG = re.compile(r"<(?:lora|lyco|hypernet):[^>]*>", re.IGNORECASE)
LISTS = ("available_networks", "available_network_aliases", "available_network_hash_lookup")

_process = secrets.token_hex(8)
_failed: set[str] = set()  # names that aren't used again
_used: set[Path] = set()  # files of pictures that are made just now


@dataclass(frozen=True)
class Placed:
    """A LoRA under a name of its own; `entry` is what the webui's list has of it."""

    name: str
    file: Path
    layers: Sequence[Layer]
    entry: Any


def without_networks(prompt: str) -> str:
    """No other LoRA, whatever the prompt says."""
    return TAG.sub("", prompt).strip()


@contextlib.contextmanager
def placed(lora: Path, layers: Sequence[Layer], base_model: str) -> Iterator[Placed]:
    """The LoRA where the webui finds it, gone afterwards. Raises HostError."""
    networks, network = _extension("networks"), _extension("network")
    folders = lora_folders()
    if not folders:
        raise HostError("the webui's Lora extension is off, so a LoRA can't be rendered; switch it on")
    status = lora.stat()
    name = _name(f"{lora.resolve()}|{status.st_size}|{status.st_mtime_ns}|{base_model}")
    file = folders[0] / FOLDER / f"{name}{lora.suffix}"
    before = dict(getattr(networks, LISTS[-1], {}))
    _used.add(file)
    try:
        _put(lora, file)
        entry = network.NetworkOnDisk(name, str(file))
        networks.available_networks[name] = networks.available_network_aliases[name] = entry
        yield Placed(name, file, layers, entry)
    except BaseException:
        _failed.add(name)
        raise
    finally:
        _used.discard(file)
        with contextlib.suppress(OSError):  # Windows may still have it open; the next one removes it
            file.unlink(missing_ok=True)
            file.parent.rmdir()
        _forget(networks, name, before)


def lora_folders() -> list[Path]:
    """Where the webui looks for LoRA files; the first is where its own puts them."""
    first, more = modules.command_option("lora_dir"), modules.command_option("lora_dirs") or []
    found = [Path(folder) for folder in [first, *([more] if isinstance(more, str) else more)] if folder]
    return list(dict.fromkeys(found))


def sweep() -> None:
    """Removes what a webui that was killed left behind: it would be listed, and be taken for the one that was kept.

    Files of pictures that another webui makes just now stay. Never raises.
    """
    found = [file for folder in lora_folders() for file in _left_over(folder / FOLDER)]
    for file in found:
        with contextlib.suppress(OSError):
            file.unlink()
            file.parent.rmdir()
    networks = sys.modules.get("networks")
    if networks is not None and _listed(networks):
        with contextlib.suppress(Exception):  # the webui's own code raises anything
            networks.list_available_networks()


def _left_over(folder: Path) -> list[Path]:
    try:
        files = [file for file in folder.iterdir() if file not in _used]
    except OSError:
        return []
    return [file for file in files if (name := NAME.match(file.stem)) and not _is_anothers(file, name[1])]


def _is_anothers(file: Path, process: str | None) -> bool:
    """Whether a process that runs, and isn't this one, made it."""
    if process is None or int(process) == os.getpid():
        return False
    try:
        import psutil
    except ImportError:  # not every webui has it
        return False
    try:
        # A number is used again: who began after the file was put there didn't put it there.
        return bool(psutil.Process(int(process)).create_time() < file.lstat().st_ctime)
    except (OSError, psutil.Error):
        return False


def _listed(networks: Any) -> bool:
    """Whether a list names a file of ours that isn't used just now."""
    return any(
        Path(entry.filename).parent.name == FOLDER and Path(entry.filename) not in _used
        for name in LISTS
        for entry in list(getattr(networks, name, {}).values())
    )


def _extension(name: str) -> ModuleType:
    """The built-in Lora extension's modules are called `networks` and `network`, and loaded late."""
    found = sys.modules.get(name)
    if found is None:
        raise HostError("the webui's Lora extension isn't loaded; switch it on and restart the webui")
    return found


def _name(identity: str) -> str:
    for attempt in range(1000):
        digest = hashlib.sha256(f"{_process}|{attempt}|{identity}".encode()).hexdigest()[:20]
        name = f"train-tools-{os.getpid()}-{digest}"
        if name not in _failed:
            return name
    raise HostError("rendering with this LoRA failed too often; restart the webui")


def _put(lora: Path, file: Path) -> None:
    """A hard link, a link, or a copy: the first that the disk allows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for old in _left_over(file.parent):
        with contextlib.suppress(OSError):
            old.unlink()
    file.unlink(missing_ok=True)
    for make in (os.link, os.symlink, shutil.copy2):
        try:
            make(lora.resolve(), file)
            return
        except (OSError, NotImplementedError) as error:
            last = error
    raise HostError(f"{file} can't be written ({last}); allow writing there or make room") from last


def _forget(networks: ModuleType, name: str, hashes: dict[str, Any]) -> None:
    """Out of the webui's lists; where it looked for files meanwhile, it has ours under other names, too, and in place
    of the one that was kept, so that it looks again.
    """
    getattr(networks, "networks_in_memory", {}).pop(name, None)
    for key in LISTS[:2]:
        getattr(networks, key, {}).pop(name, None)
    lookup = getattr(networks, LISTS[-1], {})
    for key, entry in list(lookup.items()):
        if entry.name == name:
            del lookup[key]
    if _listed(networks):
        networks.list_available_networks()
        return
    for key, known in hashes.items():
        lookup.setdefault(key, known)
