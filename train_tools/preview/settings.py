"""The settings of a preview, stated once. Most take several values, in the syntax of a plan: each is an axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from train_tools.arguments.argument import Kind, row
from train_tools.arguments.values import parse_values
from train_tools.workspace.names import check_name
from train_tools.workspace.settings import setting, validate

RENDERERS = ("auto", "host", "diffusers", "sd-scripts")
WHEN = ("off", "checkpoint", "run", "batch")
FORMATS = ("png", "webp", "both")


def split_prompts(text: str) -> tuple[str, ...]:
    """Prompts stand between `|`, as they hold commas themselves, or on lines of their own; not inside `{a|b}`."""
    prompts, depth = [""], 0
    for character in text:
        depth = max(0, depth + (character == "{") - (character == "}"))
        if character == "\n" or (character == "|" and not depth):
            prompts.append("")
        else:
            prompts[-1] += character
    return tuple(prompt.strip() for prompt in prompts if prompt.strip())


def split_negative(text: str) -> tuple[str, ...]:
    """Likewise; one that is empty is a value, too: `|blurry` compares none with one."""
    return tuple(part.strip() for part in text.split("|"))


def values(
    name: str,
    kind: Kind,
    default: tuple[Any, ...],
    help: str,
    zh: str,
    *,
    is_text: bool = False,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """A setting that is an axis. An empty text is allowed where the default is empty, and means that."""
    nothing = 0 if kind in ("int", "float") else ""  # so that `none` is no value
    argument = row(name, kind, nothing, is_text=is_text, minimum=minimum, maximum=maximum, opens="plain")

    def parse(text: str) -> tuple[Any, ...]:
        return () if not text.strip() and not default else tuple(parse_values(argument, text))

    return setting(
        default,
        help=help,
        zh=zh,
        minimum=minimum,
        maximum=maximum,
        parse=parse,
        separator=argument.separator,
        axis=True,
    )


def texts(default: tuple[str, ...], parse: Callable[[str], Any], help: str, zh: str) -> Any:
    """A setting of texts that stand between `|`."""
    return setting(default, help=help, zh=zh, parse=parse, separator="|", axis=True)


@dataclass(frozen=True)
class PreviewSettings:
    """What is compared (the axes), with what it is rendered, and what is drawn of it.

    An empty `weights_unet` or `weights_te` means `weights`; empty `sizes`, `base_models` and a `clip_skip` of 0 mean
    what the run was trained with; what is empty from `sampler` to `rescale`, what `ways` finds right for a base model.
    """

    prompts: tuple[str, ...] = texts(
        ("{trigger}",),
        split_prompts,
        "The prompts of the pictures. {trigger} stands for the trigger word; {a|b} and __name__ are "
        "wildcards.",
        "图片的提示词。{trigger} 代表触发词，{a|b} 与 __name__ 为通配符。",
    )
    prompt_set: str = setting(
        "",
        help="A saved set of prompts, a file in train_tools/prompts, instead of the prompts above.",
        zh="用已保存的提示词集（train_tools/prompts 中的文件）代替上面的提示词。",
    )
    random_captions: int = setting(
        0,
        help="How many captions of the images are drawn as further prompts. The first seed chooses them.",
        zh="另外随机取多少条标注作为提示词，由第一个种子决定。",
        minimum=0,
        maximum=100,
    )
    prompt_sr: tuple[str, ...] = values(
        "prompt_sr",
        "str",
        (),
        "Search and replace: the first text is replaced in all prompts by each of the others.",
        "搜索替换：将所有提示词中的第一个文本依次替换为其余各项。",
    )
    negative_prompt: tuple[str, ...] = texts(
        ("",), split_negative, "The negative prompts of the pictures.", "图片的反向提示词。"
    )
    weights: tuple[float, ...] = values(
        "weights",
        "float",
        (0.0, 0.5, 1.0),
        "With which weights the LoRA acts. 0 shows the base model without it.",
        "LoRA 的权重。0 即不使用 LoRA 的底模。",
        minimum=-4,
        maximum=4,
    )
    weights_unet: tuple[float, ...] = values(
        "weights_unet",
        "float",
        (),
        "The LoRA's weights in the UNet alone. Empty takes the LoRA weight.",
        "仅用于 UNet 的 LoRA 权重。留空则沿用 LoRA 权重。",
        minimum=-4,
        maximum=4,
    )
    weights_te: tuple[float, ...] = values(
        "weights_te",
        "float",
        (),
        "The LoRA's weights in the text encoder alone. Empty takes the LoRA weight.",
        "仅用于文本编码器的 LoRA 权重。留空则沿用 LoRA 权重。",
        minimum=-4,
        maximum=4,
    )
    block_weights: tuple[str, ...] = values(
        "block_weights",
        "str",
        (),
        "Weights of single blocks, several separated by ';': a preset (OUTALL, INS …), OUTX:0.5, or 12, 17, "
        "20 or 26 numbers.",
        "分层权重，多组用分号分隔：预设名（OUTALL、INS …）、OUTX:0.5，或 12、17、20、26 个数字。",
        is_text=True,
    )
    checkpoints: str = setting(
        "all",
        help="Which checkpoints are drawn: all, last, last 3, every 2, or epochs as in 1,5,10-20 (+5).",
        zh="渲染哪些检查点：all、last、last 3、every 2，或轮次，例如 1,5,10-20 (+5)。",
    )
    runs: tuple[str, ...] = setting(
        (),
        help="Which runs are drawn, by their names. * stands for anything; empty takes all.",
        zh="渲染哪些训练，按名称填写，可用 * 代表任意文字。留空为全部。",
    )
    base_models: tuple[str, ...] = values(
        "base_models",
        "str",
        (),
        "The base models that pictures are drawn on. trained is the run's own, as is an empty field.",
        "用于渲染的底模。trained 或留空为训练所用的底模。",
    )
    seed: tuple[int, ...] = values(
        "seed", "int", (1,), "The seeds of the pictures.", "图片的种子。", minimum=0, maximum=2**32 - 1
    )
    sampler: tuple[str, ...] = values(
        "sampler",
        "str",
        (),
        "The samplers. Empty takes what suits the base model's family.",
        "采样器。留空则使用适合该种类底模的采样器。",
    )
    scheduler: tuple[str, ...] = values(
        "scheduler",
        "str",
        (),
        "The schedulers of the noise. Empty takes what suits the base model's family.",
        "噪声调度器。留空则使用适合该种类底模的调度器。",
    )
    steps: tuple[int, ...] = values(
        "steps",
        "int",
        (),
        "The sampling steps. Empty takes what suits the base model's family.",
        "采样步数。留空则使用适合该种类底模的步数。",
        minimum=1,
        maximum=150,
    )
    cfg_scale: tuple[float, ...] = values(
        "cfg_scale",
        "float",
        (),
        "How closely pictures follow the prompt (classifier-free guidance). Empty takes what suits the base "
        "model's family.",
        "图片遵循提示词的程度（CFG）。留空则使用适合该种类底模的值。",
        minimum=1,
        maximum=30,
    )
    guidance: tuple[float, ...] = values(
        "guidance",
        "float",
        (),
        "The distilled guidance of models that are told it, such as FLUX.1 dev. Empty takes what suits the "
        "family.",
        "蒸馏引导系数，仅用于需要它的模型，例如 FLUX.1 dev。留空则使用适合该种类底模的值。",
        minimum=0,
        maximum=30,
    )
    shift: tuple[float, ...] = values(
        "shift",
        "float",
        (),
        "The shift of the noise levels, for models that predict a flow. Empty takes what suits the family.",
        "噪声强度的偏移（shift），仅用于流匹配模型。留空则使用适合该种类底模的值。",
        minimum=0.01,
        maximum=100,
    )
    rescale: tuple[float, ...] = values(
        "rescale",
        "float",
        (),
        "Rescales the guidance; 0 does not. Empty does so only for models that predict velocity.",
        "CFG 重缩放，0 为不使用。留空时仅用于 v 预测模型。",
        minimum=0,
        maximum=1,
    )
    clip_skip: tuple[int, ...] = values(
        "clip_skip",
        "int",
        (0,),
        "Uses the text encoder's n-th layer from its end. 0 takes what the run was trained with.",
        "使用文本编码器倒数第 n 层。0 为训练时的值。",
        minimum=0,
        maximum=12,
    )
    width: int = setting(
        0,
        help="The width in pixels. 0 is the resolution that the run was trained at.",
        zh="宽度，单位像素。0 为训练时的分辨率。",
        minimum=0,
        maximum=4096,
    )
    height: int = setting(
        0,
        help="The height in pixels. 0 is the resolution that the run was trained at.",
        zh="高度，单位像素。0 为训练时的分辨率。",
        minimum=0,
        maximum=4096,
    )
    sizes: tuple[str, ...] = values(
        "sizes",
        "size",
        (),
        "Several sizes instead of width and height, as in 512,768; 640.",
        "用多个尺寸代替宽度与高度，例如 512,768; 640。",
    )
    renderer: str = setting(
        "auto",
        help="What draws the pictures: host is the webui, diffusers draws by itself, sd-scripts uses the "
        "trainer's own code. auto takes the webui where it runs and has the base model, then the first "
        "of the others that can.",
        zh="由什么来渲染：host 为 WebUI，diffusers 自行渲染，sd-scripts 用训练器自己的代码渲染。"
        "auto 在 WebUI 运行且有该底模时使用 WebUI，否则依次使用其他可用的。",
        choices=RENDERERS,
    )
    vae: str = setting(
        "",
        help="The VAE of the pictures. Empty takes the run's own, or the one in its base model; host is what "
        "the webui has chosen; a file is a file.",
        zh="渲染所用的 VAE。留空为训练所用或底模自带的 VAE；host 为 WebUI 当前选用的；也可填文件。",
    )
    wait_for_host: int = setting(
        120,
        help="How many seconds a preview waits for a webui that went away before it goes on without it.",
        zh="WebUI 中途关闭时，预览图等待其恢复的秒数，之后不再等待。",
        minimum=0,
        maximum=86_400,
    )
    batch_cells: int = setting(
        32,
        help="How many pictures are drawn at once, at most. Fewer are where memory is short.",
        zh="同时渲染的图片数上限。显存不足时自动减少。",
        minimum=1,
        maximum=1024,
    )
    automatic: str = setting(
        "off",
        help="When pictures are made by themselves: for each checkpoint as it appears, after each run, or "
        "after the batch.",
        zh="何时自动生成预览图：每出现一个检查点、每个训练结束后，或整批结束后。",
        choices=WHEN,
    )
    automatic_lane: str = setting(
        "gpu",
        help="The queue that automatic pictures wait in. In the training's own they come between trainings, "
        "not during one.",
        zh="自动预览图所在的队列。与训练同一队列时，在两次训练之间进行。",
    )
    sheet_axes: tuple[str, ...] = setting(
        (),
        help="The axes of the sheet over all runs: columns, then rows, then pages.",
        zh="总览图的轴：先列，后行，其余为分页。",
    )
    difference: bool = setting(
        True,
        help="Draws further sheets that show what differs from weight 0.",
        zh="另外绘制与权重 0 的差异图。",
    )
    sheet_format: str = setting(
        "png", help="The file format of the sheets.", zh="总览图的文件格式。", choices=FORMATS
    )

    def __post_init__(self) -> None:
        validate(self)
        if self.automatic_lane:
            check_name(self.automatic_lane, "lane")


def weights_of(settings: PreviewSettings) -> list[tuple[float, float]]:
    """Of UNet and text encoder. Where both have their own, `weights` says nothing more."""
    if settings.weights_unet and settings.weights_te:
        return list(product(settings.weights_unet, settings.weights_te))
    if settings.weights_unet:
        return [(unet, weight) for weight in settings.weights for unet in settings.weights_unet]
    if settings.weights_te:
        return [(weight, te) for weight in settings.weights for te in settings.weights_te]
    return [(weight, weight) for weight in settings.weights]
