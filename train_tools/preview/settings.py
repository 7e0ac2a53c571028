"""The settings of a preview, stated once."""

from __future__ import annotations

from dataclasses import dataclass

from train_tools.workspace.settings import setting, validate

SAMPLERS = ("DDIM", "Euler", "DPM++ 2M")


def split_prompts(text: str) -> tuple[str, ...]:
    """Prompts stand between `|`, as they hold commas themselves."""
    return tuple(prompt.strip() for prompt in text.split("|") if prompt.strip())


@dataclass(frozen=True)
class PreviewSettings:
    """Every cell has the same seed. `{trigger}` in a prompt becomes the concept of the run's dataset."""

    prompts: tuple[str, ...] = setting(("{trigger}",), help="prompts, separated by |", parse=split_prompts)
    weights: tuple[float, ...] = setting((0.0, 0.5, 1.0), help="LoRA weights, a,b,c", minimum=-4, maximum=4)
    negative_prompt: str = setting("", help="negative prompt")
    seed: int = setting(1, help="the seed of every cell", minimum=0, maximum=2**32 - 1)
    steps: int = setting(20, help="sampling steps", minimum=1, maximum=150)
    cfg_scale: float = setting(5.0, help="classifier-free guidance", minimum=1, maximum=30)
    sampler: str = setting("DDIM", help="sampler", choices=SAMPLERS)
    width: int = setting(
        0, help="pixels; 0 is the resolution that the run was trained at", minimum=0, maximum=4096
    )
    height: int = setting(
        0, help="pixels; 0 is the resolution that the run was trained at", minimum=0, maximum=4096
    )
    batch_cells: int = setting(32, help="cells that are rendered at once", minimum=1, maximum=1024)

    def __post_init__(self) -> None:
        validate(self)
