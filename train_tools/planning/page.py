"""The table of arguments as a page of documentation: docs/arguments.md."""

from __future__ import annotations

from collections.abc import Iterator

from train_tools.arguments.argument import Argument, Dependency
from train_tools.arguments.current import current
from train_tools.arguments.table import SUBJECTS
from train_tools.families.registry import FAMILIES

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
    """What else is to know: sentences."""
    said = [_dependency("needs", dependency) for dependency in argument.needs]
    said += [_dependency("excludes", dependency) for dependency in argument.excludes]
    if argument.is_installed:
        said.append("it is new in the installed sd-scripts, whose words these are")
    if argument.acts_in:
        said.append(f"acts only in {', '.join(argument.acts_in)}")
    if argument.reason:
        said.append(f"our default: {argument.reason}")
    if argument.not_an_axis:
        said.append(f"no axis: {argument.not_an_axis}")
    if argument.chosen_by_us:
        said.append(f"not for you to set: {argument.chosen_by_us}")
    if argument.instead is not None:
        name, value = argument.instead
        said.append(f"set {name}" + ("" if value is None else f"={value}"))
    return said


def _dependency(verb: str, dependency: Dependency) -> str:
    values = " or ".join(value_text(value) for value in dependency.values)
    text = f"{verb} {dependency.other} {values}".rstrip()
    if dependency.when:
        text = f"{' or '.join(value_text(value) for value in dependency.when)} {text}"
    if dependency.families:
        text += f" (in {', '.join(dependency.families)})"
    return f"{text}: {dependency.because}"


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
    yield "| argument | takes | default | axis | families | help | 说明 |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in SUBJECTS[subject]:
        yield _row(row)


def _row(row: Argument) -> str:
    more = "; ".join(notes(row))
    help_text = f"{row.help} *{more[0].upper()}{more[1:]}.*" if more else row.help
    cells = (
        f"`{row.name}`", row.allowed, f"`{default_text(row)}`", "yes" if row.is_axis else "no",
        ", ".join(row.families), help_text, row.help_zh,
    )  # fmt: skip
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def matching(family: str = "", importance: str = "") -> list[Argument]:
    """The rows that a family knows, of one importance; all where nothing is asked."""
    return [
        row
        for row in current().arguments.values()
        if (not family or row.is_known_in(family)) and importance in ("", row.importance)
    ]
