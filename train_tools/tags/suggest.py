"""Prompts for the pictures of checkpoints, from the captions that are trained: typical ones, varied ones, a new scene.

What many images share makes a prompt, and no caption is taken whole: a picture shall show what was learned and not one
image that was memorised. The last one asks for a scene that no caption tells of: does the LoRA still bend?
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from train_tools.tags.caption import comparable, parse

TRIGGER = "{trigger}"  # what a preview puts in the place of the concept
TYPICAL, VARIED, FLEXIBLE = KINDS = ("typical", "varied", "flexible")
MOST_TAGS = 8  # of a prompt
MOST_WORDS = 24  # of a sentence
SHARED, COMMON = 0.5, 0.75  # a tag that is in more of the images is typical, is everywhere
VARIED_FROM, VARIED_TO = 0.1, 0.7
SENTENCE_WORDS = 4  # of a piece between commas, on average: more is a sentence
MARKS = re.compile(r"[{}|<>]|__")  # of wildcards and networks, which mean something in a prompt
BRACKET = re.compile(r"(?<!\\)([()\[\]])")
WORD = re.compile(r"[a-z0-9']+|[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]")
CJK = re.compile(r"[\u3400-\u9fff]")
# Scenes as tags and as a sentence's end; the first one that no caption tells of is taken.
SCENES = (
    ("snow, forest", "in a snowy forest", "在下雪的森林里"),
    ("beach, sunset", "on a beach at sunset", "在夕阳下的海滩上"),
    ("city, night, neon lights", "in a city at night", "在夜晚的城市街道上"),
    ("library, bookshelf", "in a library", "在图书馆里"),
    ("space, stars", "in outer space", "在太空中"),
)


@dataclass(frozen=True)
class Suggestion:
    """`kind` is one of KINDS; `images` of how many captions it was made."""

    prompt: str
    kind: str
    images: int


@dataclass(frozen=True)
class _Image:
    """A caption's pieces between commas, without that which is its concept alone, and words to compare by."""

    pieces: tuple[str, ...]
    words: frozenset[str]


def suggested(captions: Iterable[tuple[str, str]]) -> list[Suggestion]:
    """Of (concept, caption) of each image; none where no caption says anything. The first concept is TRIGGER."""
    by_concept: dict[str, list[str]] = {}
    for concept, text in captions:
        by_concept.setdefault(concept, []).append(text)
    found: list[Suggestion] = []
    for place, (folder, texts) in enumerate(by_concept.items()):
        concept = _activation(folder, texts)
        told = [image for image in (_image(concept, text) for text in texts) if image.pieces]
        if told:
            name = TRIGGER if not place and concept == folder else concept
            found += _of_concept(concept, name, told, is_first=not place)
    return list({one.prompt: one for one in found}.values())


def _activation(folder: str, texts: Sequence[str]) -> str:
    """What calls the concept: the folder's name, or the tag with which nearly all captions begin instead."""
    lines = [parse(text).first_line_tags for text in texts]
    if any(comparable(tag) == comparable(folder) for tags in lines for tag in tags):
        return folder
    firsts = Counter(tags[0] for tags in lines if tags)
    tag, count = firsts.most_common(1)[0] if firsts else ("", 0)
    return tag if count > max(1, COMMON * len(texts)) and not MARKS.search(tag) else folder


def _image(concept: str, text: str) -> _Image:
    lines = parse(text).lines[:1]
    pieces = [tag.strip() for line in lines for block in line.blocks for tag in block]
    pieces = [
        piece for piece in pieces if comparable(piece) != comparable(concept) and not MARKS.search(piece)
    ]
    words = WORD.findall(_with_name(concept, "", " ".join(pieces)).lower())
    return _Image(tuple(pieces), frozenset(words))


def _with_name(concept: str, name: str, text: str) -> str:
    """The concept called otherwise, where it stands as a word of its own."""
    edges = ("", "") if CJK.search(concept) else (r"(?<!\w)", r"(?!\w)")
    return re.sub(edges[0] + re.escape(concept) + edges[1], lambda _: name, text, flags=re.IGNORECASE)


