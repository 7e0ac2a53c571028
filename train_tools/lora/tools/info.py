"""What a LoRA file is, from its head; hashes, norms and numbers that aren't finite where they are asked for."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.families.interface import Family
from train_tools.families.lora_files import family_by_width, family_of
from train_tools.lora.facts import LoraFacts, lora_facts
from train_tools.lora.finite import not_finite
from train_tools.lora.tools import shapes
from train_tools.lora.tools.interface import NOBODY, Watch
from train_tools.lora.tools.keys import Layer
from train_tools.lora.tools.opened import Opened, open_lora

CHUNK = 1 << 22
ADDNET_FROM, ADDNET_BYTES = 0x100000, 0x10000
PARTS = {
    "unet": "UNet or transformer",
    "text": "text encoder",
    "text2": "text encoder 2",
    "text3": "text encoder 3",
}
# A block is what stands before a path's first number, with it; in diffusers' UNet it takes two of them.
BLOCK = re.compile(
    r"(?:down|up)_blocks[._]\d+[._][a-z]+[._]\d+|mid_block[._][a-z]+[._]\d+|.*?[._]\d+(?![A-Za-z\d])"
)
Counts = Mapping[Any, int]
Norms = Mapping[tuple[str, str], float]  # of layers by part and path


@dataclass(frozen=True)
class Block:
    """`ranks` and `alphas`: value -> how many layers, None: it has none, or says none. `norm` is that of all that its
    layers add together, None where nobody asked or it can't be told without the base model.
    """

    part: str
    name: str
    layers: int
    ranks: Counts
    alphas: Counts
    norm: float | None = None


@dataclass(frozen=True)
class Hashes:
    """`sha256` is of the whole file, as Civitai has it; its first ten digits are the webui's and Civitai's AutoV2.
    `tensors` is of all behind the head: its first twelve digits are AutoV3, and it stands in files as
    `sshs_model_hash`. `addnet` is that of the old extension Additional Networks, AutoV1 to Civitai.
    """

    sha256: str
    tensors: str
    addnet: str

    @property
    def autov2(self) -> str:
        return self.sha256[:10].upper()

    @property
    def autov3(self) -> str:
        return self.tensors[:12].upper()


@dataclass(frozen=True)
class Info:
    """`kinds`: title -> how many layers; `precisions`: dtype -> how many tensors. `hashes` and `not_finite` are None
    where nobody asked. `others` are tensors that are no LoRA's.
    """

    path: Path
    bytes: int
    family: Family | None
    form: str
    kinds: Mapping[str, int]
    is_dora: bool
    parts: Mapping[str, int]
    precisions: Mapping[str, int]
    blocks: tuple[Block, ...]
    facts: LoraFacts
    metadata: Mapping[str, str]
    others: tuple[str, ...]
    hashes: Hashes | None = None
    not_finite: tuple[str, ...] | None = None

    @property
    def ranks(self) -> Counts:
        return _together(block.ranks for block in self.blocks)

    @property
    def alphas(self) -> Counts:
        return _together(block.alphas for block in self.blocks)

    @property
    def norm(self) -> float | None:
        found = [block.norm for block in self.blocks if block.norm is not None]
        return sum(norm**2 for norm in found) ** 0.5 if found else None


def info(path: Path, watch: Watch = NOBODY, *, hashed: bool = True, norms: bool = False) -> Info:
    """`hashed` reads the whole file once, for hashes and numbers that aren't finite; `norms` computes with torch.

    Raises TrainToolsError where the file is no whole LoRA.
    """
    opened = open_lora(path)
    layers = list(opened.keys.layers.values())
    kinds = Counter(shapes.kind(opened, layer) for layer in layers)
    of_layers: Norms = {}
    if norms:
        from train_tools.lora.tools.norms import norms_of

        of_layers = norms_of(opened, watch)
    hashes = hashes_of(opened, watch) if hashed else None
    return Info(
        path,
        opened.bytes,
        family_of_file(opened),
        opened.keys.form,
        dict(kinds.most_common()),
        any(map(shapes.is_dora, layers)),
        dict(Counter(layer.part for layer in layers)),
        dict(Counter(place.dtype for place in opened.header.tensors.values()).most_common()),
        blocks_of(opened, of_layers),
        lora_facts(opened.metadata),
        dict(sorted(opened.metadata.items())),
        opened.keys.others,
        hashes,
        tuple(not_finite(path, opened.header)) if hashed else None,
    )


def family_of_file(opened: Opened) -> Family | None:
    names = opened.header.tensors
    found = family_of(opened.metadata, names)
    return found or family_by_width({name: place.shape for name, place in names.items()})


def blocks_of(opened: Opened, norms: Norms) -> tuple[Block, ...]:
    """In the order of the model: UNet first, numbers as numbers."""
    groups: dict[tuple[str, str], list[Layer]] = {}
    for layer in opened.keys.layers.values():
        groups.setdefault((layer.part, block_name(layer.path)), []).append(layer)
    found = [_block(opened, *key, layers, norms) for key, layers in groups.items()]
    order = list(PARTS)
    return tuple(sorted(found, key=lambda one: (order.index(one.part), _natural(one.name))))


def block_name(path: str) -> str:
    found = BLOCK.match(path)
    return found[0] if found else path


def _block(opened: Opened, part: str, name: str, layers: Sequence[Layer], norms: Norms) -> Block:
    ranks = Counter(shapes.rank(opened, layer) for layer in layers)
    alphas = Counter(shapes.alpha(opened, layer) for layer in layers)
    own = [norm for layer in layers if (norm := norms.get((layer.part, layer.path))) is not None]
    return Block(part, name, len(layers), ranks, alphas, sum(n**2 for n in own) ** 0.5 if own else None)


def _natural(name: str) -> list[tuple[int, str]]:
    """Diffusers' and the originals' blocks down, middle, up, by number."""
    order = {"d": 0, "i": 0, "m": 1, "u": 2, "o": 2}
    pieces = re.split(r"(\d+)", name)
    first = (
        order.get(name[:1], 0)
        if name.startswith(("down_", "mid_", "up_", "input_", "middle_", "output_"))
        else 0
    )
    return [(first, ""), *((int(one), "") if one.isdigit() else (0, one) for one in pieces)]


def hashes_of(opened: Opened, watch: Watch = NOBODY) -> Hashes:
    """In one pass over the file."""
    whole, tensors, addnet = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    start = min((place.begin for place in opened.header.tensors.values()), default=0)
    with opened.path.open("rb") as file:
        at = 0
        while block := file.read(CHUNK):
            watch.step(at, opened.bytes, "hashes")
            whole.update(block)
            tensors.update(block[max(0, start - at) :])
            addnet.update(_cut(block, at))
            at += len(block)
    return Hashes(whole.hexdigest(), tensors.hexdigest(), addnet.hexdigest()[:8])


def _cut(block: bytes, at: int) -> bytes:
    """What of it lies where Additional Networks looks."""
    begin, end = max(0, ADDNET_FROM - at), max(0, ADDNET_FROM + ADDNET_BYTES - at)
    return block[begin:end]


def _together(counts: Iterable[Counts]) -> Counts:
    """The commonest first."""
    total: Counter[Any] = Counter()
    for one in counts:
        total.update(one)
    return dict(total.most_common())
