"""Checkpoints on their way from sd-scripts' output folder into the run's.

sd-scripts writes a file in place; here it is handed on when it is whole, so that the run's folder never holds half of
one. Where the run went on from a state, sd-scripts counts its steps from 0 again: file names and `ss_steps` are then
those of the whole run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import zipfile
from pathlib import Path

from train_tools.engines.sd_scripts.caches import link_or_copy
from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header
from train_tools.workspace.files import replace, temporary_sibling

ENDINGS = (".safetensors", ".ckpt", ".pt")
SAMPLES = "sample"
BY_STEP = re.compile(r"(.*-step)(\d{8})(\.\w+)")
STEPS = "ss_steps"


class Gallery:
    """Hands files of `source` on to `target`; `steps_before` were trained before sd-scripts was started."""

    def __init__(self, source: Path, target: Path, steps_before: int) -> None:
        self._source = source
        self._target = target
        self._before = steps_before
        self._seen: dict[Path, tuple[int, int]] = {}
        self._given: dict[Path, Path] = {}

    def hand_on(self, *, at_rest: bool) -> list[str]:
        """The names of new checkpoints, as they are called in the run's folder.

        A file counts as whole when its own head or end says so and it didn't change since the last look, or when
        nobody can be writing (`at_rest`). One that sd-scripts took away (save_last_n_epochs) is taken away.
        """
        new = []
        for path in [*self._files(), *self._samples()]:
            state = path.stat().st_size, path.stat().st_mtime_ns
            is_still = at_rest or self._seen.get(path) == state
            self._seen[path] = state
            if is_still and path not in self._given and is_whole(path):
                target = self._place_of(path)
                self._give(path, target)
                self._given[path] = target
                if path.parent == self._source:
                    new.append(target.name)
        for path, target in self._given.items():
            if path.parent == self._source and not path.exists():
                target.unlink(missing_ok=True)
        return new

    def clear(self) -> None:
        """Takes away what was handed on, so that a next process's files aren't mistaken for them."""
        for path in [*self._files(), *self._samples()]:
            path.unlink()

    def _files(self) -> list[Path]:
        return sorted(
            (path for path in self._source.glob("*") if path.suffix in ENDINGS and path.is_file()),
            key=lambda path: (path.stat().st_mtime_ns, path.name),
        )

    def _samples(self) -> list[Path]:
        return sorted((self._source / SAMPLES).glob("*.png"))

    def _place_of(self, path: Path) -> Path:
        if path.parent != self._source:
            return self._target / SAMPLES / path.name
        found = BY_STEP.fullmatch(path.name)
        name = f"{found[1]}{int(found[2]) + self._before:08d}{found[3]}" if found else path.name
        return self._target / name

    def _give(self, path: Path, target: Path) -> None:
        with path.open("r+b") as file:
            os.fsync(file.fileno())
        target.parent.mkdir(exist_ok=True)
        half = temporary_sibling(target)
        try:
            if self._before and path.suffix == ".safetensors":
                copy_with_steps(path, half, self._before)
            else:
                link_or_copy(path, half)
            replace(half, target)
        finally:
            half.unlink(missing_ok=True)


def is_whole(path: Path) -> bool:
    if path.suffix == ".png":
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 12))
            return b"IEND" in file.read()
    if path.suffix != ".safetensors":
        return zipfile.is_zipfile(path)
    try:
        read_header(path)
    except TrainToolsError:
        return False
    return True


def copy_with_steps(source: Path, target: Path, steps_before: int) -> None:
    """A copy whose `ss_steps` is that of the whole run; the tensors are the same bytes."""
    with source.open("rb") as file, target.open("wb") as out:
        length = int.from_bytes(file.read(8), "little")
        head = json.loads(file.read(length))
        metadata = head.get("__metadata__", {})
        if str(metadata.get(STEPS, "")).isdigit():
            metadata[STEPS] = str(int(metadata[STEPS]) + steps_before)
        data = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        data += b" " * (-len(data) % 8)
        out.write(len(data).to_bytes(8, "little") + data)
        shutil.copyfileobj(file, out, 1 << 20)
        out.flush()
        os.fsync(out.fileno())
