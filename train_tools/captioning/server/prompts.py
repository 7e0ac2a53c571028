"""What a vision model is asked: presets for tags and for sentences, or a person's own words."""

from __future__ import annotations

from collections.abc import Mapping

from train_tools.captioning.interface import CONCEPT

TAGS, SENTENCE, DETAILED, OWN = "tags", "sentence", "detailed", "own"
PRESETS: Mapping[str, str] = {
    TAGS: (
        "List what this picture shows as short English tags in the way of anime image boards: lower case, separated by "
        "commas, the most important first, 15 to 40 of them. Name subject, hair, eyes, clothes, pose, expression, "
        "objects, place, light and style. Answer with the tags alone."
    ),
    SENTENCE: (
        "Describe this picture in one plain English sentence of at most 40 words, as a caption for training an image "
        "model. Say what is seen: subject, clothes, pose, place, light and style. No guesses and no opinion. Answer "
        "with the sentence alone."
    ),
    DETAILED: (
        "Describe this picture in two to four plain English sentences of at most 120 words in all, as a caption for "
        "training an image model. Begin with the subject; then clothes, pose and expression, what surrounds it, light, "
        "colours, point of view and style. No guesses and no opinion. Answer with the description alone."
    ),
}
KINDS = (TAGS, SENTENCE, DETAILED, OWN)


def prompt_of(kind: str, own: str, concept: str) -> str:
    """`{concept}` in a person's own words is the concept's name."""
    return own.replace(CONCEPT, concept).strip() if kind == OWN else PRESETS[kind]
