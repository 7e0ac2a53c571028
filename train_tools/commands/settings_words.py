"""Settings in words: for the terminal, and for docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from train_tools.arguments.current import current
from train_tools.commands.settings_catalogue import TITLES
from train_tools.planning.catalogue import SECTION as TRAINING
from train_tools.workspace.catalogue import Entry

HEAD = """\
# Settings

Made by `python -m train_tools settings explain --markdown > docs/settings.md`; change it where the settings are
stated, not here.

Every setting of a version stands in its `version.toml`, in the section that is named in brackets. What isn't
there has its default. `settings show PROJECT VERSION` tells what is set, `settings set PROJECT VERSION
dataset.width=768` changes it, `settings reset` takes it back. An *axis* takes several values, each of which makes
results of its own to compare.

每个版本的全部设置都写在 `version.toml` 里，按方括号中的小节分组；未写出的取默认值。
“轴”可填多个值，每个值各产生一组结果以供比较。
"""


def explained(entry: Entry, language: str) -> list[str]:
    """A setting for a person who asks what it is."""
    is_zh = language == "zh"
    default, allowed, axis = ("默认", "可取", "可作为轴") if is_zh else ("default", "takes", "may be an axis")
    colon = "\uff1a" if is_zh else ": "
    lines = [
        f"{entry.section}.{entry.name}",
        f"    {entry.help_in(language)}",
        f"    {default}{colon}{entry.default or '-'}",
        f"    {allowed}{colon}{entry.allowed_in(language)}",
    ]
    return [*lines, f"    {axis}"] if entry.is_axis else lines


def markdown(sections: Mapping[str, Iterable[Entry]]) -> str:
    """The documentation page."""
    lines = [HEAD]
    for section, entries in sections.items():
        english, chinese = TITLES[section]
        lines += [f"## {english} `[{section}]` {chinese}\n"]
        if section == TRAINING:
            lines += ["Besides these every argument of sd-scripts: [arguments.md](arguments.md).\n"]
        lines += ["| Setting | What it is | Default | Takes | Axis |", "|---|---|---|---|---|"]
        lines += [
            _row(entry) for entry in entries if section != TRAINING or entry.name not in current().arguments
        ]
        lines.append("")
    return "\n".join(lines)


def _row(entry: Entry) -> str:
    what = entry.help + (f"<br>{entry.zh}" if entry.zh else "")
    default = f"`{entry.default}`" if entry.default else "–"
    cells = [f"`{entry.name}`", what, default, entry.allowed_in("en"), "yes" if entry.is_axis else ""]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def document(entry: Entry) -> dict[str, object]:
    """For a program."""
    return {
        "section": entry.section,
        "name": entry.name,
        "kind": entry.kind,
        "default": entry.default,
        "choices": list(entry.choices),
        "minimum": entry.minimum,
        "maximum": entry.maximum,
        "separator": entry.separator,
        "may_be_none": entry.may_be_none,
        "is_axis": entry.is_axis,
        "help": entry.help,
        "zh": entry.zh,
    }
