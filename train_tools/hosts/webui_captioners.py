"""The captioners that a webui has anyway: BLIP and deepbooru. Neo and Classic have neither.

Read off AUTOMATIC1111 v1.10.1, Forge dfdcbab6 and reForge 3b56b268: modules/interrogate.py, modules/deepbooru.py. Both
look for any file with their ending in a folder, download one where there is none, and turn an error of the download
into an empty list, of which they take the first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_tools.hosts import modules
from train_tools.hosts.interface import HostCaptioner, HostError

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Download:
    """A file that the webui downloads where `folder` has none with `endings`."""

    what: str
    file: str
    megabytes: int
    folder: Path
    endings: tuple[str, ...]

    def is_there(self) -> bool:
        try:
            return any(path.suffix in self.endings for path in self.folder.rglob("*"))
        except OSError:
            return False


def captioners() -> Mapping[str, HostCaptioner]:
    found: dict[str, HostCaptioner] = {}
    interrogator = modules.part("shared", "interrogator")
    if hasattr(interrogator, "generate_caption"):
        found["blip"] = Interrogator(interrogator)
    deepbooru = modules.part("deepbooru", "model")
    if hasattr(deepbooru, "tag_multi"):
        found["deepbooru"] = Deepbooru(deepbooru)
    return found


class _Captioner:
    """What both have in common. `PARTS` are attributes of the webui's object which hold what it has loaded."""

    NAME = ""
    PARTS: tuple[str, ...] = ()

    def __init__(self, theirs: Any) -> None:
        self._theirs = theirs

    def downloads(self) -> list[Download]:
        raise NotImplementedError

    @property
    def download(self) -> str:
        """What the webui downloads before it can caption: file, size; empty where everything is there."""
        missing = [d for d in self.downloads() if not d.is_there()]
        return ", ".join(f"{d.what} ({d.file}, {d.megabytes} MB)" for d in missing)

    def start(self) -> None:
        """Raises HostError. What was made half is let go, as the webui would take it for whole until it restarts."""
        with modules.queue_lock():
            try:
                self._start()
            except Exception as error:  # the webui's own code raises anything; IndexError when it is offline
                for name in self.PARTS:
                    if hasattr(self._theirs, name):
                        setattr(self._theirs, name, None)
                raise HostError(self._failed(error)) from error

    def _start(self) -> None:
        raise NotImplementedError

    def _failed(self, error: Exception) -> str:
        missing = next((d for d in self.downloads() if not d.is_there()), None)
        if missing is not None:
            return (
                f"the webui couldn't download {missing.what}; check its network, or put {missing.file} into "
                f"{missing.folder}, or take another captioner"
            )
        return f"the webui couldn't load its {self.NAME} ({modules.line_of(error)}); take another captioner"


class Interrogator(_Captioner):
    """BLIP as the webui's img2img tab has it; the webui loads CLIP with it."""

    NAME = "BLIP"
    PARTS = ("blip_model", "clip_model", "clip_preprocess", "blip_patcher", "clip_patcher")

    def downloads(self) -> list[Download]:
        clip = modules.command_option("clip_models_path") or Path.home() / ".cache" / "clip"
        return [
            Download("BLIP", "model_base_caption_capfilt_large.pth", 896, _models() / "BLIP", (".pth",)),
            Download("CLIP", "ViT-L-14.pt", 933, Path(clip), (".pt",)),
        ]

    def _start(self) -> None:
        self._theirs.load()

    def caption(self, image: Image.Image) -> str:
        # Not `interrogate`: that turns every error into the text "<error>" and adds artists' names.
        with modules.queue_lock():
            return str(self._theirs.generate_caption(image))

    def stop(self) -> None:
        with modules.queue_lock():
            self._theirs.unload()


class Deepbooru(_Captioner):
    """DeepDanbooru tags; thresholds and the spelling of tags are the webui's own settings."""

    NAME = "deepbooru"
    PARTS = ("model", "patcher")

    def downloads(self) -> list[Download]:
        folder = _models() / "torch_deepdanbooru"
        return [Download("deepbooru's model", "model-resnet_custom_v3.pt", 645, folder, (".pt",))]

    def _start(self) -> None:
        self._theirs.start()

    def caption(self, image: Image.Image) -> str:
        with modules.queue_lock():
            return str(self._theirs.tag_multi(image))

    def stop(self) -> None:
        with modules.queue_lock():
            if self._theirs.model is not None:
                self._theirs.stop()


def _models() -> Path:
    return Path(modules.part("paths", "models_path") or os.curdir)
