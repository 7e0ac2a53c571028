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

    prompts: tuple[str, ...] = setting(
        ("{trigger}",),
        help="prompts; {trigger} is the concept of the dataset",
        zh="提示词;{trigger} 代表数据集的概念名",
        parse=split_prompts,
        separator="|",
        axis=True,
    )
    weights: tuple[float, ...] = setting(
        (0.0, 0.5, 1.0),
        help="LoRA weights; 0 shows the base model",
        zh="LoRA 权重;0 即底模本身",
        minimum=-4,
        maximum=4,
        axis=True,
    )
    negative_prompt: str = setting("", help="negative prompt", zh="反向提示词")
    seed: int = setting(
        1, help="the seed of every cell", zh="所有预览图共用的随机种子", minimum=0, maximum=2**32 - 1
    )
    steps: int = setting(20, help="sampling steps", zh="采样步数", minimum=1, maximum=150)
    cfg_scale: float = setting(
        5.0, help="classifier-free guidance", zh="提示词引导系数(CFG)", minimum=1, maximum=30
    )
    sampler: str = setting("DDIM", help="sampler", zh="采样器", choices=SAMPLERS)
    width: int = setting(
        0,
        help="width in pixels; 0 is the resolution that the run was trained at",
        zh="宽度(像素);0 为训练时的分辨率",
        minimum=0,
        maximum=4096,
    )
    height: int = setting(
        0,
        help="height in pixels; 0 is the resolution that the run was trained at",
        zh="高度(像素);0 为训练时的分辨率",
        minimum=0,
        maximum=4096,
    )
    batch_cells: int = setting(
        32, help="cells that are rendered at once", zh="同时渲染的预览图数", minimum=1, maximum=1024
    )

    def __post_init__(self) -> None:
        validate(self)
