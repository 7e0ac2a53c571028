"""What an image looks like in 64 bits and 16 colours, and which images are the same.

Two images look the same where both hold:
- their perceptual hashes (pHash, 64 bits: the signs of low frequencies of the brightness) differ in at most
  4 bits. Copies saved again as JPEG (quality 30 and up), WebP or GIF, or scaled to a fifth, differ in 0 to 4;
  different photo-like pictures in 14 and more, about 32 on average.
- none of the 4 x 4 mean colours differs by more than 16 of 255 in red, green or blue. Copies differ by up to 5,
  or 12 where one was made 5 % brighter; different drawings, whose hashes may be equal (all plain pictures have
  the same one), by 47 and more.
Cropping changes the picture and is no copy. (Measured on 120 pictures each of noise and of drawn shapes.)
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from train_tools.dataset.images import to_rgb

HASH_BITS = 4
COLOUR_STEPS = 16
SMALL = 256  # pixels a side; hashes look at much less
QUICKLY_REDUCED = ("RGB", "L", "RGBA", "LA", "CMYK")  # modes in which scaling means what it does in RGB

SAME_BYTES, SAME_LOOK = "same bytes", "same look"


@dataclass(frozen=True)
class Look:
    """`phash` are 16 hex digits, `colours` 96: red, green, blue of 4 x 4 fields."""

    sha256: str
    width: int
    height: int
    phash: str
    colours: str


@dataclass(frozen=True)
class Duplicates:
    """Names of images that are the same; `kind` is SAME_BYTES or SAME_LOOK (some of them may share bytes)."""

    kind: str
    names: tuple[str, ...]


def look_at(data: bytes, image: Image.Image) -> Look:
    """Of a file's bytes and the image decoded from them."""
    import imagehash  # needs SciPy, which takes a while to load

    small = _small(image)
    fields = np.asarray(small.resize((4, 4), Image.Resampling.BOX)).tobytes()
    return Look(digest(data), image.width, image.height, str(imagehash.phash(small)), fields.hex())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _small(image: Image.Image) -> Image.Image:
    if image.mode in QUICKLY_REDUCED and "transparency" not in image.info:
        small = image.resize(_small_size(image.size), Image.Resampling.BILINEAR, reducing_gap=2.0)
        small.info = dict(image.info)
        return to_rgb(small)
    rgb = to_rgb(image)
    return rgb.resize(_small_size(rgb.size), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _small_size(size: tuple[int, int]) -> tuple[int, int]:
    scale = min(1.0, SMALL / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def same_look(one: Look, other: Look) -> bool:
    bits = (int(one.phash, 16) ^ int(other.phash, 16)).bit_count()
    return bits <= HASH_BITS and colour_distance(one, other) <= COLOUR_STEPS


def colour_distance(one: Look, other: Look) -> int:
    """The largest difference of a colour of a field, 0 to 255."""
    pairs = zip(bytes.fromhex(one.colours), bytes.fromhex(other.colours), strict=True)
    return max(abs(a - b) for a, b in pairs)


def find_duplicates(looks: Mapping[str, Look]) -> tuple[Duplicates, ...]:
    """Groups of two and more, in the order of `looks`; an image belongs to one group at most."""
    names = list(looks)
    leader = {name: name for name in names}

    def lead(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for one, other in _pairs(looks):
        leader[lead(other)] = lead(one)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[lead(name)].append(name)
    return tuple(_group(members, looks) for members in groups.values() if len(members) > 1)


def _group(names: list[str], looks: Mapping[str, Look]) -> Duplicates:
    equal = len({looks[name].sha256 for name in names}) == 1
    return Duplicates(SAME_BYTES if equal else SAME_LOOK, tuple(names))


def _pairs(looks: Mapping[str, Look]) -> Iterator[tuple[str, str]]:
    """Names of images that are the same; a row of 64-bit words is compared at a time, so thousands are quick."""
    names = list(looks)
    hashes = np.array([int(look.phash, 16) for look in looks.values()], dtype=np.uint64)
    for row, name in enumerate(names):
        bits = np.bitwise_count(hashes[row + 1 :] ^ hashes[row])
        for column in np.flatnonzero(bits <= HASH_BITS):
            other = names[row + 1 + int(column)]
            if same_look(looks[name], looks[other]):
                yield name, other


def duplicates_of(names: Iterable[str], groups: Iterable[Duplicates]) -> tuple[Duplicates, ...]:
    """Those groups that hold one of `names`."""
    wanted = set(names)
    return tuple(group for group in groups if wanted.intersection(group.names))