def _of_concept(concept: str, name: str, images: Sequence[_Image], *, is_first: bool) -> list[Suggestion]:
    lengths = [len(WORD.findall(piece.lower())) for image in images for piece in image.pieces]
    are_sentences = mean(lengths) > SENTENCE_WORDS
    found = _from_sentences(concept, name, images) if are_sentences else _from_tags(name, images)
    if not is_first:
        return found[:1]
    return [*found, Suggestion(_new_scene(name, images, are_sentences), FLEXIBLE, len(images))]


def _from_tags(name: str, images: Sequence[_Image]) -> list[Suggestion]:
    counts = _counts(images)
    found = [Suggestion(_tag_prompt(name, images, SHARED), TYPICAL, len(images))]
    # What parts the images best: a tag of many, but not of all of them.
    parts = [tag for tag, n in counts.most_common() if VARIED_FROM <= n / len(images) <= VARIED_TO and n > 1]
    rest = list(images)
    for tag in parts:
        with_it = [image for image in rest if tag in {comparable(piece) for piece in image.pieces}]
        prompt = _tag_prompt(name, with_it, SHARED) if len(with_it) > 1 else ""
        if prompt and prompt not in {one.prompt for one in found}:
            found.append(Suggestion(prompt, VARIED, len(with_it)))
            rest = [image for image in rest if image not in with_it]
        if len(found) == len(KINDS):
            break
    return found


def _counts(images: Sequence[_Image]) -> Counter[str]:
    return Counter(tag for image in images for tag in {comparable(piece) for piece in image.pieces})


def _tag_prompt(name: str, images: Sequence[_Image], share: float) -> str:
    """The tags that so many of the images have, in the order in which they usually stand."""
    counts = _counts(images)
    wanted = [tag for tag, n in counts.most_common(MOST_TAGS) if n / len(images) > share]
    written: dict[str, str] = {}
    places: dict[str, list[int]] = {}
    for image in images:
        for place, piece in enumerate(image.pieces):
            written.setdefault(comparable(piece), piece)
            places.setdefault(comparable(piece), []).append(place)
    ordered = sorted(wanted, key=lambda tag: median(places[tag]))
    return ", ".join([name, *(_escaped(written[tag]) for tag in ordered)])


def _from_sentences(concept: str, name: str, images: Sequence[_Image]) -> list[Suggestion]:
    """The beginning of the caption that is likest to all others, and of that which is least like it."""
    middle = max(images, key=lambda image: sum(_alike(image, other) for other in images))
    far = min(images, key=lambda image: _alike(image, middle))
    found = [Suggestion(_sentence(concept, name, middle), TYPICAL, len(images))]
    return (
        found if far is middle else [*found, Suggestion(_sentence(concept, name, far), VARIED, len(images))]
    )


def _alike(one: _Image, other: _Image) -> float:
    return len(one.words & other.words) / (len(one.words | other.words) or 1)


def _sentence(concept: str, name: str, image: _Image) -> str:
    first = re.split(r"[.;](?:\s|$)|[。；]", image.pieces[0])[0]
    text = _escaped(" ".join(first.split()[:MOST_WORDS]))
    told = _with_name(concept, name, text)
    return told if told != text else f"{name}, {text}"


def _new_scene(name: str, images: Sequence[_Image], are_sentences: bool) -> str:
    known = {word for image in images for word in image.words}
    scene = next((s for s in SCENES if not known & set(WORD.findall(s[0]))), SCENES[-1])
    if are_sentences:
        is_chinese = mean(bool(CJK.search(image.pieces[0])) for image in images) > SHARED
        return f"{name}，{scene[2]}" if is_chinese else f"{name} {scene[1]}"
    everywhere = _tag_prompt(name, images, COMMON).split(", ")
    return ", ".join([*everywhere[:3], scene[0]])


def _escaped(tag: str) -> str:
    """Brackets would be weights."""
    return BRACKET.sub(r"\\\1", tag)
