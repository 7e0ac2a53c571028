"""The families that are trained here. One more is one more folder, and one more line."""

from __future__ import annotations

from train_tools.families.anima.marks import FAMILY as ANIMA
from train_tools.families.chroma.marks import FAMILY as CHROMA
from train_tools.families.flux.marks import FAMILY as FLUX
from train_tools.families.hunyuan_image.marks import FAMILY as HUNYUAN_IMAGE
from train_tools.families.interface import Family
from train_tools.families.lumina.marks import FAMILY as LUMINA
from train_tools.families.sd1.marks import FAMILY as SD1
from train_tools.families.sd2.marks import FAMILY as SD2
from train_tools.families.sd3.marks import FAMILY as SD3
from train_tools.families.sdxl.marks import FAMILY as SDXL

# The first whose marks hold is taken: those with marks of their own stand before those that they were made from.
FAMILIES: tuple[Family, ...] = (SDXL, SD2, SD1, SD3, ANIMA, CHROMA, FLUX, HUNYUAN_IMAGE, LUMINA)
