"""Where models lie on a machine: the webui's folders, ComfyUI's, those that a person added, Hugging Face's cache."""

from __future__ import annotations

import os
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.environment import host_record, hub
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.files import read_json, write_json

FILE = "model_folders.json"
WEBUI, COMFY, ADDED, CACHE = "webui", "comfyui", "added", "cache"
# What a model is for -> the folders for it, under a webui's `models` and under ComfyUI's.
BASE, VAE, TEXT, LORA = "base", "vae", "text", "lora"
ROLES = (BASE, VAE, TEXT, LORA)
IN_WEBUI: Mapping[str, tuple[str, ...]] = {
    BASE: ("Stable-diffusion", "diffusers"), VAE: ("VAE",), TEXT: ("text_encoder",), LORA: ("Lora", "LyCORIS"),
}  # fmt: skip
IN_COMFY: Mapping[str, tuple[str, ...]] = {
    BASE: ("checkpoints", "diffusion_models", "unet", "diffusers"), VAE: ("vae",), TEXT: ("text_encoders", "clip"),
    LORA: ("loras",),
}  # fmt: skip
COMFY_NAME = "comfyui"
COMFY_PATHS = ("extra_model_paths.yaml", "extra_models_config.yaml")
# Where its installers and rented machines put it.
HOMES = ("", "Documents", "comfy", "Desktop", "Downloads")
SHARED = ("/workspace", "/opt", "/root/autodl-tmp")


@dataclass(frozen=True)
class Place:
    """`kind` is one of the words above; `folder` holds models of one role, and others where a person added it."""

    kind: str
    folder: Path


def added(root: Path) -> list[Path]:
    try:
        found = read_json(_file(root))
        return [Path(str(folder)) for folder in found["folders"]]
    except (OSError, TrainToolsError, KeyError, TypeError):
        return []


def add(root: Path, folder: Path) -> None:
    """Raises UsageError where there is no such folder."""
    absolute = folder.expanduser().absolute()
    if not absolute.is_dir():
        raise UsageError(f"there is no folder {absolute}; choose one that is there")
    _keep(root, [*dict.fromkeys([*added(root), absolute])])


def remove(root: Path, folder: Path) -> None:
    """From the list; the folder stays as it is."""
    _keep(root, [one for one in added(root) if one != folder])


def _keep(root: Path, folders: Sequence[Path]) -> None:
    write_json(_file(root), {"folders": [str(folder) for folder in folders]})


def _file(root: Path) -> Path:
    return root / "train_tools" / FILE


def all_places(
    root: Path, models: Path | None, role: str, comfy: Sequence[Path] | None = None
) -> list[Place]:
    """`models` is the host's folder of that name. Each folder once, those that are there."""
    found = [Place(WEBUI, models / name) for name in IN_WEBUI[role]] if models else []
    found += [Place(WEBUI, folder) for folder in _of_last_webui(role)]
    for top in comfy_folders(near(root)) if comfy is None else comfy:
        found += [Place(COMFY, folder) for folder in comfy_places(top, role)]
    found += [Place(ADDED, folder) for folder in added(root)]
    return [
        place for place in {_same(p.folder): p for p in reversed(found)}.values() if place.folder.is_dir()
    ][::-1]


def folder_for_new(role: str, root: Path, models: Path | None = None) -> Path:
    """Where a model that is fetched goes: the folder of the webui that runs (`models`) or last started this clone, else
    one below `root`.
    """
    host = host_record.read()
    if models is None and host is not None and host.models and Path(host.models).is_dir():
        if role == BASE and host.checkpoints:
            return Path(host.checkpoints)
        models = Path(host.models)
    return (models or root / "models") / IN_WEBUI[role][0]


def _same(folder: Path) -> str:
    return os.path.normcase(os.path.realpath(folder))


def _of_last_webui(role: str) -> list[Path]:
    """Of the webui that last started this clone, also where it doesn't run now."""
    host = host_record.read()
    if host is None or not host.models:
        return []
    folders = [Path(host.models) / name for name in IN_WEBUI[role]]
    return [*([Path(host.checkpoints)] if role == BASE and host.checkpoints else []), *folders]


def near(root: Path) -> list[Path]:
    """Folders in which a ComfyUI may lie: beside the webui, this clone and the data, at home, on each drive."""
    home, host = Path.home(), host_record.read()
    clone = Path(__file__).resolve().parents[2]
    webui = Path(host.folder) if host and host.folder else None
    beside = [folder.parent for folder in (webui, clone, root.absolute()) if folder is not None]
    drives = [Path(f"{letter}:\\") for letter in string.ascii_uppercase] if os.name == "nt" else []
    return [*beside, *(home / name for name in HOMES), *map(Path, SHARED), *drives]


def comfy_folders(tops: Sequence[Path]) -> list[Path]:
    """ComfyUI's own folders, of its portable package too."""
    found: dict[str, Path] = {}
    for top in tops:
        for folder in _children(top):
            if folder.name.lower().startswith(COMFY_NAME):
                for one in (folder, folder / "ComfyUI"):
                    if (one / "models").is_dir():
                        found.setdefault(_same(one), one)
    return list(found.values())


def _children(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:  # not there, or not ours
        return []


def comfy_places(comfy: Path, role: str) -> Iterator[Path]:
    """Its own folders of that role, and those that its extra_model_paths.yaml names."""
    for name in IN_COMFY[role]:
        yield comfy / "models" / name
    for file in COMFY_PATHS:
        yield from _extra(comfy / file, role)


def _extra(file: Path, role: str) -> Iterator[Path]:
    for section in _sections(file):
        base = file.parent / Path(str(section.get("base_path") or "")).expanduser()
        for name in IN_COMFY[role]:
            for line in str(section.get(name) or "").splitlines():
                if line.strip():
                    yield base / line.strip()


def _sections(file: Path) -> list[Mapping[str, Any]]:
    if not file.is_file():
        return []
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, yaml.YAMLError):
        return []
    return [one for one in found.values() if isinstance(one, dict)] if isinstance(found, dict) else []


def cached_repositories(environ: Mapping[str, str] = os.environ) -> list[tuple[str, Path]]:
    """Hub id and newest snapshot of each model in Hugging Face's cache."""
    found = []
    for folder in _children(hub.cache_folder(environ)):
        kind, _, name = folder.name.partition("--")
        snapshots = _children(folder / "snapshots")
        if kind == "models" and snapshots:
            found.append((name.replace("--", "/", 1), max(snapshots, key=_time)))
    return found


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
