"""The families that are trained here. One more is one more folder, and one more line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from train_tools.errors import UsageError
from train_tools.families.anima.family import FAMILY as ANIMA
from train_tools.families.chroma.family import FAMILY as CHROMA
from train_tools.families.flux.family import FAMILY as FLUX
from train_tools.families.hunyuan_image.family import FAMILY as HUNYUAN_IMAGE
from train_tools.families.interface import Family
from train_tools.families.known import KNOWN, Known
from train_tools.families.lumina.family import FAMILY as LUMINA
from train_tools.families.sd1.family import FAMILY as SD1
from train_tools.families.sd2.family import FAMILY as SD2
from train_tools.families.sd3.family import FAMILY as SD3
from train_tools.families.sdxl.family import FAMILY as SDXL

# A family stands behind what it was made from: where marks of several hold, the last one is meant.
FAMILIES: tuple[Family, ...] = (SD1, SD2, SDXL, SD3, FLUX, CHROMA, LUMINA, HUNYUAN_IMAGE, ANIMA)
BY_NAME: Mapping[str, Family] = MappingProxyType({family.name: family for family in FAMILIES})
BETWEEN = re.compile(r"[\s_-]+")  # people write qwen image, qwen_image and Qwen-Image


def plain(name: str) -> str:
    """A name as it is looked up."""
    return BETWEEN.sub("-", name.strip().lower())


TYPED: Mapping[str, Family] = MappingProxyType({
    plain(word): family for family in FAMILIES for word in (family.name, family.title, *family.words.also)
})  # fmt: skip
# What is meant where nothing says it.
USUAL = SD1
# Groups that share arguments.
UNETS = tuple(family.name for family in FAMILIES if not family.training.is_flow)
FLOWS = tuple(family.name for family in FAMILIES if family.training.is_flow)
FLUXES = tuple(family.name for family in FAMILIES if family.training.script == FLUX.training.script)


def meant(name: str) -> Family | Known | None:
    """By a name that somebody typed, or that a file has; None where nothing in it says which.

    Those that aren't trained here come before what is looked for in names: FLUX.2 has FLUX in it.
    """
    text = plain(name)
    known = next((one for one in KNOWN if one.words and re.search(one.words, text)), None)
    return TYPED.get(text) or known or _in_name(text)


def _in_name(text: str) -> Family | None:
    return next((one for one in FAMILIES if one.words.in_files and re.search(one.words.in_files, text)), None)


def family_named(name: str) -> Family:
    """By its name or another that people use, in any case. Raises UsageError that says who trains it, if anybody."""
    found = meant(name)
    if isinstance(found, Known):
        raise UsageError(found.refusal(name.strip()))
    if found is None:
        raise UsageError(f"there is no family {name!r} of base models; there are: {', '.join(BY_NAME)}")
    return found


def family_of_script(script: str, arguments: Mapping[str, Any] = MappingProxyType({})) -> Family | None:
    """The family that a script of sd-scripts trains, by its file's name; of several the one that the arguments tell."""
    sharing = [family for family in FAMILIES if family.training.script == script]
    return next((family for family in sharing if is_told(family, arguments)), sharing[0] if sharing else None)


def refined(family: Family, arguments: Mapping[str, Any]) -> Family:
    """The one of those with the same script that the arguments tell, as Chroma among those of FLUX.1."""
    sharing = (one for one in FAMILIES if one.training.script == family.training.script)
    return next((one for one in sharing if is_told(one, arguments)), family)


def is_told(family: Family, arguments: Mapping[str, Any]) -> bool:
    """Whether arguments have what tells it from others that share its script, as v2."""
    fixed = family.training.fixed
    return bool(fixed) and all(
        str(arguments.get(name)).lower() == str(value).lower() for name, value in fixed.items()
    )


def by_program(program: str) -> dict[str, Family]:
    """A program's names for our families."""
    return {name: family for family in FAMILIES for name in family.words.programs.get(program, ())}
