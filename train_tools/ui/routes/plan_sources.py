"""What a plan's settings come from: the table of arguments, presets, base models, others' files, pasted text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.config_file import check
from train_tools.arguments.current import current
from train_tools.arguments.options import SOURCES
from train_tools.arguments.values import signs_of
from train_tools.engines.sd_scripts.installed import ask_now, due
from train_tools.environment.sd_scripts_asked import key_of
from train_tools.errors import TrainToolsError, UsageError
from train_tools.families.detect import detect
from train_tools.families.interface import Found
from train_tools.families.registry import BY_NAME, USUAL, family_of_script
from train_tools.planning import page
from train_tools.planning.catalogue import training_entries
from train_tools.planning.imports.imported import Imported
from train_tools.planning.imports.lora_metadata import from_lora
from train_tools.planning.imports.read import import_settings
from train_tools.planning.pasted import parse_what_is_right
from train_tools.planning.presets import Fit, Preset, all_presets, by_fit, delete, save
from train_tools.small_models import base_model_file
from train_tools.ui import training_settings
from train_tools.ui.guard import check_exposed, may_look_at
from train_tools.ui.routes.models import ROLE_OF
from train_tools.ui.routing import Call, get, post, upload
from train_tools.ui.training_settings import texts_of
from train_tools.workspace.names import check_name

OWN_SUBJECT = "grid"  # of what is no argument of sd-scripts


def arguments(call: Call) -> dict[str, Any]:
    """Every field, in the page's language, with what else is known of it."""
    is_asking = _is_asking(call)
    fields = []
    table = current()
    subject_of = {row.name: subject for subject, rows in table.subjects.items() for row in rows}
    for entry in training_entries():
        row = table.known[entry.name]
        is_source = row in SOURCES
        fields.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "default": "" if is_source and entry.kind == "str" else entry.default,
                "choices": entry.choices,
                "help": entry.help_in(call.language),
                "allowed": entry.takes_in(call.language),
                "is_axis": entry.is_axis,
                "may_be_none": entry.may_be_none,
                "importance": row.importance,
                "subject": subject_of.get(entry.name, OWN_SUBJECT),
                "families": row.families,
                "label": row.words.label_in(call.language),
                "role": (ROLE_OF.get(row.name, "path") if row.is_path else ""),
                "notes": page.notes(row),
                "signs": signs_of(row),
            }
        )
    return {"fields": fields, "asking": is_asking}


def _is_asking(call: Call) -> bool:
    """Whether sd-scripts, new or changed, is being asked for its arguments; they are there when it has answered."""
    checkout = due()
    if checkout is None:
        return False
    answer = call.request.app.state.later.answer(
        ("asked", checkout), key_of(checkout), lambda: ask_now(checkout), 0
    )
    return "waiting" in answer


def presets(call: Call) -> list[dict[str, Any]]:
    """Shipped ones in their order, then one's own; `?base=` is the base model, whose presets come first."""
    base = Path(call.query("base") or base_model_file()).expanduser()
    found = detect(base) if may_look_at(call, base) else Found()
    fitting = by_fit(all_presets(_own(call)), found, str(base))
    return [_preset(preset, fit, call.language) for fit, preset in fitting]


def _preset(preset: Preset, fit: Fit, language: str) -> dict[str, Any]:
    source = ", ".join(filter(None, (preset.source, preset.date)))
    return {
        "fit": fit,
        "families": preset.titles,
        "name": preset.name,
        "help": preset.zh or preset.help if language == "zh" else preset.help,
        "source": source,
        "is_own": preset.is_own,
        "training": texts_of(preset.training),
        "others": {BY_NAME[name].title: texts_of(values) for name, values in preset.others.items()},
    }


def _own(call: Call) -> Path:
    return call.workspace.projects_folder.parent / "presets"


def saved_preset(call: Call) -> dict[str, str]:
    """What the version has set, but for where its files lie on this machine."""
    values = training_settings.read(call.version).values
    rows = current().arguments
    chosen = {name: text for name, text in values.items() if name in rows and not rows[name].is_path}
    check_exposed(call, chosen)
    name = str(call.field("name")).strip()
    if not call.field("replace", bool, False) and name in all_presets(_own(call)):
        raise UsageError(f"there is a preset {name!r} already; choose another name")
    save(_own(call), name, chosen, str(call.field("help", str, "")).strip())
    return {"name": name}


def deleted_preset(call: Call) -> dict[str, str]:
    return {"entry": delete(_own(call), check_name(str(call.field("name")), "preset")).name}


def pasted(call: Call) -> dict[str, Any]:
    """Arguments as they stand in guides; what they override, and what they leave out."""
    found = parse_what_is_right(str(call.field("text")))
    family = family_of_script(found.script, found.values) or USUAL
    given = training_settings.read(call.version).values
    problems = check(found.values, family, is_whole=False)
    return {
        "settings": texts_of(found.settings),
        "overridden": {
            name: texts_of({name: old})[name] for name, (old, _) in found.overridden(given).items()
        },
        "left_out": [{"key": key, "value": "", "reason": why} for key, why in found.left_out.items()],
        "problems": [problem.sentence for problem in problems],
    }


def _folder(call: Call) -> Path:
    folder = call.root / "train_tools"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def imported_file(call: Call, file: Path) -> dict[str, Any]:
    """`?name=` is what the file is called: its ending tells what it is."""
    name = call.query("name")
    ending = Path(name).suffix.lower()
    named = file.with_name(f"{file.name}{ending if ending[1:].isalnum() else ''}")
    file.replace(named)
    try:
        return _imported(import_settings(named, call.query("family")))
    except TrainToolsError as error:
        raise UsageError(str(error).replace(str(named), name).replace(named.name, name)) from error
    finally:
        named.unlink(missing_ok=True)


def imported_metadata(call: Call) -> dict[str, Any]:
    """A LoRA's own, which the page has read from the file's head, with the names of its tensors."""
    tensors = [str(name) for name in call.field("tensors", list, [])]
    return _imported(from_lora(metadata_of(call.field("metadata", dict)), tensors))


def metadata_of(given: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in given.values()):
        raise UsageError("a LoRA's metadata holds texts alone; this file isn't a LoRA")
    return dict(given)


def _imported(found: Imported) -> dict[str, Any]:
    return {
        "source": found.source,
        "family": BY_NAME[found.family].title,
        "settings": texts_of(found.settings),
        "changes": texts_of(found.changes()),
        "mapped": found.mapped,
        "assumed": list(found.assumed),
        "program": found.program,
        "is_guess": found.is_guess,
        "left_out": [
            {"key": left.key, "value": "" if left.value is None else str(left.value), "reason": left.reason}
            for left in (*found.left_out, *found.not_said)
        ],
    }


ROUTES = [
    get("/api/arguments", arguments),
    get("/api/presets", presets),
    post("/api/v/{project}/{version}/presets", saved_preset),
    post("/api/presets/delete", deleted_preset),
    post("/api/v/{project}/{version}/plan/paste", pasted),
    upload("/api/v/{project}/{version}/plan/import", _folder, imported_file),
    post("/api/v/{project}/{version}/plan/import_lora", imported_metadata),
]
