"""Settings of a training that aren't arguments of a run: how the grid is made and how it is trained."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, row
from train_tools.errors import UsageError
from train_tools.families.registry import FAMILIES, family_named

MOST_AT_ONCE = 64  # runs of one pack


def _count_at_once(text: str) -> str:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_AT_ONCE:
        raise UsageError(f"{text} is neither auto nor a number from 1 to {MOST_AT_ONCE}")
    return str(int(text))


OPTIONS: tuple[Argument, ...] = (
    row("engine", "str", "auto",
        "What trains: packed trains many runs at once, sd-scripts whatever packed doesn't know; auto takes the first "
        "that can.",
        "训练引擎:packed 可同时训练多个任务,sd-scripts 负责 packed 不支持的设置;auto 自动选择。",
        choices=("auto", "packed", "sd-scripts")),
    row("family", "str", "auto",
        "What the base model is, where its file doesn't say it; auto reads the file.",
        "底模的种类，仅在无法从文件判断时需要；auto 由文件判断。",
        choices=("auto", *(family.name for family in FAMILIES)), reads=lambda text: family_named(text).name),
    row("pack_size", "str", "auto",
        "Most runs that are trained at once in one process; auto: as many as fit into memory and are quickest, by what "
        "was measured on this machine.",
        "一个进程中同时训练的最多任务数；auto 按本机实测，取显存放得下且最快的数量。",
        choices=("auto", "1", "2", "4", "8", "16"), reads=_count_at_once),
    row("links", "str", "",
        "Arguments whose values go side by side instead of being multiplied: optimizer_type+learning_rate.",
        "各取值一一对应而非相乘的参数:optimizer_type+learning_rate。", is_text=True),
    row("overrides", "str", "",
        "What some values bring along: optimizer_type=Prodigy -> learning_rate=1.",
        "某些取值附带的设置:optimizer_type=Prodigy -> learning_rate=1。", is_text=True),
    row("exclude", "str", "",
        "Combinations that are left out: optimizer_type=Lion learning_rate>=1e-3.",
        "要跳过的组合:optimizer_type=Lion learning_rate>=1e-3。", is_text=True),
    row("seeds", "int", 1,
        "Train each combination with so many seeds, counted up from seed.", "每个组合使用的随机种子数,从 seed 起递增。",
        minimum=1, maximum=100),
)  # fmt: skip
# Options that hold several rules.
RULES = frozenset({"links", "overrides", "exclude"})
# Axes that aren't arguments: what a run is made from.
SOURCES: tuple[Argument, ...] = (
    row("dataset_version", "str", "",
        "Versions of this project whose images are trained on; empty: this version's own.",
        "使用本项目哪些版本的图片训练;留空为当前版本。", short="data", opens="plain"),
    row("use_reg_images", "bool", True,
        "Train with the regularisation images in dataset/reg, where there are any; steps double.",
        "使用 dataset/reg 中的正则化图片(若有);步数会加倍。", short="reg"),
    row("preset", "str", "",
        "Starting values under what is set; several are combined by +: style+vram-8gb.",
        "作为基础的预设值,可用 + 组合:style+vram-8gb。", opens="plain"),
)  # fmt: skip
