"""Which captioners can be used here, and why not the others; nothing is loaded or downloaded for it."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from train_tools.captioning.model_files import is_downloaded, is_hub_id, missing
from train_tools.captioning.registry import CAPTIONERS, SHAPES
from train_tools.captioning.settings import CaptioningSettings
from train_tools.small_models import captioner_folder

READY, DOWNLOADS, NO_MODEL, NO_PACKAGE, NO_WEBUI, NO_TEXT = (
    "ready", "downloads", "no model", "no package", "no webui", "no text",
)  # fmt: skip
USABLE = frozenset({READY, DOWNLOADS})
BLIP_PACKAGES, WD_PACKAGES = ("torch", "transformers"), ("onnxruntime",)
BLIP_FILES = ("config.json",)
WD_FILES = ("model.onnx", "selected_tags.csv")


@dataclass(frozen=True)
class Availability:
    """`state` is READY, DOWNLOADS (its model, at first use) or why it can't be used; `detail` names what is meant."""

    name: str
    state: str
    detail: str = ""

    @property
    def is_usable(self) -> bool:
        return self.state in USABLE


def availability(
    settings: CaptioningSettings, hosted: Mapping[str, str] = MappingProxyType({})
) -> list[Availability]:
    """All captioners in their order; `hosted` are the kinds that a running webui offers, with what it downloads."""
    return [Availability(name, *_state(name, settings, hosted)) for name in CAPTIONERS]


# What captions real pictures, the first choice first.
REAL = ("wd", "blip", "webui-deepbooru", "webui-blip")


def proposed(found: Sequence[Availability], saved: Sequence[str]) -> list[str]:
    """What a person used before, as far as it can be started; else the first real one whose model is here, or none.

    Never the toy.
    """
    ready = [one.name for one in found if one.state == READY and one.name != SHAPES]
    kept = [name for name in saved if name in ready or name == "text"]
    return kept or [name for name in REAL if name in ready][:1]


def is_toy(settings: CaptioningSettings) -> bool:
    """Whether the model that ships would describe the images: it sees coloured shapes in everything."""
    own = Path(settings.model).expanduser() if settings.model else captioner_folder()
    return SHAPES in settings.captioner or ("blip" in settings.captioner and own == captioner_folder())


def _state(name: str, settings: CaptioningSettings, hosted: Mapping[str, str]) -> tuple[str, str]:
    if name == "blip":
        return _model(settings.model or str(captioner_folder()), BLIP_PACKAGES, BLIP_FILES)
    if name == SHAPES:
        return _model(str(captioner_folder()), BLIP_PACKAGES, BLIP_FILES)
    if name == "wd":
        return _model(settings.wd_model, WD_PACKAGES, WD_FILES)
    if name == "text":
        return (READY if settings.text.strip() else NO_TEXT), ""
    return _hosted(name, hosted) if name.startswith("webui-") else (READY, "")


def _model(model: str, packages: tuple[str, ...], files: tuple[str, ...]) -> tuple[str, str]:
    absent = [name for name in packages if importlib.util.find_spec(name) is None]
    if absent:
        return NO_PACKAGE, ", ".join(absent)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return (NO_MODEL, model) if missing(folder, files) else (READY, "")
    if not is_hub_id(model):
        return NO_MODEL, model
    return (READY, "") if is_downloaded(model, files) else (DOWNLOADS, model)


def _hosted(name: str, hosted: Mapping[str, str]) -> tuple[str, str]:
    download = hosted.get(name.removeprefix("webui-"))
    if download is None:
        return NO_WEBUI, ""
    return (DOWNLOADS, download) if download else (READY, "")
