"""Several new files that appear together in a folder of somebody else's, and never in place of another."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from train_tools.errors import UsageError
from train_tools.workspace.files import sync_folder, temporary_sibling
from train_tools.workspace.names import same_on_some_disk
from train_tools.workspace.os_errors import with_name

if TYPE_CHECKING:
    from typing_extensions import Self

# What a webui looks for beside a LoRA file of the same name, and what we put there.
ENDINGS = (
    ".safetensors", ".pt", ".ckpt", ".json", ".md", ".txt", ".png", ".jpg", ".jpeg", ".webp", ".gif",
    ".preview.png", ".preview.jpg", ".preview.jpeg", ".preview.webp", ".sheet.png", ".sheet.webp", ".civitai.info",
)  # fmt: skip


def taken(folder: Path, name: str) -> str:
    """The file in `folder` that a LoRA called `name` would clash with on some disk; empty where there is none."""
    wanted = [f"{name}{ending}" for ending in ENDINGS]
    for path in folder.iterdir():
        if path.name.lower().endswith(ENDINGS) and any(same_on_some_disk(path.name, one) for one in wanted):
            return path.name
    return ""


class NewFiles:
    """A context: files are prepared under hidden names, and appear by `appear` in the order of their adding.

    However it ends, nothing unfinished is left; where one can't appear, those before it are taken away again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prepared: list[tuple[Path, Path]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for temporary, _ in self._prepared:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def prepare(self, name: str, write: Callable[[Path], object]) -> Path:
        """`write(path)` makes the hidden file; returns where it will appear."""
        target = self._folder / name
        temporary = temporary_sibling(target)
        self._prepared.append((temporary, target))
        try:
            write(temporary)
        except OSError as error:
            raise with_name(error, target)  # noqa: B904 - it is the same one
        return target

    def appear(self) -> tuple[Path, ...]:
        """Raises UsageError where one of the names was taken meanwhile."""
        done: list[Path] = []
        try:
            for temporary, target in self._prepared:
                rename_new(temporary, target)
                done.append(target)
        except OSError as error:
            for target in done:
                with contextlib.suppress(OSError):
                    target.unlink(missing_ok=True)
            if isinstance(error, FileExistsError):
                raise UsageError(f"{target} was made meanwhile; choose another name") from error
            raise
        sync_folder(self._folder)
        return tuple(done)


def rename_new(source: Path, target: Path) -> None:
    """Renames to a name that is free; raises FileExistsError where it isn't, also at the last moment."""
    if os.name == "nt":
        os.rename(source, target)  # noqa: PTH104 - refuses an existing target there
        return
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links, as exFAT: claim the name, then put the file there
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        os.replace(source, target)
        return
    source.unlink()
