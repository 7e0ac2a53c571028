"""All captioners, a row each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from train_tools.captioning.file_name import FileName
from train_tools.captioning.fixed_text import FixedText
from train_tools.captioning.hosted import Hosted
from train_tools.small_models import captioner_folder

if TYPE_CHECKING:
    from train_tools.captioning.interface import Captioner
    from train_tools.captioning.settings import CaptioningSettings


@dataclass(frozen=True)
class Entry:
    """`make` is given the settings and the root, whose host may be asked."""

    description: str
    make: Callable[[CaptioningSettings, Path], Captioner]


def make_blip(settings: CaptioningSettings, _root: Path) -> Captioner:
    # Brings torch and transformers, seconds that no other command should wait for.
    from train_tools.captioning.blip import BlipCaptioner

    return BlipCaptioner(
        settings.model or str(captioner_folder()), beams=settings.beams, max_tokens=settings.max_tokens
    )


def make_shapes(settings: CaptioningSettings, _root: Path) -> Captioner:
    from train_tools.captioning.blip import BlipCaptioner

    return BlipCaptioner(str(captioner_folder()), beams=settings.beams, max_tokens=settings.max_tokens)


def make_server(settings: CaptioningSettings, root: Path) -> Captioner:
    from train_tools.captioning.server.captioner import Asking, ServerCaptioner
    from train_tools.captioning.server.service import client_of

    asking = Asking(
        model=settings.server_model,
        prompt=settings.server_prompt,
        own_prompt=settings.server_own_prompt,
        side=settings.server_side,
        max_tokens=settings.server_max_tokens,
        parallel=settings.server_parallel,
        remove_underscore=settings.remove_underscore,
    )
    return ServerCaptioner(client_of(settings, root), asking)


def make_wd(settings: CaptioningSettings, _root: Path) -> Captioner:
    from train_tools.captioning.wd import Choice, WdTagger  # brings onnxruntime

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


SHAPES = "shapes"
CAPTIONERS = {
    "blip": Entry("BLIP: a sentence; the small model that ships, any folder or a hub id", make_blip),
    "wd": Entry("WD tagger: Danbooru tags; any folder or a hub id", make_wd),
    "openai": Entry(
        "a vision model on a server that speaks OpenAI's chat API: Ollama, LM Studio …", make_server
    ),
    "webui-blip": Entry("the webui's own BLIP", lambda _settings, root: Hosted("blip", root)),
    "webui-deepbooru": Entry("the webui's own deepbooru", lambda _settings, root: Hosted("deepbooru", root)),
    "filename": Entry("the file's name without numbers and separators", lambda _settings, _root: FileName()),
    SHAPES: Entry("the toy that ships: it knows coloured shapes alone; to try out the program", make_shapes),
    "text": Entry("the same text for each image", lambda settings, _root: FixedText(settings.text)),
}
