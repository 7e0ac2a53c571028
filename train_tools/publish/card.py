"""What stands beside a published LoRA: the webui's card (JSON), and a model card (Markdown)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.dataset.census import Census
from train_tools.families.interface import Found
from train_tools.publish.settings import PublishSettings

# The settings that a reader asks for first, in this order; the others follow by name.
FIRST = (
    "pretrained_model_name_or_path", "network_module", "network_dim", "network_alpha", "optimizer_type",
    "learning_rate", "unet_lr", "text_encoder_lr", "lr_scheduler", "train_batch_size", "max_train_epochs",
    "resolution", "seed",
)  # fmt: skip
# Where files lay on the trainer's disk is nobody's business.
PRIVATE = ("dir", "path", "logging", "wandb", "huggingface", "log_", "output_", "in_json", "dataset_config")


@dataclass(frozen=True)
class Subject:
    """What is published: `epoch` and `step` are 0 where the file doesn't say; `base_model` is its name."""

    name: str
    project: str
    version: str
    run: str
    epoch: int
    step: int
    base_model: str
    family: Found
    triggers: tuple[str, ...]
    arguments: Mapping[str, Any]


def activation_text(subject: Subject, settings: PublishSettings) -> str:
    return settings.activation_text or ", ".join(subject.triggers)


def sd_version(family: Found) -> str:
    """`Unknown` where the base model is gone or of a kind that the webui has no word for."""
    return (family.family.words.card if family.family else "") or "Unknown"


def description(subject: Subject, settings: PublishSettings) -> str:
    if settings.description:
        return settings.description
    parts = [f"trained on {subject.base_model}" if subject.base_model else ""]
    for label, name in (
        ("rank", "network_dim"),
        ("optimizer", "optimizer_type"),
        ("learning rate", "learning_rate"),
    ):
        if subject.arguments.get(name) is not None:
            parts.append(f"{label} {_text(subject.arguments[name])}")
    parts.append(f"epoch {subject.epoch}" if subject.epoch else "")
    return ", ".join(part for part in parts if part)


def webui_card(subject: Subject, settings: PublishSettings) -> dict[str, Any]:
    """As the webui's own editor of LoRA cards writes it (`<name>.json`)."""
    return {
        "description": description(subject, settings),
        "sd version": sd_version(subject.family),
        "activation text": activation_text(subject, settings),
        "preferred weight": settings.preferred_weight,
        "negative text": settings.negative_text,
        "notes": settings.notes,
    }


def metadata(subject: Subject, settings: PublishSettings) -> dict[str, str]:
    """What the file says of itself from now on. The webui calls a LoRA by `ss_output_name` where it has one."""
    said = {
        "ss_output_name": subject.name,
        "modelspec.title": subject.name,
        "modelspec.description": description(subject, settings),
        "modelspec.trigger_phrase": activation_text(subject, settings),
        "modelspec.author": settings.author,
        "modelspec.license": settings.license,
        "modelspec.usage_hint": f"weight {settings.preferred_weight:g}" if settings.preferred_weight else "",
    }
    return {name: value for name, value in said.items() if value}


def model_card(
    subject: Subject, settings: PublishSettings, census: Census, sheet: str, files: Mapping[str, str]
) -> str:
    """Markdown; `sheet` is the file name of its picture, `files` what else there is to say (title -> value)."""
    weight = settings.preferred_weight or 1
    lines = [f"# {_inline(subject.name)}", "", _inline(description(subject, settings)) + ".", ""]
    words = activation_text(subject, settings)
    lines += ["## Use", "", f"    <lora:{subject.name}:{weight:g}> {words}".rstrip(), ""]
    if settings.negative_text:
        lines += [f"Negative prompt: {_inline(settings.negative_text)}", ""]
    if settings.notes:
        lines += [settings.notes, ""]
    facts = {
        "Base model": subject.base_model,
        "Kind": sd_version(subject.family),
        "Trained as": f"{subject.project} {subject.version}, {subject.run}",
        "Checkpoint": f"epoch {subject.epoch}, step {subject.step}" if subject.epoch else "",
        "Author": settings.author,
        "Licence": settings.license,
        **files,
    }
    lines += [*_table(("", ""), facts), ""]
    if sheet:
        lines += ["## Previews", "", f"![previews](<{sheet}>)", ""]
    lines += ["## Training", "", *_table(("setting", "value"), _public(subject.arguments)), ""]
    return "\n".join([*lines, *_dataset(census)])


def _dataset(census: Census) -> list[str]:
    lines = [
        "## Dataset",
        "",
        f"{census.images} images, {census.images_per_epoch} an epoch with repeats.",
        "",
    ]
    lines += ["| concept | repeats | images | with caption |", "| --- | --- | --- | --- |"]
    lines += [f"| {_cell(c.concept)} | {c.repeats} | {c.images} | {c.captioned} |" for c in census.concepts]
    sizes = ", ".join(f"{size} ({count})" for size, count in list(census.sizes.items())[:12])
    more = len(census.sizes) - 12
    return [*lines, "", f"Sizes: {sizes}{f' and {more} more' if more > 0 else ''}", ""]


def _public(arguments: Mapping[str, Any]) -> dict[str, str]:
    """The run's settings without the paths of this machine; of the base model its name stays."""
    names = [name for name in FIRST if name in arguments]
    names += sorted(name for name in arguments if name not in FIRST)
    shown = {}
    for name in names:
        value = arguments[name]
        is_private = any(part in name for part in PRIVATE) and name not in FIRST
        if is_private or value in (None, ""):
            continue
        shown[name] = _text(value).replace("\\", "/").rpartition("/")[2] if "path" in name else _text(value)
    return shown


def _table(head: tuple[str, str], rows: Mapping[str, str]) -> list[str]:
    filled = [f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items() if value]
    return [f"| {head[0]} | {head[1]} |", "| --- | --- |", *filled]


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _cell(text: str) -> str:
    return _inline(text).replace("|", "\\|")


def _inline(text: str) -> str:
    """One line that Markdown shows as it is written."""
    line = " ".join(str(text).split())
    for mark in "\\`*_[]<>":
        line = line.replace(mark, f"\\{mark}")
    return line
