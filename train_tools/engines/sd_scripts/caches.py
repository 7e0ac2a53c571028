"""Encoded images and captions that the runs of a grid share: `<root>/train_tools/cache/sd-scripts/<key>/`.

sd-scripts lays its `.npz` files beside the images, under names that hold the image's size alone, and takes what it
finds there: after another resolution, VAE, caption or text encoder it trains on what was encoded before. So it never
sees the version's own folders. Each key, a hash of everything that what is encoded depends on, has a folder of its
own with the same images, as hard links, or as copies where the disk has no links. A run of several sizes has the images
once for each.

A folder is filled by a process that ends when its training would begin. So all runs of a grid start from an equal
state of the random numbers, which encoding images moves on; the first would otherwise begin with other weights than
its siblings, and than itself when it is trained again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.arguments.sizes import sizes_of
from train_tools.arguments.table import ARGUMENTS, SUBJECTS
from train_tools.dataset.training import TrainingImage, fingerprint, training_images
from train_tools.workspace.files import replace, temporary_sibling, write_text

RECIPE = 1  # raised when a folder is laid out otherwise
IMAGES, REG = "images", "reg"
FULL = "full"  # says that everything is encoded
LOCK = ".lock"
UNUSED_DAYS = 14
# Arguments that change nothing in what is encoded. One that is new is taken to change it.
WITHOUT_EFFECT = frozenset(
    row.name
    for subject in ("learning", "network", "loss", "flow", "saving", "logs")
    for row in SUBJECTS[subject]
    if row.name != "masked_loss"
) | {
    "train_data_dir", "reg_data_dir", "dataset_repeats", "max_data_loader_n_workers", "gradient_checkpointing",
    "persistent_data_loader_workers", "cpu_offload_checkpointing", "blocks_to_swap", "cache_info",
}  # fmt: skip


@dataclass(frozen=True)
class Cache:
    """`folder` holds what training reads."""

    folder: Path
    has_reg: bool

    def images(self, number: int = 0) -> Path:
        """Of the run's size of that number."""
        return self.folder / _numbered(IMAGES, number)

    def reg(self, number: int = 0) -> Path | None:
        """None where there are no regularisation images."""
        return self.folder / _numbered(REG, number) if self.has_reg else None

    @property
    def lock(self) -> Path:
        return self.folder / LOCK

    @property
    def is_full(self) -> bool:
        return (self.folder / FULL).is_file()

    def fill(self) -> None:
        write_text(self.folder / FULL, "")

    def drop_damaged(self) -> None:
        """Removes files that a crash cut off: sd-scripts ends with an error on each. Who calls holds `lock`."""
        for path in self.folder.rglob("*.npz"):
            if not zipfile.is_zipfile(path):
                path.unlink()
                (self.folder / FULL).unlink(missing_ok=True)


def open_cache(caches: Path, arguments: Mapping[str, Any], checkout: Path) -> Cache:
    """The folder for these arguments, made if need be; `checkout` is that of sd-scripts.

    Raises OSError where it can't be written.
    """
    images = training_images(Path(arguments["train_data_dir"]))
    reg = training_images(Path(arguments["reg_data_dir"])) if arguments.get("reg_data_dir") else []
    folder = caches / key(arguments, images, reg, checkout)
    if not folder.is_dir():
        half = temporary_sibling(folder)
        half.mkdir(parents=True)
        try:
            for number in range(len(sizes_of(arguments["resolution"]))):
                _link(images, half / _numbered(IMAGES, number))
                _link(reg, half / _numbered(REG, number))
            with contextlib.suppress(OSError):  # another process was quicker
                replace(half, folder)
        finally:
            shutil.rmtree(half, ignore_errors=True)
    os.utime(folder)  # used now
    return Cache(folder, bool(reg))


def _numbered(name: str, number: int) -> str:
    return f"{name}-{number + 1}" if number else name


def key(
    arguments: Mapping[str, Any],
    images: Sequence[TrainingImage],
    reg: Sequence[TrainingImage],
    checkout: Path,
) -> str:
    """Equal where everything that is encoded is."""
    content = {
        name: _identity(value) if name in ARGUMENTS and ARGUMENTS[name].is_path else value
        for name, value in arguments.items()
        if name not in WITHOUT_EFFECT
    }
    whole = [RECIPE, checkout.name, content, fingerprint(images), fingerprint(reg) if reg else ""]
    text = json.dumps(whole, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def remove_unused(caches: Path, now: float | None = None) -> None:
    """Takes away what no run has asked for in two weeks; it can be made again."""
    oldest = (time.time() if now is None else now) - UNUSED_DAYS * 86_400
    for folder in caches.glob("[!.]*") if caches.is_dir() else []:
        with contextlib.suppress(OSError):
            if folder.is_dir() and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder)


def _identity(value: Any) -> Any:
    """Of a file or folder: what changes with its content, without reading gigabytes."""
    if isinstance(value, list):
        return [_identity(item) for item in value]
    path = Path(str(value))
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [
        [file.name, file.stat().st_size, file.stat().st_mtime_ns] if file.is_file() else str(file)
        for file in files
    ]


def _link(images: Sequence[TrainingImage], folder: Path) -> None:
    """Images with their captions, in folders of the same names: they are class tokens where there is no caption."""
    for image in images:
        target = folder / image.path.parent.name
        target.mkdir(parents=True, exist_ok=True)
        for path in (image.path, *image.path.parent.glob(f"{_literal(image.path.stem)}.*")):
            if path.suffix != ".npz" and not (target / path.name).exists():
                link_or_copy(path, target / path.name)


def _literal(text: str) -> str:
    """As a pattern that fits it alone."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
