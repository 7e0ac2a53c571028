"""The folders of regularisation images, `dataset/reg/<n>_<class>/`, and what pictures in them must be."""

from __future__ import annotations

from pathlib import Path, PurePath

from PIL import Image

from train_tools.dataset.formats import suffix_of
from train_tools.dataset.images import is_plain, to_rgb
from train_tools.dataset.making import png
from train_tools.dataset.settings import MOST_REPEATS
from train_tools.dataset.training import REPEATS_FOLDER, SUFFIXES
from train_tools.errors import UsageError
from train_tools.workspace.files import require_inside
from train_tools.workspace.names import check_name, same_on_some_disk
from train_tools.workspace.workspace import Version, folders_in


def reg_folder(version: Version, name: str, repeats: int | None, *, keep: bool = False) -> Path:
    """Of the class `name`. Raises UsageError for a name that can't be a folder's, and where it is there with other
    repeats, which `keep` lets stay.
    """
    check_name(name, "class")
    if repeats is not None and not 1 <= repeats <= MOST_REPEATS:
        raise UsageError(f"--repeats is {repeats}; allowed: from 1 to {MOST_REPEATS}")
    for folder in folders_in(version.reg):
        match = REPEATS_FOLDER.fullmatch(folder.name)
        if match and same_on_some_disk(match[2], name):
            if repeats not in (None, int(match[1])) and not keep:
                raise UsageError(
                    f"{folder} is there with {int(match[1])} repeats; "
                    f"rename it to {repeats}_{match[2]} or leave --repeats out"
                )
            return require_inside(folder, version.folder)
    return require_inside(version.reg / f"{repeats or 1}_{name}", version.folder)


def trainable(name: str, data: bytes, image: Image.Image) -> tuple[str, bytes]:
    """They are trained as they lie there. So what trainers read in different ways or not at all (turned by EXIF,
    CMYK, 16 bits, transparent, TIFF …) becomes an upright sRGB PNG; the rest is copied byte for byte, under the suffix
    of its content.
    """
    path, suffix = PurePath(name), suffix_of(data)
    if suffix not in SUFFIXES or not is_plain(image):
        return f"{path.stem}.png", png(to_rgb(image))
    is_named = path.suffix.lower() in SUFFIXES
    return (name if is_named else f"{path.stem}{suffix}"), data
