"""Narrow models of every family and random LoRAs for them, made once by the real sd-scripts' own classes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from preview.through_sd_scripts import make_lora, make_models
from preview.through_sd_scripts.asked import Drawer
from preview.through_sd_scripts.narrow import narrow_flows
from preview.through_sd_scripts.tokenizer_files import write_tokenizers

from train_tools.environment.sd_scripts_place import sd_scripts_python
from train_tools.preview.cells import Run

VARIABLE = "TRAIN_TOOLS_SD_SCRIPTS"
REAL = os.environ.get(VARIABLE, "")  # asked before a fixture of all tests takes it away


@dataclass
class Workshop:
    """The narrowed checkout, and what its interpreter makes; each thing once."""

    folder: Path
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        return self.folder / "sd-scripts"

    def models(self, family: str) -> dict[str, Any]:
        """The arguments that name them."""
        if family not in self.made:
            told = self._run(make_models.__file__, self.checkout, family, self.folder / family)
            arguments = json.loads(told.splitlines()[-1])
            self.made[family] = {**arguments, "tokenizer_cache_dir": str(self.folder / "tokenizers")}
        return dict(self.made[family])

    def loras(self, family: str, networks: Sequence[Sequence[str]]) -> list[Path]:
        """A file for each network: its module, and options as `name=value`."""
        paths = [self.folder / f"{'-'.join([family, *map(_plain, words)])}.safetensors" for words in networks]
        wanted = {str(p): list(w) for p, w in zip(paths, networks, strict=True) if not p.is_file()}
        if wanted:
            arguments = json.dumps(self.models(family))
            self._run(make_lora.__file__, self.checkout, family, arguments, json.dumps(wanted))
        return paths

    def run(self, family: str, **more: Any) -> Run:
        return Run(self.folder / "run", {**self.models(family), **more})

    def _run(self, script: str, *words: object) -> str:
        python = str(sd_scripts_python(self.checkout))
        environ = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [python, script, *map(str, words)], capture_output=True, text=True, env=environ, cwd=self.checkout
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


def _plain(word: str) -> str:
    return word.rpartition("/")[2]


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    if not REAL:
        pytest.skip(f"{VARIABLE} names no checkout of sd-scripts")
    made = Workshop(tmp_path_factory.mktemp("workshop"))
    tokenizers = write_tokenizers(Path(REAL), made.folder / "tokenizers")
    narrow_flows(Path(REAL).absolute(), made.checkout, tokenizers)
    return made


@pytest.fixture
def drawer(workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Drawer:
    monkeypatch.setenv(VARIABLE, str(workshop.checkout))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # two runs are then equal to the last bit
    return Drawer(tmp_path / "drawing.log")
