"""Pictures of earlier programs, whose keys knew less: shown further where they are what would be drawn today.

They went by a hash over length and ends of the base model's file, and knew nothing of a webui's version, VAE and
options. What a picture says of itself decides: another model, VAE, version or option than today's is another picture.
One that is taken over keeps its name and key, so that marks on it stay.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.base_model.identity import Look

from .cells import Cell, Recipe, key_of
from .infotext import HASH_LENGTH, pairs_of
from .renderer import HOST

SAMPLE_BYTES = 1 << 16
NEW_FIELDS = ("force",)
# What every picture says, or what its recipe decides.
USUAL = frozenset({
    "Steps", "Sampler", "Schedule type", "CFG scale", "Seed", "Size", "Model hash", "Model", "Clip skip", "VAE hash",
    "Lora hashes", "TI hashes", "Version", "Distilled CFG Scale", "Shift",
})  # fmt: skip
MODULE = re.compile(r"Module \d+")


class Earlier:
    """`looks` gives what is known of a base model's content."""

    def __init__(self, cells: Iterable[Cell], look: Any) -> None:
        self._look = look
        self._fitting: dict[Path, bool] = {}
        # Different models that earlier programs took for one.
        self._contents: dict[str, set[str]] = defaultdict(set)
        for cell in {cell.base_model: cell for cell in cells}.values():
            self._contents[ends_of(cell.base_model)].add(cell.recipe.base)

    def taken_over(self, cell: Cell) -> Cell:
        """The cell with its earlier picture, where there is one that fits and none of today."""
        if cell.path.is_file():
            return cell
        key = earlier_key(cell.recipe, ends_of(cell.base_model))
        path = cell.path.with_name(f"cell-{key}.png")
        if path not in self._fitting:
            self._fitting[path] = path.is_file() and self._fits(path, cell)
        return replace(cell, key=key, path=path) if self._fitting[path] else cell

    def _fits(self, path: Path, cell: Cell) -> bool:
        said = said_by(path)
        look: Look = self._look(cell.base_model)
        told = said.get("Model hash", "")
        by_hash = look.sha256[:HASH_LENGTH] == told if look.sha256 and len(told) == HASH_LENGTH else None
        if cell.recipe.renderer == HOST and not self._fits_host(said, cell):
            return False
        if cell.recipe.renderer != HOST and cell.drawn.vae:
            return False  # it was drawn with the model's own
        if by_hash is not None:
            return by_hash
        is_one = len(self._contents[ends_of(cell.base_model)]) == 1
        return is_one and look.modified_ns < path.stat().st_mtime_ns

    def _fits_host(self, said: Mapping[str, str], cell: Cell) -> bool:
        force: dict[str, Any] = json.loads(cell.recipe.force or "{}")
        version = said.get("Version", "")
        if version and not str(force.get("host", "")).endswith(version):
            return False
        names = {Path(str(name)).stem for name in (_vae_of(cell, force), *force.get("modules", ())) if name}
        shown = {Path(said[name]).stem for name in said if name == "VAE" or MODULE.fullmatch(name)} - {"None"}
        if names != shown:
            return False
        options = {label: str(value) for label, value in force.get("options", {}).items()}
        options |= {"RNG": str(force["rng"])} if force.get("rng", "GPU") != "GPU" else {}
        options |= {"ENSD": str(force["ensd"])} if force.get("ensd") else {}
        others = {
            name: said[name]
            for name in said
            if name not in USUAL and name != "VAE" and not MODULE.fullmatch(name)
        }
        return options == others


def _vae_of(cell: Cell, force: Mapping[str, Any]) -> str:
    if cell.drawn.vae is not None:
        return cell.drawn.vae
    chosen = str(force.get("vae", ""))
    return "" if chosen == "Automatic" else chosen


def earlier_key(recipe: Recipe, base: str) -> str:
    known = {name: value for name, value in recipe.depends().items() if name not in NEW_FIELDS}
    return key_of({**known, "base": base})


def said_by(path: Path) -> dict[str, str]:
    """The last line of a picture's generation parameters."""
    try:
        with Image.open(path) as image:
            text = str(image.info.get("parameters", ""))
    except OSError:
        return {}
    return dict(_named(pairs_of(text.rpartition("\n")[2])))


def _named(pairs: Iterable[str]) -> Iterator[tuple[str, str]]:
    for pair in pairs:
        name, _, value = pair.partition(": ")
        with contextlib.suppress(ValueError):  # not as the webui quotes
            value = str(json.loads(value)) if value.startswith('"') else value
        yield name, value


def ends_of(path: Path) -> str:
    """A hash over length and both ends of a base model's weights."""
    file = path / "unet" / "diffusion_pytorch_model.safetensors" if path.is_dir() else path
    try:
        status = file.stat()
        return _ends(file, status.st_size, status.st_mtime_ns)
    except OSError:
        return f"unread {path}"


@functools.lru_cache(maxsize=256)
def _ends(file: Path, length: int, _changed: int) -> str:
    with file.open("rb") as opened:
        data = opened.read(SAMPLE_BYTES)
        opened.seek(max(0, length - SAMPLE_BYTES))
        data += opened.read()
    return hashlib.sha256(length.to_bytes(8, "little") + data).hexdigest()[:16]
