"""All captioners, a row each. What makes them is imported when one is used: some bring torch, seconds that no other
command should wait for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """`place` is the module, below this package, and in it the function that makes the captioner. It is given the
    settings and the root, whose host may be asked.
    """

    description: str
    place: str


SHAPES = "shapes"
CAPTIONERS = {
    "blip": Entry("BLIP: a sentence; the small model that ships, any folder or a hub id", "blip.made"),
    "wd": Entry("WD tagger: Danbooru tags; any folder or a hub id", "wd.made"),
    "openai": Entry(
        "a vision model on a server that speaks OpenAI's chat API: Ollama, LM Studio …", "server.service.made"
    ),
    "webui-blip": Entry("the webui's own BLIP", "hosted.made_blip"),
    "webui-deepbooru": Entry("the webui's own deepbooru", "hosted.made_deepbooru"),
    "filename": Entry("the file's name without numbers and separators", "file_name.made"),
    SHAPES: Entry(
        "the toy that ships: it knows coloured shapes alone; to try out the program", "blip.made_toy"
    ),
    "text": Entry("the same text for each image", "fixed_text.made"),
}
