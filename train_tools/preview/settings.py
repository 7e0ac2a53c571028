"""The settings of a preview, stated once. Most take several values, in the syntax of a plan: each is an axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

from train_tools.arguments.argument import Kind, row
from train_tools.arguments.values import parse_values
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
    argument = row(name, kind, nothing, help, zh, is_text=is_text, minimum=minimum, maximum=maximum)

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
        "prompts; {trigger} is the concept of the dataset, {a|b} and __name__ are wildcards",
        "提示词;{trigger} 代表数据集的概念名,{a|b} 与 __name__ 为通配符",
    )
    prompt_set: str = setting(
        "",
        help="a saved set of prompts (a file in train_tools/prompts) instead of prompts",
        zh="用已保存的提示词集(train_tools/prompts 下的文件)代替提示词",
    )
    random_captions: int = setting(
        0,
        help="that many captions of the dataset as further prompts, chosen by the first seed",
        zh="从数据集中按第一个种子随机取若干条标注作为额外提示词",
        minimum=0,
        maximum=100,
    )
    prompt_sr: tuple[str, ...] = values(
        "prompt_sr",
        "str",
        (),
        "search and replace: the first text is replaced in all prompts by each",
        "搜索替换:将所有提示词中的第一个文本依次替换为各个值",
    )
    negative_prompt: tuple[str, ...] = texts(("",), split_negative, "negative prompts", "反向提示词")
    weights: tuple[float, ...] = values(
        "weights",
        "float",
        (0.0, 0.5, 1.0),
        "LoRA weights; 0 shows the base model",
        "LoRA 权重;0 即底模本身",
        minimum=-4,
        maximum=4,
    )
    weights_unet: tuple[float, ...] = values(
        "weights_unet",
        "float",
        (),
        "LoRA weights of the UNet alone; empty: as weights",
        "仅 UNet 的 LoRA 权重;留空则同 weights",
        minimum=-4,
        maximum=4,
    )
    weights_te: tuple[float, ...] = values(
        "weights_te",
        "float",
        (),
        "LoRA weights of the text encoder alone; empty: as weights",
        "仅文本编码器的 LoRA 权重;留空则同 weights",
        minimum=-4,
        maximum=4,
    )
    block_weights: tuple[str, ...] = values(
        "block_weights",
        "str",
        (),
        "block weights, several separated by ';': a preset (OUTALL, INS …), OUTX:0.5, or 12, 17, 20 or 26 numbers",
        "分层权重,多组以 ';' 分隔:预设名(OUTALL、INS …)、OUTX:0.5,或 12、17、20、26 个数字",
        is_text=True,
    )
    checkpoints: str = setting(
        "all",
        help="which checkpoints: all, last, last 3, every 2, or epochs as in 1,5,10-20 (+5)",
        zh="渲染哪些检查点:all、last、last 3、every 2,或轮次,如 1,5,10-20 (+5)",
    )
    runs: tuple[str, ...] = setting(
        (),
        help="which runs, by name; * stands for anything; empty: all",
        zh="渲染哪些训练(名称,可用 *);留空为全部",
    )
    base_models: tuple[str, ...] = values(
        "base_models",
        "str",
        (),
        "base models to render on; trained is the run's own, as is an empty field",
        "用于渲染的底模;trained 或留空为训练所用底模",
    )
    seed: tuple[int, ...] = values("seed", "int", (1,), "seeds", "随机种子", minimum=0, maximum=2**32 - 1)
    sampler: tuple[str, ...] = values(
        "sampler",
        "str",
        (),
        "samplers; empty: the one that suits the base model's family",
        "采样器；留空则用适合底模所属系列的采样器",
    )
    scheduler: tuple[str, ...] = values(
        "scheduler",
        "str",
        (),
        "schedulers of the noise; empty: as suits the base model's family",
        "噪声调度；留空则用适合底模所属系列的调度",
    )
    steps: tuple[int, ...] = values(
        "steps",
        "int",
        (),
        "sampling steps; empty: as suits the base model's family",
        "采样步数；留空则用适合底模所属系列的步数",
        minimum=1,
        maximum=150,
    )
    cfg_scale: tuple[float, ...] = values(
        "cfg_scale",
        "float",
        (),
        "classifier-free guidance; empty: as suits the base model's family",
        "提示词引导系数（CFG）；留空则用适合底模所属系列的值",
        minimum=1,
        maximum=30,
    )
    guidance: tuple[float, ...] = values(
        "guidance",
        "float",
        (),
        "distilled guidance, of models that are told it (FLUX.1 dev); empty: as suits the family",
        "蒸馏引导系数，仅用于需要它的模型（FLUX.1 dev）；留空则用适合该系列的值",
        minimum=0,
        maximum=30,
    )
    shift: tuple[float, ...] = values(
        "shift",
        "float",
        (),
        "shift of the noise levels, of models that predict a flow; empty: as suits the family",
        "噪声水平的偏移（shift），仅用于流匹配模型；留空则用适合该系列的值",
        minimum=0.01,
        maximum=100,
    )
    rescale: tuple[float, ...] = values(
        "rescale",
        "float",
        (),
        "guidance rescale, 0 for none; empty: none, but for models that predict velocity",
        "引导重缩放（CFG Rescale），0 为不用；留空时仅对 v 预测模型使用",
        minimum=0,
        maximum=1,
    )
    clip_skip: tuple[int, ...] = values(
        "clip_skip",
        "int",
        (0,),
        "clip skip; 0: as trained",
        "CLIP 跳过层;0 为训练时的值",
        minimum=0,
        maximum=12,
    )
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
    sizes: tuple[str, ...] = values(
        "sizes",
        "size",
        (),
        "several sizes instead of width and height, as in 512,768; 640",
        "以多个尺寸代替宽高,如 512,768; 640",
    )
    renderer: str = setting(
        "auto",
        help="host renders through the webui, diffusers by itself, sd-scripts with the trainer's own code; auto takes, "
        "for each base model, the webui where it runs and has that model, then the first of the others that can",
        zh="host 通过 WebUI 渲染，diffusers 自行渲染，sd-scripts 用训练器自己的代码渲染；auto 对每个底模分别选择："
        "WebUI 在运行且有该底模时使用 WebUI，否则依次使用其余能渲染者",
        choices=RENDERERS,
    )
    vae: str = setting(
        "",
        help="VAE: empty is the run's own, or the one in its base model; host is what the webui has chosen; or a file",
        zh="VAE：留空为训练所用（或底模自带）的 VAE；host 为 WebUI 当前选用的；也可填文件",
    )
    wait_for_host: int = setting(
        120,
        help="seconds that a preview waits for a webui that went away, before it goes on without it",
        zh="WebUI 中途关闭时，预览等待其恢复的秒数，之后不再依赖它继续",
        minimum=0,
        maximum=86_400,
    )
    batch_cells: int = setting(
        32,
        help="cells that are rendered at once, at most; fewer where memory is short",
        zh="同时渲染的预览图数上限;显存不足时自动减少",
        minimum=1,
        maximum=1024,
    )
    automatic: str = setting(
        "off",
        help="previews by themselves: for each checkpoint as it appears, after each run, or after the batch",
        zh="自动预览:每出现一个检查点、每个训练结束后,或整批结束后",
        choices=WHEN,
    )
    automatic_lane: str = setting(
        "gpu",
        help="the queue of automatic previews; in the training's own they come between trainings, not during",
        zh="自动预览所在的队列;与训练同队列时在训练之间进行,而非同时",
    )
    sheet_axes: tuple[str, ...] = setting(
        (),
        help="axes of the sheet over all runs: columns, rows, then pages",
        zh="总览图的轴:列、行,其余为分页",
    )
    difference: bool = setting(
        True, help="sheets that show what differs from weight 0", zh="另绘与权重 0 的差异图"
    )
    sheet_format: str = setting("png", help="files of sheets", zh="图表文件格式", choices=FORMATS)

    def __post_init__(self) -> None:
        validate(self)


def weights_of(settings: PreviewSettings) -> list[tuple[float, float]]:
    """Of UNet and text encoder. Where both have their own, `weights` says nothing more."""
    if settings.weights_unet and settings.weights_te:
        return list(product(settings.weights_unet, settings.weights_te))
    if settings.weights_unet:
        return [(unet, weight) for weight in settings.weights for unet in settings.weights_unet]
    if settings.weights_te:
        return [(weight, te) for weight in settings.weights for te in settings.weights_te]
    return [(weight, weight) for weight in settings.weights]
