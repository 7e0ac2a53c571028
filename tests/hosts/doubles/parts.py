"""Pieces of the webuis that are alike in all; `common` says where each stands in the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

from PIL import Image


class State:
    job = ""
    job_no = job_count = sampling_step = sampling_steps = 0
    interrupted = skipped = stopping_generation = False

    def begin(self, job: str = "(unknown)") -> None:
        self.job, self.interrupted, self.skipped = job, False, False

    def end(self) -> None:
        self.job = ""

    def interrupt(self) -> None:
        self.interrupted = True


class Options:
    def __init__(self, defaults: Mapping[str, Any], data: dict[str, Any]) -> None:
        self.data_labels = {key: SimpleNamespace(default=value) for key, value in defaults.items()}
        self.data = data

    def __getattr__(self, key: str) -> Any:
        if key in self.__dict__.get("data", {}):
            return self.data[key]
        if key in self.__dict__.get("data_labels", {}):
            return self.data_labels[key].default
        raise AttributeError(key)

    def set(self, key: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> bool:
        self.data[key] = value
        return True


class InterrogateModels:
    def __init__(self) -> None:
        self.loaded = False
        self.loads = 0
        self.blip_model: Any = None
        self.clip_model: Any = None
        self.fails: Exception | None = None

    def load(self) -> None:
        self.blip_model = "half made"
        if self.fails:
            raise self.fails
        self.loaded = True
        self.loads += 1

    def generate_caption(self, pil_image: Image.Image) -> str:
        assert self.loaded
        assert pil_image.mode == "RGB"
        return f"a picture of {pil_image.getpixel((0, 0))}"

    def unload(self) -> None:
        self.loaded = False


class DeepDanbooru:
    def __init__(self, folder: Path, *, is_offline: bool = False) -> None:
        self.folder = folder
        self.is_offline = is_offline
        self.started = False
        self.model: Any = None

    def load(self) -> None:
        if self.model is not None:
            return
        files = sorted(self.folder.glob("*.pt")) or ([] if self.is_offline else [Path("downloaded.pt")])
        name = files[0].name
        self.model = SimpleNamespace(weights=None)
        if files[0].is_file() and not files[0].read_bytes():
            raise RuntimeError("PytorchStreamReader failed reading zip archive")
        self.model.weights = name

    def start(self) -> None:
        self.load()
        self.started = True

    def tag_multi(self, pil_image: Image.Image, force_disable_ranks: bool = False) -> str:
        assert self.started
        return "1girl, solo" if self.model.weights else "noise"

    def stop(self) -> None:
        assert self.model is not None
        self.started = False


class ScriptRunner:
    def __init__(self) -> None:
        self.scripts: list[Any] = []
        self.alwayson_scripts: list[Any] = []

    def before_process(self, p: Any) -> None:
        pass


class CheckpointInfo:
    def __init__(self, file: Path) -> None:
        self.filename, self.name = str(file), file.name
        self.sha256 = hashlib.sha256(file.name.encode()).hexdigest()
        self.title = f"{file.name} [{self.sha256[:10]}]"
        self.ids = [file.name, file.stem, self.title]


@dataclass
class Processing:
    """The fields that we give, of those that the real one has."""

    sd_model: Any = None
    prompt: str = ""
    negative_prompt: str = ""
    seed: int = -1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    sampler_name: str | None = None
    scheduler: str | None = None
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    override_settings: dict[str, Any] = field(default_factory=dict)

    scripts: Any = field(default=None, init=False)
    script_args: Any = field(default=None, init=False)
    cached_c: ClassVar[list[Any]] = [None, None]
    cached_uc: ClassVar[list[Any]] = [None, None]

    def init(self, all_prompts: Any, all_seeds: Any, all_subseeds: Any) -> None:
        pass

    def close(self) -> None:
        pass
