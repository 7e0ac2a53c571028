"""What a family says of itself, and what was found out about a file or folder. Read without torch.

A family is one kind of base model. Its folder here holds what is true of it and of no other; nobody outside compares
families' names: they ask for what is written here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from train_tools.families.layers import TargetsOf
from train_tools.lora.names import OWN_NAMES, Names

BASE = "pretrained_model_name_or_path"
Shape = tuple[int, ...]
Prediction = Literal["", "epsilon", "v"]
FaultKind = Literal["damaged", "foreign", "not-trained", "unknown"]


@dataclass(frozen=True)
class Head:
    """What stands in a model file besides the weights: its tensors' names with their shapes, and its metadata.

    `code` names what a pickle holds besides tensors.
    """

    shapes: Mapping[str, Shape]
    metadata: Mapping[str, str] = field(default_factory=dict)
    code: tuple[str, ...] = ()
    is_pickle: bool = False

    @functools.cached_property
    def text(self) -> str:
        """All names, each in a line: quick to look for a piece of one."""
        return "\n" + "\n".join(self.shapes) + "\n"

    def has(self, piece: str) -> bool:
        """Whether a tensor's name holds it; `^` stands for a name's start, `$` for its end."""
        return piece.replace("^", "\n").replace("$", "\n") in self.text

    def sides(self, end: str, axis: int) -> set[int]:
        """The lengths of that side of all tensors whose names end so, or are so where `^` stands before."""
        found = [shape for name, shape in self.shapes.items() if f"^{name}".endswith(end)]
        return {shape[axis] for shape in found if len(shape) > axis}


Side = tuple[str, int, tuple[int, ...]]


@dataclass(frozen=True)
class Mark:
    """Holds where all of `has` stand in names, none of `lacks` does, each of `sides` has one of its lengths, and none
    of `other_sides` has one.

    Sides: the end of a tensor's name, which side, the lengths.
    """

    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    sides: tuple[Side, ...] = ()
    other_sides: tuple[Side, ...] = ()

    def holds(self, head: Head) -> bool:
        def is_of(side: Side) -> bool:
            end, axis, lengths = side
            return bool(head.sides(end, axis) & set(lengths))

        return (
            all(map(head.has, self.has))
            and not any(map(head.has, self.lacks))
            and all(map(is_of, self.sides))
            and not any(map(is_of, self.other_sides))
        )


def any_of(*pieces: str, lacks: tuple[str, ...] = ()) -> tuple[Mark, ...]:
    """Marks of which each piece is one."""
    return tuple(Mark((piece,), lacks) for piece in pieces)


def is_marked(marks: Sequence[Mark], head: Head) -> bool:
    return any(mark.holds(head) for mark in marks)


@dataclass(frozen=True)
class Part:
    """What a base model needs besides its UNet or transformer. `argument` names a file that can stand in.

    `must_be_apart`: sd-scripts can't load it from inside the model's file, and takes it from there all the same.
    """

    name: str
    marks: tuple[str, ...]
    argument: str = ""
    must_be_apart: bool = False


@dataclass(frozen=True)
class Pictures:
    """How pictures of a base model are made well, under the webui's names.

    `side` is the usual length of a square picture's side and `step` what sides are multiples of, both in pixels.
    `guidance` is what a distilled model is told (FLUX.1 dev), None: it is told none. `shift` moves the noise levels of
    a flow; None: the model's own way. `rescale` is the guidance rescale (https://arxiv.org/abs/2305.08891), 0: none.
    """

    side: int = 1024
    step: int = 16
    sampler: str = "Euler"
    scheduler: str = "Simple"
    steps: int = 30
    cfg_scale: float = 1.0
    clip_skip: int = 1
    guidance: float | None = None
    shift: float | None = None
    rescale: float = 0.0


@dataclass(frozen=True)
class Activations:
    """What a step holds in memory beside the weights, computed in half precision, for a UNet of `weights` numbers.

    In bytes for each point of a latent (8 x 8 pixels), without and with gradient_checkpointing. Counted over every
    tensor of a step on the meta device, with norms in fp32, as autocast has them on a GPU, and fused attention.
    """

    weights: int
    plain: int
    checkpointed: int


@dataclass(frozen=True)
class Training:
    """How sd-scripts trains LoRAs of it (read off 48d368fa).

    The first of `network_modules` is the usual one. `required` and `optional` are arguments that name its files.
    `bucket_step`: with buckets, bucket_reso_steps must be a multiple of it. `defaults` suit it better than the table's;
    `fixed` can't be otherwise, and tell it from others that share its script. `tokenizers` are those that its script
    asks the hub for and that we can make. `is_flow`: it learns a flow (rectified flow matching) instead of noise.
    `needs_own_vae`: its file must hold one even where `vae` is given; `takes_variants`: its folder's files may be
    called `.fp16.`; `halves_break`: its VAE fails in fp16. `largest_rank` is enough for nearly any subject.
    `often_velocity`: many of it predict velocity, and their files don't say so. `activations`: None where nobody has
    counted them.
    """

    script: str
    network_modules: tuple[str, ...]
    required: tuple[str, ...] = (BASE,)
    optional: tuple[str, ...] = ()
    bucket_step: int = 64
    defaults: Mapping[str, Any] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    tokenizers: tuple[str, ...] = ()
    is_flow: bool = True
    needs_own_vae: bool = False
    takes_variants: bool = True
    halves_break: bool = False
    largest_rank: int = 128
    often_velocity: bool = False
    activations: Activations | None = None


@dataclass(frozen=True)
class Blocks:
    """A UNet's blocks as block weights and sd-scripts' rates of blocks count them.

    `attended_inputs` and `attended_outputs` are those with attention, which a plain LoRA changes.
    """

    inputs: int
    middles: int
    outputs: int
    attended_inputs: tuple[int, ...]
    attended_outputs: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """Which layers a LoRA of it changes. `targets` reads them off the base model's names and shapes.

    `text_encoders` is how many it has, `trains_texts` whether any of them can be trained. `block_counts` says how many
    numbers the lists in network_args hold, where its network modules know such lists. `blocks` are its UNet's, whose
    weights in pictures can be learning rates (`down_lr_weight` …). `names` are those of its files, and `text_width` how
    wide the texts are that its UNet looks at, where our own programs load it. `classes` are those of its blocks in
    sd-scripts, among which LyCORIS' presets look for layers; empty: these were made for it.
    """

    targets: TargetsOf
    text_encoders: int = 1
    trains_texts: bool = True
    block_counts: Mapping[str, int] = field(default_factory=dict)
    blocks: Blocks | None = None
    names: Names = OWN_NAMES
    text_width: int = 0
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """What people and programs call it.

    `also` are names that a person may type, `given_with` arguments that are given for it alone among its like,
    `in_files` what stands in the names of people's files, `in_metadata` in what a LoRA says of its base model,
    `in_tensors` in the names of a LoRA's tensors and of no other family's (all regular expressions, of lower case).
    `programs`: the program -> its names for it. `card` is what a webui's card calls it.
    `version_in_files`, `architecture` and `implementation` stand in LoRAs (`ss_base_model_version`, `modelspec.…`), the
    first two with `{v}` where they say that velocity is predicted.
    """

    also: tuple[str, ...] = ()
    given_with: tuple[str, ...] = ()
    in_files: str = ""
    in_metadata: str = ""
    in_tensors: str = ""
    programs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    card: str = ""
    version_in_files: str = ""
    architecture: str = ""
    implementation: str = "diffusers"


@dataclass(frozen=True)
class Family:
    """One kind of base model. `name` is in settings and files, `title` for people.

    How it is told from others: `versions` are looked at in their order. `parts` are what its file is expected to hold;
    where that is none, they lie in files of their own. `channels`: the end of the first layer's name, and how many a
    model for drawing has there. `classes` are diffusers' pipelines and models. `folder` says what trains from a
    diffusers folder: "any" layout, "three shards" of the transformer alone, or none (""); `folder_parts` must be there.
    `prefixes` are what may stand before the names that `marks` tell of, empty: anything; others aren't found by whoever
    trains it.

    `pictures` says how its pictures are made well, `version_pictures` those of a version or, under "v", of models that
    predict velocity. `is_loaded`: our own programs load it (`model.py` in its folder); `is_packed`: our engine trains
    it.
    """

    name: str
    title: str
    marks: tuple[Mark, ...]
    training: Training
    network: Network
    words: Words
    pictures: Pictures
    version_pictures: Mapping[str, Pictures] = field(default_factory=dict)
    versions: tuple[tuple[str, Mark], ...] = ()
    parts: tuple[Part, ...] = ()
    channels: tuple[tuple[str, int], ...] = ()
    classes: tuple[str, ...] = ()
    folder: Literal["", "any", "three shards"] = ""
    folder_parts: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    is_loaded: bool = False
    is_packed: bool = False

    @property
    def takes_pickles(self) -> bool:
        return self.folder == "any"  # the old ones, of which both still go round

    def version(self, head: Head) -> str:
        return next((name for name, mark in self.versions if mark.holds(head)), "")


@dataclass(frozen=True)
class Fault:
    """Why nobody here trains on it: what it is, as in "… is a LoRA, not a base model", and what to do instead."""

    kind: FaultKind
    what: str
    instead: str


@dataclass(frozen=True)
class Found:
    """What a base model's file or folder is; `family` is None where it is none of ours.

    `prediction` and `zero_snr` (zero terminal SNR) only where the file says so itself. `missing` are parts that it
    should hold and that can be given. `files` hold the weights of UNet or transformer and text encoders; `variant` is
    the word in all their names, as fp16.
    """

    family: Family | None = None
    version: str = ""
    prediction: Prediction = ""
    zero_snr: bool = False
    missing: tuple[Part, ...] = ()
    files: tuple[Path, ...] = ()
    variant: str = ""
    fault: Fault | None = None

    @property
    def name(self) -> str:
        """The family's; "" where it is none of ours."""
        return self.family.name if self.family else ""

    @property
    def predicts_velocity(self) -> bool:
        return self.prediction == "v"

    @property
    def said(self) -> dict[str, bool]:
        """Arguments of a training that the file itself answers."""
        is_flow = self.family is None or self.family.training.is_flow
        found = {"v_parameterization": self.predicts_velocity, "zero_terminal_snr": self.zero_snr}
        return {} if is_flow else {name: True for name, is_so in found.items() if is_so}

    @property
    def pictures(self) -> Pictures:
        """How its pictures are made well."""
        if self.family is None:
            return Pictures()
        told = self.family.version_pictures
        return told.get(self.prediction) or told.get(self.version) or self.family.pictures

    @property
    def title(self) -> str:
        return f"{self.family.title}{f' {self.version}' if self.version else ''}" if self.family else ""
