"""Puts one LoRA before a webui for one picture, and finds out whether that one, and only that, was applied.

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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.hosts.interface import HostError
from train_tools.lora.safetensors_header import read_header

FOLDER = "train-tools-preview"  # below the webui's folder of LoRA files
TAG = re.compile(r"<(?:lora|lyco|hypernet):[^>]*>", re.IGNORECASE)
COMPLAINTS = ("not found", "with errors")  # of the webui's comments on networks
TEXT_ENCODER = "lora_te"

_process = secrets.token_hex(8)
_failed: set[str] = set()  # names that aren't used again


@dataclass(frozen=True)
class Placed:
    """A LoRA under a name of its own; `modules` are the layers that its file changes."""

    name: str
    file: Path
    modules: frozenset[str]


def without_networks(prompt: str) -> str:
    """No other LoRA, whatever the prompt says."""
    return TAG.sub("", prompt).strip()


@contextlib.contextmanager
def placed(lora: Path, base_model: str, folder: Path) -> Iterator[Placed]:
    """The LoRA where the webui finds it, gone afterwards. Raises HostError where it can't be read."""
    networks, network = _extension("networks"), _extension("network")
    try:
        modules = frozenset(name.split(".", 1)[0] for name in read_header(lora).tensors)
        status = lora.stat()
    except (TrainToolsError, OSError) as error:
        raise HostError(f"the LoRA {lora} can't be read ({error}); train or copy it again") from error
    name = _name(f"{lora.resolve()}|{status.st_size}|{status.st_mtime_ns}|{base_model}")
    file = folder / FOLDER / f"{name}{lora.suffix}"
    entry = None
    lookup = getattr(networks, "available_network_hash_lookup", {})
    hashes_before = dict(lookup)
    try:
        _put(lora, file)
        entry = network.NetworkOnDisk(name, str(file))
        networks.available_networks[name] = networks.available_network_aliases[name] = entry
        yield Placed(name, file, modules)
    except BaseException:
        _failed.add(name)
        raise
    finally:
        _forget(networks, file)
        for key, known in hashes_before.items():
            lookup.setdefault(key, known)
        with contextlib.suppress(
            OSError
        ):  # on Windows the webui may still have it open; the next one removes it
            file.unlink(missing_ok=True)
            file.parent.rmdir()


def _extension(name: str) -> ModuleType:
    """The built-in Lora extension's modules are called `networks` and `network`, and loaded late."""
    found = sys.modules.get(name)
    if found is None:
        raise HostError("the webui's Lora extension isn't loaded; switch it on and restart the webui")
    return found


def _name(identity: str) -> str:
    for attempt in range(1000):
        name = f"train-tools-{hashlib.sha256(f'{_process}|{attempt}|{identity}'.encode()).hexdigest()[:20]}"
        if name not in _failed:
            return name
    raise HostError("rendering with this LoRA failed too often; restart the webui")


def _put(lora: Path, file: Path) -> None:
    """A hard link, a link, or a copy: the first that the disk allows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for old in file.parent.glob("train-tools-*"):
        with contextlib.suppress(OSError):
            old.unlink()
    for make in (os.link, os.symlink, shutil.copy2):
        try:
            make(lora.resolve(), file)
            return
        except (OSError, NotImplementedError) as error:
            last = error
    raise HostError(f"{file} can't be written ({last}); allow writing there or make room") from last


def _forget(networks: ModuleType, file: Path) -> None:
    """Out of the webui's lists, under whatever name a rescan put it there meanwhile."""
    names = ("available_networks", "available_network_aliases", "available_network_hash_lookup")
    for known in (getattr(networks, name, {}) for name in names):
        for key in [key for key, entry in list(known.items()) if entry.filename == str(file)]:
            del known[key]


def refuse_unless_applied(
    lora: Placed | None, weight_te: float, weight_unet: float, comments: str, model: Any
) -> None:
    """Raises HostError unless the picture was made with this LoRA alone, whole and at these weights."""
    for line in comments.splitlines():
        if any(words in line for words in COMPLAINTS):
            raise HostError(f"the webui couldn't apply the LoRA: {line}")
    networks = sys.modules.get("networks")
    loaded = list(getattr(networks, "loaded_networks", []))
    names = [net.name for net in loaded]
    if names != ([lora.name] if lora else []):
        raise HostError(
            f"the webui applied {', '.join(names) or 'no LoRA'} instead of {'the LoRA alone' if lora else 'none'}"
        )
    if lora is None:
        return
    if hasattr(model, "forge_objects_original"):
        _refuse_unless_patched(lora, model)
        return
    net = loaded[0]
    if (net.te_multiplier, net.unet_multiplier) != (weight_te, weight_unet):
        raise HostError(
            f"the webui applied the LoRA at {net.te_multiplier:g} (text encoder) and {net.unet_multiplier:g} (UNet)"
        )
    if len(net.modules) != len(lora.modules):
        raise HostError(
            f"only {len(net.modules)} of the LoRA's {len(lora.modules)} layers fit this base model; was it trained "
            "on it?"
        )


def _refuse_unless_patched(lora: Placed, model: Any) -> None:
    """Forge says nothing where a LoRA doesn't fit: its objects stay the unpatched ones."""
    after, original = model.forge_objects_after_applying_lora, model.forge_objects_original
    has_text = any(module.startswith(TEXT_ENCODER) for module in lora.modules)
    has_unet = any(not module.startswith(TEXT_ENCODER) for module in lora.modules)
    if (has_unet and after.unet is original.unet) or (has_text and after.clip is original.clip):
        raise HostError("the LoRA doesn't fit this base model; was it trained on it?")
