"""Which of the pictures given are masks, and of which image.

- beside it, `<stem>-masklabel.png`, as OneTrainer writes them; its `<stem>-condlabel.png` are conditions, not masks
- of the same name in a folder `mask` or `masks` in or beside the images' folder, as diffusion-pipe, ai-toolkit and
  sd-scripts take them
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from train_tools.dataset.originals import masked_stem
from train_tools.dataset.sources import Entry

CONDITION_END = "-condlabel"
MASK_FOLDERS = frozenset(["mask", "masks", "_mask", "_masks", "masklabel", "masklabels"])
CONDITION = "a condition image of OneTrainer, which a LoRA isn't trained with"
LONELY = "a mask, and there is no image of its name"
ALREADY = "a second mask of the same image"


@dataclass
class Masks:
    """`of` gives the mask of an image by its folder and name; `left_out` are pictures that are no images, and why."""

    of: dict[tuple[str, str], Entry] = field(default_factory=dict)
    left_out: list[tuple[Entry, str]] = field(default_factory=list)

    @property
    def entries(self) -> Iterator[Entry]:
        yield from self.of.values()
        yield from (entry for entry, _ in self.left_out)


def find_masks(pictures: Sequence[Entry]) -> Masks:
    found = Masks()
    stems: dict[tuple[str, str], Entry] = {}
    for entry in pictures:
        if not masked_stem(entry.path):
            stems.setdefault((entry.folder, entry.path.stem), entry)
    for entry in pictures:
        _beside(entry, stems, found)
    folders: dict[str, list[Entry]] = defaultdict(list)
    for entry in pictures:
        if place := _mask_folder(entry):
            folders[place].append(entry)
    if not folders:
        return found
    images: dict[str, list[Entry]] = defaultdict(list)
    for entry in pictures:
        if not _mask_folder(entry):
            images[entry.path.stem].append(entry)
    for place, masks in folders.items():
        _in_folder(place, masks, images, found)
    return found


def _beside(entry: Entry, stems: dict[tuple[str, str], Entry], found: Masks) -> None:
    stem = entry.path.stem
    if masked := masked_stem(entry.path):
        image = stems.get((entry.folder, masked))
        _give(image, entry, found)
    elif stem.lower().endswith(CONDITION_END) and (entry.folder, stem[: -len(CONDITION_END)]) in stems:
        found.left_out.append((entry, CONDITION))


def _mask_folder(entry: Entry) -> str:
    """The path of the folder of masks in which it lies; empty where it is in none."""
    for up, name in enumerate(reversed(entry.within)):
        if name.lower() in MASK_FOLDERS:
            return str([PurePosixPath(entry.folder), *PurePosixPath(entry.folder).parents][up])
    return ""


def _in_folder(place: str, masks: Sequence[Entry], images: dict[str, list[Entry]], found: Masks) -> None:
    """Pictures called masks are taken for such where half of them and more have an image. `images` go by stem."""
    pairs = [(mask, _image_of(mask, place, images)) for mask in masks]
    if 2 * sum(image is not None for _, image in pairs) < len(pairs):
        return
    for mask, image in pairs:
        _give(image, mask, found)


def _image_of(mask: Entry, place: str, images: dict[str, list[Entry]]) -> Entry | None:
    """The one image of its stem in or beside the masks' folder; of several, that in a folder of the same name."""
    base = place.rpartition("/")[0]
    found = [one for one in images.get(mask.path.stem, []) if f"{one.folder}/".startswith(f"{base}/")]
    if len(found) > 1:
        rest = mask.folder.removeprefix(place)
        found = [one for one in found if rest and one.folder.endswith(rest)] or found
    return found[0] if len(found) == 1 else None


def _give(image: Entry | None, mask: Entry, found: Masks) -> None:
    if image is None:
        found.left_out.append((mask, LONELY))
    elif (image.folder, image.name) in found.of:
        found.left_out.append((mask, ALREADY))
    else:
        found.of[image.folder, image.name] = mask
