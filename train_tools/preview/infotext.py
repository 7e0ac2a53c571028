"""The generation parameters as the webui's *PNG Info* reads them back.

One line or more of prompt, one that starts with "Negative prompt: ", and a last line of `Name: value` pairs separated
by commas; a value that holds a comma, a colon or a line break is quoted as JSON (webui: modules/infotext_utils.py).
"""

from __future__ import annotations

import json
from pathlib import Path

from train_tools.families import block_weights

from .cells import Cell, Drawn

HASH_LENGTH = 10  # of a model's SHA-256, as the webui shows it
TO_KEEP = "Train Tools"  # a field that PNG Info shows, and no webui takes for a setting


def infotext(cell: Cell) -> str:
    recipe = cell.recipe
    lines = [f"{recipe.prompt} {lora_tag(cell)}".strip()]
    if recipe.negative_prompt:
        lines.append(f"Negative prompt: {recipe.negative_prompt}")
    trained = cell.base_model == cell.checkpoint.run.base_model
    extra = {"Distilled CFG Scale": recipe.guidance, "Shift": recipe.shift, "CFG Rescale": recipe.rescale}
    pairs = {
        "Steps": recipe.steps,
        "Sampler": recipe.sampler,
        "Schedule type": recipe.scheduler,
        "CFG scale": f"{recipe.cfg_scale:g}",
        **{name: f"{value:g}" for name, value in extra.items() if value},
        "Seed": recipe.seed,
        "Size": f"{recipe.width}x{recipe.height}",
        "Model hash": cell.checkpoint.model_hash[:HASH_LENGTH] if trained else "",
        "Model": Path(cell.base_model).stem,
        "Clip skip": recipe.clip_skip if recipe.clip_skip > 1 else "",
        "Lora hashes": f"{cell.checkpoint.path.stem}: {recipe.lora[:12]}" if is_hash(recipe.lora) else "",
        **_files(cell.drawn),
        "Version": "Train Tools",
        TO_KEEP: to_keep(cell),
    }
    lines.append(", ".join(f"{name}: {quoted(value)}" for name, value in pairs.items() if value != ""))
    return "\n".join(lines)


def _files(drawn: Drawn) -> dict[str, str]:
    """VAE and text encoders that aren't the base model's own; where there are several, as Forge's kind names them."""
    if not drawn.modules:
        return {"VAE": drawn.vae_name}
    files = [file for file in (drawn.vae, *drawn.modules) if file]
    return {f"Module {number}": Path(file).stem for number, file in enumerate(files, start=1)}


def to_keep(cell: Cell) -> str:
    """A webui finds what lies in its Lora folder alone, and takes a LoRA that it doesn't find for none."""
    if not cell.recipe.has_lora:
        return ""
    return (
        f"the checkpoint {cell.checkpoint.path.stem} lies in the folder of its run; the webui finds it once it is kept "
        "(Compare, Keep this one)"
    )


def lora_tag(cell: Cell) -> str:
    """`<lora:name:te:unet>`; one weight where both are the same, block weights for sd-webui-lora-block-weight."""
    recipe = cell.recipe
    if not recipe.has_lora:
        return ""
    weights = [f"{recipe.weight_te:g}"]
    if recipe.weight_unet != recipe.weight_te or recipe.block_weights:
        weights.append(f"{recipe.weight_unet:g}")
    blocks = [f"lbw={_blocks(recipe.block_weights)}"] if recipe.block_weights else []
    return f"<lora:{':'.join([cell.checkpoint.path.stem, *weights, *blocks])}>"


def _blocks(text: str) -> str:
    """A colon would end this part of the tag."""
    return ",".join(f"{weight:g}" for weight in block_weights.parse(text)) if ":" in text else text


def quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if set(text) & set(",:\n") else text


def layers_field(told: str) -> str:
    """A further field, where the webui applied only some of the LoRA's layers; `told` is what it said beside."""
    try:
        applied, of = json.loads(told)["layers"]
    except (KeyError, TypeError, ValueError):
        return ""
    return f", LoRA layers: {applied} of {of}" if applied != of else ""


def is_hash(identity: str) -> bool:
    return len(identity) == 64


def pairs_of(line: str) -> list[str]:
    """`a: 1, b: "x, y"` -> its pairs; commas in quotes don't count."""
    pairs, quoted = [""], False
    for place, character in enumerate(line):
        if character == '"' and line[place - 1] != "\\":
            quoted = not quoted
        if character == "," and not quoted:
            pairs.append("")
        else:
            pairs[-1] += character
    return [pair.strip() for pair in pairs if pair.strip()]
