"""The masks of conditioning_data_dir: pictures of the images' names, bright where something is to be learned."""

from __future__ import annotations

from pathlib import Path

from train_tools.dataset.training import TrainingImage, has_picture_name
from train_tools.errors import UsageError


class Masks:
    """In the folder itself, or in folders of the names of the images' own; the latter are looked at first."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"conditioning_data_dir {folder} is no folder; choose the one with the masks")
        self._folder = folder
        self._found: dict[Path, dict[str, Path]] = {}

    def of(self, image: TrainingImage) -> Path | None:
        """None for a regularisation image without one: all of it is learned.

        Raises UsageError where an image has none, as sd-scripts.
        """
        stem = image.path.stem
        for folder in (self._folder / image.path.parent.name, self._folder):
            if mask := self._in(folder).get(stem):
                return mask
        if image.is_reg:
            return None
        raise UsageError(
            f"conditioning_data_dir {self._folder} holds no mask {stem} for {image.path}; "
            "draw one, white where all of the image is to be learned"
        )

    def _in(self, folder: Path) -> dict[str, Path]:
        if folder not in self._found:
            paths = sorted(folder.iterdir()) if folder.is_dir() else []
            self._found[folder] = {path.stem: path for path in paths if has_picture_name(path.name)}
        return self._found[folder]
