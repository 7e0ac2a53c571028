"""What can be drawn through sd-scripts, asked before anything is loaded, and without torch."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import train_tools.families
from train_tools.engines.sd_scripts.engine import HOW_TO_GET_IT
from train_tools.environment.sd_scripts_place import sd_scripts_folder
from train_tools.families.files import how_to_give
from train_tools.families.interface import BASE, Family, Found

SAMPLERS = ("Euler",)
SCHEDULERS = ("Automatic", "Simple")
VAES = ("ae", "vae")
OF_SD_SCRIPTS = "networks."
DRAWS = ("library/*.py", "networks/*.py")  # what of a checkout its pictures depend on


def why_not(found: Found, run_arguments: Mapping[str, Any], sampler: str, scheduler: str) -> str:
    """Why its pictures can't be drawn so, in a sentence; "" where they can."""
    return next(_reasons(found, run_arguments, sampler, scheduler), "")


def is_drawn(family: Family) -> bool:
    """Whether it has code for that; by its folder, as the code is another interpreter's."""
    return (Path(train_tools.families.__path__[0]) / family.name / "drawing.py").is_file()


def code_in_force() -> str:
    """Stands for the code of the sd-scripts that draws: another version may draw otherwise. "" where there is none."""
    checkout = sd_scripts_folder()
    try:
        files = sorted(path for pattern in DRAWS for path in checkout.glob(pattern)) if checkout else []
        return _content(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))
    except OSError:
        return ""


@functools.lru_cache(maxsize=8)
def _content(files: tuple[tuple[Path, int, int], ...]) -> str:
    """By what is in the files, as a fresh copy of the same version has other times."""
    found = hashlib.sha256()
    for path, _, _ in files:
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16] if files else ""


def vae_argument(family: Family) -> str:
    """What its VAE's file is called."""
    return next(name for name in VAES if name in (*family.training.required, *family.training.optional))


def _reasons(found: Found, arguments: Mapping[str, Any], sampler: str, scheduler: str) -> Iterator[str]:
    family, fault = found.family, found.fault
    if fault is not None:
        yield f"the base model is {fault.what}; {fault.instead}"
    if family is None:
        return
    if not is_drawn(family):
        yield f"{family.title} isn't drawn through sd-scripts"
        return
    training = family.training
    checkout = sd_scripts_folder()
    if checkout is None:
        yield f"sd-scripts, which draws {family.title}, isn't installed; {HOW_TO_GET_IT}"
    elif not (checkout / training.script).is_file():
        yield f"{checkout} has no {training.script}; take a newer version of sd-scripts"
    if sampler not in SAMPLERS:
        yield f"sd-scripts draws {family.title} with the sampler Euler alone, not {sampler}; set sampler=Euler"
    if scheduler not in SCHEDULERS:
        yield f"sd-scripts draws {family.title} with the scheduler Simple alone, not {scheduler}; set scheduler=Simple"
    needed = [name for name in training.required if name != BASE]
    for name in (*needed, *(part.argument for part in found.missing if part.argument)):
        if not arguments.get(name):
            yield f"{name} is missing, without which {family.title} can't be drawn; {how_to_give(name)}"
    for name in (*training.required, *training.optional):
        path = arguments.get(name)
        if isinstance(path, str) and name != BASE and path and not Path(path).exists():
            yield f"{name} = {path} isn't there any more; {_how(name)}"
    module = str(arguments.get("network_module") or "")
    if module and module not in training.network_modules and not module.startswith(OF_SD_SCRIPTS):
        yield f"LoRAs of network_module = {module} aren't drawn; those of {', '.join(training.network_modules)} are"


def _how(name: str) -> str:
    try:
        return how_to_give(name)
    except KeyError:
        return f"set {name} to where it lies now"
