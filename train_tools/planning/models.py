"""The model files that runs depend on, told by their content, and whether an earlier run was trained on them."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from train_tools.base_model.identity import Library, Look
from train_tools.errors import TrainToolsError
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.names import FILES, name_and_size
from train_tools.workspace.run_folder import RunRecord, read_arguments
from train_tools.workspace.workspace import Version

# What a LoRA's metadata says of the files that it was trained on, by sd-scripts and by us.
HASHES = {"pretrained_model_name_or_path": "ss_new_sd_model_hash", "vae": "ss_new_vae_hash"}


class Models:
    """Of one plan: each file is looked at once."""

    def __init__(self, version: Version) -> None:
        self._library = Library(version.root)
        self.look = functools.cache(self._library.look)
        self._paths_of: dict[str, set[str]] = {}  # by name and size: all that this plan knows
        self.doubtful: dict[
            str, None
        ] = {}  # files that must be read before it is known whether a run was trained on them

    def expect(self, paths: Iterable[str]) -> None:
        """All that runs of the plan will be trained on, so that namesakes are known before the first is placed."""
        for path in paths:
            self._paths_of.setdefault(name_and_size(path), set()).add(os.path.abspath(path))

    def token(self, path: str) -> str:
        return self.look(path).token

    def token_before(self, path: str) -> str:
        """As it was while the content wasn't known yet."""
        look = self.look(path)
        return Look(look.path, look.size, look.modified_ns, look.changed_ns).token

    def was_used(self, folder: Path, record: RunRecord, arguments: Mapping[str, Any]) -> bool:
        """Whether a run that was recorded by its models' names and sizes was trained on these.

        Where nothing speaks against it, it was: what somebody trained isn't to be trained again for a doubt.
        """
        return all(
            self._is_that_of(folder, record, name, str(arguments[name]))
            for name in FILES
            if arguments.get(name)
        )

    def _is_that_of(self, folder: Path, record: RunRecord, name: str, path: str) -> bool:
        look, begun = self.look(path), record.created * 1e9
        if not look.is_there:
            return True
        told = _told_by_lora(folder / f"{record.output_name}.safetensors", HASHES.get(name, ""))
        if told and look.sha256:
            return look.sha256 == told
        if max(look.modified_ns, look.changed_ns) < begun and not self._has_namesakes(path, look):
            return True
        if told:
            self.doubtful[path] = None
            return False
        then = _path_then(folder, name)
        if then == os.path.abspath(path):
            return look.modified_ns < begun
        return not Path(then).exists()  # it was moved

    def _has_namesakes(self, path: str, look: Look) -> bool:
        here = self._paths_of.get(name_and_size(path), set()) - {os.path.abspath(path)}
        return bool(here) or self._library.namesakes(look)


def _told_by_lora(file: Path, key: str) -> str:
    try:
        told = read_header(file).metadata.get(key, "")
    except TrainToolsError:
        return ""
    return told if len(told) == 64 else ""  # a folder's is a word


def _path_then(folder: Path, name: str) -> str:
    try:
        return os.path.abspath(str(read_arguments(folder).get(name, "")))
    except (OSError, TrainToolsError):
        return ""
