"""`lora edit FILE --out FILE`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from train_tools.errors import UsageError
from train_tools.lora.tools.interface import Done, Given, Input, Tool, Watch
from train_tools.workspace.fields import setting

# Setting -> the name under which files have it.
NAMES = {
    "name": "ss_output_name", "title": "modelspec.title", "author": "modelspec.author",
    "description": "modelspec.description", "license": "modelspec.license", "tags": "modelspec.tags",
    "activation_text": "modelspec.trigger_phrase", "usage_hint": "modelspec.usage_hint",
}  # fmt: skip
SHOWN = 100  # characters of a value
EQUALS = re.compile(r"\s*=\s*")


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line.strip())


@dataclass(frozen=True)
class EditSettings:
    title: str = setting("", help="Its title.", zh="标题。")
    author: str = setting("", help="Who made it.", zh="作者。")
    description: str = setting("", help="Its description.", zh="简介。")
    license: str = setting("", help="Its licence, e.g. CC-BY-4.0.", zh="许可证，例如 CC-BY-4.0。")
    tags: str = setting("", help="What it is about, separated by commas.", zh="主题标签，用逗号分隔。")
    activation_text: str = setting("", help="The trigger words.", zh="触发词。")
    usage_hint: str = setting(
        "", help="How it is used well, e.g. weight 0.8.", zh="使用建议，例如 weight 0.8。"
    )
    name: str = setting(
        "",
        help="The name by which a webui calls it (ss_output_name).",
        zh="WebUI 中调用它的名称（ss_output_name）。",
    )
    set: tuple[str, ...] = setting(
        (),
        help="Any other metadata: NAME=VALUE, a line each.",
        zh="其他任意元数据：NAME=VALUE，每行一条。",
        separator="\n",
        parse=_lines,
    )
    remove: tuple[str, ...] = setting(
        (),
        help="Names of metadata that go, or patterns like ss_dataset*, a line each.",
        zh="要删除的元数据名，或 ss_dataset* 这样的通配形式，每行一条。",
        separator="\n",
        parse=_lines,
    )


def work(given: Given, settings: EditSettings, watch: Watch) -> Done:
    from train_tools.lora.tools.edit import edit

    changes = {NAMES[name]: value for name in NAMES if (value := getattr(settings, name))}
    for line in settings.set:
        name, *value = EQUALS.split(line, maxsplit=1)
        if not value:
            raise UsageError(f"{line} must be NAME=VALUE")
        changes[name.strip()] = value[0]
    watch.step(0, 1, given.path("file").name)
    made = edit(given.path("file"), given.target, changes, settings.remove)
    document = {
        "changes": [{"name": n, "before": old, "after": new} for n, (old, new) in made.changes.items()],
        "metadata": made.metadata,
    }
    lines = [f"{name}: {_short(old)} -> {_short(new)}" for name, (old, new) in made.changes.items()]
    return Done((made.out,), document, tuple(lines))


def _short(text: str | None) -> str:
    if text is None:
        return "(nothing)"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


TOOL = Tool("edit", "a copy of a LoRA with other metadata", (Input("file"),), EditSettings, work)
