"""SmilingWolf's WD taggers (huggingface.co/SmilingWolf): Danbooru tags, by ONNX.

A model is two files. `model.onnx` takes [image, height, width, 3], blue-green-red from 0 to 255 as float32,
and gives a probability for each tag. `selected_tags.csv` names the tags in the order of that output, each
with its category.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from train_tools.captioning.interface import Picture
from train_tools.captioning.model_files import first_line, model_folder
from train_tools.errors import UsageError
from train_tools.tags.lists import is_kaomoji

if TYPE_CHECKING:
    from typing_extensions import Self

    from train_tools.captioning.settings import CaptioningSettings

MODEL = "model.onnx"
TAGS = "selected_tags.csv"
SETTING = "wd_model"
GENERAL, CHARACTER, RATING = 0, 4, 9  # Danbooru's numbers; ratings are the tagger's own
USUAL_SIZE = 448  # pixels, of every WD tagger until now
PROVIDERS = ("CUDAExecutionProvider", "ROCMExecutionProvider", "DmlExecutionProvider")

Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """Which tags are written, and how. Thresholds are probabilities.

    `undesired` and the keys of `replacements` are tags as the model calls them or as they are written.
    """

    general_threshold: float = 0.35
    character_threshold: float = 0.85
    use_character_tags: bool = True
    use_rating_tags: bool = False
    remove_underscore: bool = True
    character_tags_first: bool = False
    character_tag_expand: bool = False
    always_first: tuple[str, ...] = ()
    undesired: frozenset[str] = frozenset()
    replacements: Mapping[str, str] | None = None

    def texts(self, names: Sequence[str], categories: Sequence[int], probabilities: Sequence[float]) -> str:
        """The tags, the surest first; the likeliest rating comes last, those of `always_first` before all."""
        limits = {GENERAL: self.general_threshold}
        if self.use_character_tags:
            limits[CHARACTER] = self.character_threshold
        rows = sorted(zip(probabilities, names, categories, strict=True), key=lambda row: -row[0])
        found = [
            (name, category) for p, name, category in rows if category in limits and p >= limits[category]
        ]
        if self.character_tags_first:
            found.sort(key=lambda row: row[1] != CHARACTER)
        chosen = [part for name, category in found for part in self._parts(name, category)]
        if self.use_rating_tags:
            chosen += [name for _, name, category in rows if category == RATING][:1]
        tags = list(dict.fromkeys(tag for name in chosen if (tag := self.written(name))))
        first = [tag for wanted in self.always_first if (tag := self.written(wanted)) in tags]
        return ", ".join(dict.fromkeys([*first, *tags]))

    def _parts(self, name: str, category: int) -> list[str]:
        """`miku_(vocaloid)` as `miku` and `vocaloid`, where a character's work is to be a tag of its own."""
        if category != CHARACTER or not self.character_tag_expand:
            return [name]
        works = []
        while name.endswith(")") and "_(" in name:
            name, work = name[:-1].rsplit("_(", 1)
            works.append(work)
        return [name, *reversed(works)]

    def written(self, name: str) -> str:
        """A tag as it is written; empty for one that isn't."""
        text = name.replace("_", " ") if self.remove_underscore and not is_kaomoji(name) else name
        if name in self.undesired or text in self.undesired:
            return ""
        known = self.replacements or {}
        return known.get(name, known.get(text, text))


class WdTagger:
    """An ONNX session and its list of tags; on the GPU where onnxruntime was built for one."""

    name = "wd"

    def __init__(self, model: str, choice: Choice) -> None:
        self.model = model
        self.choice = choice
        self.session: Any = None
        self.tags: list[str] = []
        self.categories: list[int] = []
        self.size = USUAL_SIZE
        self.batch = 0  # 0: any number of images

    def __enter__(self) -> Self:
        folder = model_folder(self.model, (MODEL, TAGS), (MODEL, TAGS), SETTING)
        self.tags, self.categories = read_tags(folder / TAGS)
        self.session = open_session(folder / MODEL)
        self.batch, self.size = self._shape(folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session = None

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        pixels = np.stack([prepared(picture.image, self.size) for picture in pictures])
        rows = self._probabilities(pixels)
        return [self.choice.texts(self.tags, self.categories, row.tolist()) for row in rows]

    def _probabilities(self, pixels: Pixels) -> NDArray[np.float32]:
        """[image, tag]; a model made for a fixed number of images is given that many, the last ones empty."""
        name = self.session.get_inputs()[0].name
        size = self.batch or len(pixels)
        results = []
        for start in range(0, len(pixels), size):
            part = pixels[start : start + size]
            padding = np.zeros((size - len(part), *part.shape[1:]), np.float32)
            full = np.concatenate([part, padding]) if len(padding) else part
            results.append(self.session.run(None, {name: full})[0][: len(part)])
        return np.concatenate(results)

    def _shape(self, folder: Path) -> tuple[int, int]:
        """The images that the model takes at once (0: any number) and their side in pixels."""
        given, made = self.session.get_inputs()[0].shape, self.session.get_outputs()[0].shape
        is_tagger = len(given) == 4 and given[3] == 3 and given[1] == given[2] and len(made) == 2
        if not is_tagger or (isinstance(made[1], int) and made[1] != len(self.tags)):
            raise UsageError(
                f"{folder / MODEL} takes {given} and gives {made}, which is no WD tagger of the {len(self.tags)} "
                f"tags in {TAGS}; give the folder of one with `--set {SETTING}=FOLDER`"
            )
        return (
            given[0] if isinstance(given[0], int) and given[0] > 0 else 0,
            given[1] if isinstance(given[1], int) else USUAL_SIZE,
        )


def read_tags(path: Path) -> tuple[list[str], list[int]]:
    """Names and categories; raises UsageError where the file isn't such a table."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [(row["name"], int(row["category"])) for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise UsageError(
            f"{path} isn't a WD tagger's table with the columns name and category; fetch the model anew"
        ) from error
    return [name for name, _ in rows], [category for _, category in rows]


def open_session(path: Path) -> Any:
    available = onnxruntime.get_available_providers()
    providers = [provider for provider in PROVIDERS if provider in available]
    try:
        return onnxruntime.InferenceSession(path, providers=[*providers, "CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has classes of its own for each status
        raise UsageError(
            f"{path} can't be loaded ({first_line(error)}); fetch the model anew or give another folder "
            f"with `--set {SETTING}=FOLDER`"
        ) from error


def prepared(image: Image.Image, size: int) -> Pixels:
    """[size, size, 3]: in the middle of a white square, scaled, blue-green-red from 0 to 255."""
    rgb = image.convert("RGB")
    side = max(rgb.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(rgb, ((side - rgb.width) // 2, (side - rgb.height) // 2))
    if side != size:
        square = square.resize((size, size), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(square, dtype=np.float32)[:, :, ::-1])


def made(settings: CaptioningSettings, _root: Path) -> WdTagger:
    choice = Choice(
        general_threshold=settings.general_threshold,
        character_threshold=settings.character_threshold,
        use_character_tags=settings.use_character_tags,
        use_rating_tags=settings.use_rating_tags,
        character_tags_first=settings.character_tags_first,
        character_tag_expand=settings.character_tag_expand,
        always_first=settings.always_first_tags,
        remove_underscore=settings.remove_underscore,
        undesired=frozenset(settings.undesired_tags),
        replacements=settings.replacements(),
    )
    return WdTagger(settings.wd_model, choice)
