"""Models that are on this machine, each with its family, size and place."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.base_model.places import ADDED, BASE, CACHE, LORA, Place, cached_repositories
from train_tools.families.detect import detect
from train_tools.families.folder import INDEX

SUFFIXES = (".safetensors", ".ckpt")
MORE_SUFFIXES = (*SUFFIXES, ".pt", ".pth", ".bin")  # of VAEs and text encoders
MOST = 3_000  # files of one place
WEIGHTS = (".safetensors", ".bin", ".ckpt")

Seen = Callable[[int, int, str], None]  # done, of all, its name


@dataclass(frozen=True)
class FoundModel:
    """`file` may be a diffusers folder. `family` is its name, empty where it is none; `problem` why it can't be trained
    on, and what helps. `kind` is that of its place.
    """

    title: str
    file: Path
    kind: str
    place: Path
    family: str = ""
    family_title: str = ""
    bytes: int = 0
    problem: str = ""
    is_chosen: bool = False


def find_models(
    places: Iterable[Place], role: str, seen: Seen = lambda _done, _of, _name: None
) -> list[FoundModel]:
    """Of these places, and of Hugging Face's cache for base models; each file once."""
    listed: dict[str, tuple[str, Path, Place]] = {}
    for place in places:
        for path in files_of(place.folder, role):
            title = path.relative_to(place.folder).as_posix()
            listed.setdefault(os.path.normcase(os.path.realpath(path)), (title, path, place))
    if role == BASE:
        for title, path in in_cache():
            listed.setdefault(
                os.path.normcase(os.path.realpath(path)), (title, path, Place(CACHE, path.parent))
            )
    found = []
    for number, (title, path, place) in enumerate(listed.values()):
        seen(number, len(listed), title)
        model = look_at(path, title, place, role)
        if role != BASE or is_of_use(model):
            found.append(model)
    return found


def is_of_use(model: FoundModel) -> bool:
    """Folders that hold all kinds of files are searched for base models alone."""
    return bool(model.family) or model.kind not in (CACHE, ADDED)


def look_at(path: Path, title: str, place: Place, role: str = BASE) -> FoundModel:
    if role != BASE:
        return FoundModel(title, path, place.kind, place.folder, bytes=size_of(path))
    found = detect(path)
    problem = "; ".join(filter(None, (found.fault.what, found.fault.instead))) if found.fault else ""
    return FoundModel(
        title,
        path,
        place.kind,
        place.folder,
        found.name,
        found.title if found.family else "",
        size_of(path),
        problem,
    )


def files_of(folder: Path, role: str) -> Iterator[Path]:
    """Checkpoints and diffusers folders below; nothing of what lies in these."""
    endings = SUFFIXES if role in (BASE, LORA) else MORE_SUFFIXES
    left, walked = MOST, set()
    for here, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(here)) in walked:  # links may lead round in a circle
            folders.clear()
            continue
        walked.add(real)
        if role == BASE and INDEX in names:
            folders.clear()
            yield Path(here)
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(endings) and not name.startswith(".") and ".vae." not in name:
                left -= 1
                if left < 0:
                    return
                yield Path(here) / name


def in_cache(environ: Mapping[str, str] = os.environ) -> Iterator[tuple[str, Path]]:
    """Diffusers folders and single files, by hub id."""
    for hub_id, snapshot in cached_repositories(environ):
        if (snapshot / INDEX).is_file():
            yield hub_id, snapshot
        for path in sorted(snapshot.iterdir()):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield f"{hub_id}: {path.name}", path


def size_of(path: Path) -> int:
    """In bytes; of a diffusers folder that of its weights."""
    try:
        if path.is_file():
            return path.stat().st_size
        return sum(one.stat().st_size for one in path.glob("*/*") if one.suffix in WEIGHTS)
    except OSError:
        return 0


def named(models: Sequence[FoundModel], name: str, size: int) -> FoundModel | None:
    """The one of that file name and size: a browser tells no more of a file that was dropped."""
    return next((model for model in models if model.file.name == name and model.bytes == size), None)
