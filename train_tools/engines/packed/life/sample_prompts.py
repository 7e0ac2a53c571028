"""The pictures that sample_prompts asks for, in each of the three formats that sd-scripts reads.

After load_prompts and line_to_prompt_dict in its library/train_util.py (48d368fa). Imports no torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace import toml

MOST_STEPS, LEAST_SIDE = 1000, 64
# What follows ` --` in a line, and what it is called in the other formats.
MARKS: Mapping[str, tuple[str, type]] = {
    "w": ("width", int), "h": ("height", int), "d": ("seed", int), "s": ("sample_steps", int), "l": ("scale", float),
    "n": ("negative_prompt", str), "ss": ("sample_sampler", str),
}  # fmt: skip
MARK = re.compile(r"([A-Za-z]+) (.+)", re.DOTALL)


@dataclass(frozen=True)
class Prompt:
    """Sizes in pixels, multiples of 8. `seed` None: another one each time. `sampler` is sd-scripts' name."""

    prompt: str
    negative_prompt: str = ""
    width: int = 512
    height: int = 512
    steps: int = 30
    scale: float = 7.5
    seed: int | None = None
    sampler: str = "ddim"


def read_prompts(file: Path, sampler: str = "ddim") -> list[Prompt]:
    """`sampler` is sample_sampler, where a prompt has none of its own. Raises UsageError where it can't be read."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        if file.suffix.lower() == ".toml":
            data = toml.loads(text)["prompt"]
            found: list[Any] = [{**data, **subset} for subset in data["subset"]]
        elif file.suffix.lower() == ".json":
            found = list(json.loads(text))
        else:
            lines = [line.strip() for line in text.splitlines()]
            found = [line for line in lines if line and not line.startswith("#")]
        return [_prompt(_said(one) if isinstance(one, str) else one, sampler) for one in found]
    except OSError as error:
        raise UsageError(f"sample_prompts {file} can't be read; choose a file with prompts") from error
    except (TrainToolsError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"sample_prompts {file} isn't lines with prompts, nor TOML or JSON as sd-scripts reads it: {error}"
        ) from error


def _said(line: str) -> dict[str, Any]:
    """`a cat --n blurry --w 512 --h 768 --d 1 --l 7 --s 24`; a mark that isn't known is passed over."""
    prompt, *parts = line.split(" --")
    found: dict[str, Any] = {"prompt": prompt}
    for part in parts:
        if match := MARK.match(part):
            mark, value = match[1].lower(), match[2].strip()
            if mark in MARKS:
                name, kind = MARKS[mark]
                try:
                    found[name] = kind(value)
                except ValueError:  # passed over there, too
                    continue
    return found


def _prompt(said: Mapping[str, Any], sampler: str) -> Prompt:
    seed = said.get("seed")
    width, height = (max(LEAST_SIDE, int(said.get(name, 512)) // 8 * 8) for name in ("width", "height"))
    return Prompt(
        str(said.get("prompt", "")), str(said.get("negative_prompt") or ""), width, height,
        max(1, min(MOST_STEPS, int(said.get("sample_steps", 30)))), float(said.get("scale", 7.5)),
        None if seed is None else int(seed), str(said.get("sample_sampler") or sampler),
    )  # fmt: skip
