"""Checks of the base model and of the files that belong to it: told before anything is queued."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

from train_tools.arguments.table import ARGUMENTS
from train_tools.families.files import KEPT, how_to_give
from train_tools.families.foreign import ADAPTERS
from train_tools.families.head import NoModelError, read_head
from train_tools.families.interface import BASE, is_marked
from train_tools.families.registry import FAMILIES
from train_tools.planning.facts import SD_SCRIPTS, Facts, Said, check
from train_tools.planning.names import base_name

HEAD = "the file's own head"
SAYS = "the base model's own metadata"
LORA = next(kind for kind in ADAPTERS if kind.instead.endswith("network_weights"))
LORAS = ("network_weights", "base_weights")
# Files that are read by their head: other arguments name folders, or files of words.
MODELS = ("vae", *LORAS, *(name for name in KEPT if name != "vae"))
# What names a file or folder that must be there before the training.
READ = tuple(
    row.name for row in ARGUMENTS.values() if row.must_exist and not row.chosen_by_us and row.name != BASE
)


@check("base-model", "", HEAD, "error")
def base_model(run: Facts) -> Said | None:
    fault = run.base.fault
    return (
        Said(f"the base model {base_name(str(run[BASE]))} is {fault.what}", fault.instead) if fault else None
    )


@check("base-parts", "", HEAD, "error")
def base_parts(run: Facts) -> list[Said]:
    """What the base model's own file lacks, and no other file gives."""
    name = base_name(str(run[BASE]))
    lacking = [part for part in run.base.missing if not run[part.argument]]
    return [Said(f"the base model {name} has no {part.name}", how_to_give(part.argument)) for part in lacking]


@check("encoders-inside", "", SD_SCRIPTS, "error")
def encoders_inside(run: Facts) -> Said | None:
    """It takes them from there even where files are given, and then they are empty."""
    family = run.base.family
    if family is None or run.base.fault:
        return None
    apart = [part for part in family.parts if part.must_be_apart]
    inside = [part for part in apart if part not in run.base.missing]
    if not inside:
        return None
    return Said(
        f"the base model {base_name(str(run[BASE]))} holds its {inside[0].name} itself, which sd-scripts can't load "
        "from there",
        "choose the model's file without text encoders, and set "
        f"{', '.join(part.argument for part in apart)} to files of their own",
    )


@check("further-files", "", SD_SCRIPTS, "error")
def further_files(run: Facts) -> list[Said]:
    """Those that the family keeps apart."""
    family = run.base.family
    if run.base.fault or family is None:
        return []
    missing = [name for name in family.training.required if name != BASE and not run[name]]
    return [
        Said(f"{family.title} needs {name}, which isn't set", how_to_give(name))
        for name in missing
        if name in KEPT
    ]


@check("missing-file", "mend the path, or leave it out", "the disk", "error")
def missing_file(run: Facts) -> list[Said]:
    found = [(name, path) for name in READ for path in _paths(run, name) if not Path(path).exists()]
    return [Said(f"{name}: there is no {path}", "mend the path, or leave it out") for name, path in found]


@check("other-file", "", HEAD, "error")
def other_file(run: Facts) -> list[Said]:
    """Files that are there, and aren't what the argument asks for."""
    given = [(name, path) for name in MODELS for path in _paths(run, name) if Path(path).is_file()]
    return [one for name, path in given if (one := _of_file(name, path, _changed(path)))]


@functools.lru_cache(maxsize=256)
def _of_file(name: str, path: str, _changed: tuple[int, int]) -> Said | None:
    try:
        head = read_head(Path(path))
    except NoModelError as error:
        return Said(f"{name} names {base_name(path)}, which is {error.fault.what}", error.fault.instead)
    is_lora = is_marked(LORA.marks, head)
    if name in LORAS and not is_lora:
        return Said(f"{name} names {base_name(path)}, which is no LoRA", "choose a LoRA's file")
    if name not in LORAS and is_lora:
        return Said(
            f"{name} names {base_name(path)}, which is {LORA.what}",
            "choose the file that the argument asks for",
        )
    return None


def _changed(path: str) -> tuple[int, int]:
    state = Path(path).stat()
    return state.st_mtime_ns, state.st_size


def _paths(run: Facts, name: str) -> Iterator[str]:
    given = run[name]
    if given:
        yield from [given] if isinstance(given, str) else given


@check("family-flag", "", SD_SCRIPTS, "error")
def family_flag(run: Facts) -> list[Said]:
    """What tells the script which of its families it trains, as v2."""
    if run.base.family is None:
        return []
    own = run.base.family.training
    sharing = [family.training for family in FAMILIES if family.training.script == own.script]
    said = []
    for name in dict.fromkeys(name for training in sharing for name in training.fixed):
        wanted, given = own.fixed.get(name, ARGUMENTS[name].sd_default), run[name]
        if given != wanted and (name in own.fixed or given):
            sentence = f"{name} is {_shown(given)}, and the base model is {run.base.family.title}"
            said.append(Said(sentence, f"leave {name} out"))
    return said


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@check("velocity-flag", "leave v_parameterization out", SAYS)
def velocity_flag(run: Facts) -> str | None:
    if run.base.predicts_velocity and not run["v_parameterization"]:
        return "the base model says that it predicts velocity, and v_parameterization is off"
    return None


@check("noise-flag", "leave v_parameterization out", SAYS)
def noise_flag(run: Facts) -> str | None:
    if run["v_parameterization"] and run.base.prediction == "epsilon":
        return "v_parameterization is set, and the base model says that it predicts noise"
    return None


@check("velocity-unsaid", "look at the model's page: set v_parameterization as it says", HEAD)
def velocity_unsaid(run: Facts) -> str | None:
    family = run.base.family
    if (
        run["v_parameterization"]
        and family is not None
        and not family.training.is_flow
        and not run.base.prediction
    ):
        return "v_parameterization is set, and the base model's file doesn't say that it predicts velocity"
    return None


@check("velocity-of-v2", "set v_parameterization true for 2.0 and 2.1 of 768 pixels; leave it for the 512 ones", HEAD,
       "advice")  # fmt: skip
def velocity_of_v2(run: Facts) -> str | None:
    family = run.base.family
    is_doubtful = family is not None and family.training.often_velocity and not run.base.prediction
    if is_doubtful and not run["v_parameterization"]:
        return (
            "the base model's file doesn't say whether it predicts velocity, as most of Stable Diffusion 2 do"
        )
    return None


@check("zero-snr-flag", "leave zero_terminal_snr out", SAYS)
def zero_snr_flag(run: Facts) -> str | None:
    if run.base.zero_snr and not run["zero_terminal_snr"]:
        return "the base model was trained down to pure noise, and zero_terminal_snr is off"
    return None


@check("clip-skip-ignored", "leave clip_skip out", SD_SCRIPTS, "advice")
def clip_skip_ignored(run: Facts) -> str | None:
    if run["clip_skip"] and run.base.family and run.base.name not in ARGUMENTS["clip_skip"].acts_in:
        return f"clip_skip does nothing on {run.base.family.title}"
    return None
