"""The table of arguments as a page of documentation: docs/arguments.md."""

from __future__ import annotations

from collections.abc import Iterator

from train_tools.arguments.argument import Argument, Dependency
from train_tools.arguments.current import current
from train_tools.arguments.table import SUBJECTS
from train_tools.families.registry import BY_NAME, FAMILIES

TITLES = {
    "model": "Base model and captions' encoders",
    "learning": "Length and learning",
    "network": "Network",
    "loss": "Noise, loss, validation",
    "flow": "Noise levels of flow-matching models",
    "images": "Images",
    "captions": "Captions",
    "memory": "Number formats, memory, speed",
    "saving": "Saving",
    "logs": "Logs and samples",
}
COMMAND = "python -m train_tools arguments list --markdown > docs/arguments.md"
HEAD = f"""# Arguments of a training

Every argument of every LoRA trainer of sd-scripts (48d368fa, February 2026), under its name there. This page is
written by `{COMMAND}`.

*Default* is ours; where sd-scripts has another, it stands behind. *Axis*: several values make several runs.
*Families*: which trainers know it; empty: all. What an argument needs or excludes is checked before a training.
"""


def markdown() -> str:
    return "\n".join([HEAD, *_families(), *(line for subject in SUBJECTS for line in _subject(subject)), ""])


def default_text(argument: Argument) -> str:
    """Our default, and sd-scripts' where it is another."""
    text = value_text(argument.default)
    if argument.default != argument.sd_default:
        text += f" (sd-scripts: {value_text(argument.sd_default)})"
    if argument.sd_defaults:
        text += "; " + ", ".join(f"{family} {value_text(v)}" for family, v in argument.sd_defaults.items())
    return text


def value_text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value) or '""'


def notes(argument: Argument) -> list[str]:
    """What else is to know: whole sentences."""
    said = [_dependency(dependency, is_needed=True) for dependency in argument.needs]
    said += [_dependency(dependency, is_needed=False) for dependency in argument.excludes]
    if argument.acts_in:
        said.append(f"It acts only in {', '.join(BY_NAME[name].title for name in argument.acts_in)}.")
    if argument.reason:
        said.append(
            f"sd-scripts' own default is {value_text(argument.sd_default)}; ours is another: {argument.reason}."
        )
    if argument.not_an_axis:
        said.append(f"A grid can't vary it: {argument.not_an_axis}.")
    if argument.chosen_by_us:
        said.append(f"It can't be set: {argument.chosen_by_us}.")
    if argument.instead is not None:
        name, value = argument.instead
        said.append(f"Set {name} instead." if value is None else f"Set {name}={value} instead.")
    if argument.is_installed:
        said.append("It is new in the installed sd-scripts, whose words these are.")
    elif argument.words.is_hearsay:
        said.append("This is what sd-scripts says of it; it wasn't tried here.")
    return said


def _dependency(dependency: Dependency, *, is_needed: bool) -> str:
    values = " or ".join("on" if value is True else value_text(value) for value in dependency.values)
    other, because = f"{dependency.other} {values}".rstrip(), dependency.because
    at = " or ".join(value_text(value) for value in dependency.when)
    if at:
        text = (
            f"At {at} it needs {other}: {because}."
            if is_needed
            else f"At {at} it can't go with {other}: {because}."
        )
    else:
        text = f"It needs {other}: {because}." if is_needed else f"It can't go with {other}: {because}."
    families = ", ".join(BY_NAME[name].title for name in dependency.families)
    return f"In {families}: {text}" if families else text


def _families() -> Iterator[str]:
    yield "| family | base models | trainer | network modules | files that it needs | and may have |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for family in FAMILIES:
        training = family.training
        cells = (training.network_modules, training.required, training.optional)
        lists = " | ".join(", ".join(f"`{name}`" for name in names) for names in cells)
        yield f"| {family.name} | {family.title} | `{training.script}` | {lists} |"


def _subject(subject: str) -> Iterator[str]:
    yield f"\n## {TITLES[subject]}\n"
    yield "| argument | label | takes | default | axis | families | help | 说明 |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in SUBJECTS[subject]:
        yield _row(row)


def _row(row: Argument) -> str:
    label, label_zh = row.words.labels
    help_text, help_zh = row.words.helps
    if more := " ".join(notes(row)):
        help_text += f" *{more}*"
    cells = (
        f"`{row.name}`", label, row.allowed, f"`{default_text(row)}`", "yes" if row.is_axis else "no",
        ", ".join(row.families), help_text, f"**{label_zh}**\uff1a{help_zh}",
    )  # fmt: skip
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def matching(family: str = "", importance: str = "") -> list[Argument]:
    """The rows that a family knows, of one importance; all where nothing is asked."""
    return [
        row
        for row in current().arguments.values()
        if (not family or row.is_known_in(family)) and importance in ("", row.importance)
    ]
