"""Environment, driver, host, sd-scripts and base models: what the program works with."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train_tools.doctor.finding import FAIL, OK, WARN, Finding
from train_tools.environment import gpus, host_record, record, self_check
from train_tools.environment.machine import TURING, Machine
from train_tools.environment.manage import what_is_known
from train_tools.environment.program import AUTO, ProgramSettings
from train_tools.environment.sd_scripts_place import SD_SCRIPTS_VARIABLE, sd_scripts_folder, sd_scripts_python
from train_tools.environment.status import ABSENT, MAKING, READY, EnvironmentStatus
from train_tools.errors import UsageError
from train_tools.families.detect import detect
from train_tools.workspace import toml

HOSTS_TRIED = {"webui": (1, 10), "forge": (0, 0)}
BASE = "pretrained_model_name_or_path"
NEEDS_TORCH = re.compile(r"^Requires-Dist:\s*torch\s*\(?==\s*(?P<version>[\d.]+)", re.MULTILINE)


def environment(status: EnvironmentStatus) -> Finding:
    if status.state == READY:
        versions = ", ".join(f"{name} {version}" for name, version in status.versions.items())
        return Finding("environment", OK, f"{status.folder}; {versions}" if versions else str(status.folder))
    if status.state == ABSENT:
        return Finding(
            "environment",
            WARN,
            f"not made yet: {status.folder}",
            "`env create` makes it; other commands do so when they start",
        )
    if status.state == MAKING:
        return Finding(
            "environment",
            WARN,
            f"being made: {status.folder}",
            f"wait until it is made; it says what it does in {status.log}",
        )
    return Finding(
        "environment",
        FAIL,
        f"not whole: {status.folder}; {status.error}",
        f"`env create` goes on; the full log is {status.log}",
    )


def packages(python: Path, lock: Path, nvidia: bool, environ: Mapping[str, str]) -> list[Finding]:
    """What is installed against the lock, and whether torch finds the GPU; asks the environment's interpreter."""
    outcomes = self_check.check_packages(python, lock, nvidia, environ, names=[])
    return [
        Finding(f"environment-{outcome.id}", outcome.state, outcome.text)
        for outcome in outcomes
        if outcome.id != "imports"
    ]


def driver(machine: Machine, torch_cuda: str) -> Finding:
    """The NVIDIA driver against the CUDA that torch was built for (`12.6`; empty: a build without)."""
    if not machine.nvidia:
        if machine.amd or machine.platform == "darwin":
            return Finding("driver", OK, "no NVIDIA GPU is there; another may be")
        return Finding(
            "driver", WARN, "no NVIDIA GPU is there",
            "training needs one of 6 GB or more, else it takes days; where there is one, install its driver",
        )  # fmt: skip
    known = (
        f"the driver knows CUDA {_dotted(machine.cuda)}"
        if machine.cuda
        else "the driver doesn't tell its CUDA"
    )
    if not torch_cuda:
        return Finding("driver", OK, known)
    text = f"{known}, torch was built for {torch_cuda}"
    major, minor = (int(part) for part in [*torch_cuda.split("."), "0"][:2])
    if machine.capability and machine.capability < TURING and major >= 13:
        fix = "`env settings --set torch=cu126`, then `env upgrade`"
        return Finding(
            "driver", FAIL, f"{text}, which has no code for this GPU ({_dotted(machine.capability)})", fix
        )
    if machine.cuda is None:
        return Finding("driver", WARN, text, "compare it yourself: nvidia-smi says `CUDA Version`")
    if machine.cuda[0] < major:
        fix = "update the driver, or `env settings --set torch=cu126` and `env upgrade`"
        return Finding("driver", FAIL, text, fix)
    if machine.cuda < (major, minor):
        return Finding("driver", WARN, text, "that mostly works; update the driver if it doesn't")
    return Finding("driver", OK, text)


def gpus_chosen(settings: ProgramSettings) -> Finding:
    """Whether those are there; where one isn't, torch would train on the CPU and say nothing."""
    if settings.gpus == AUTO:
        return Finding("gpus", OK, "torch chooses the GPU")
    try:
        gpus.check_present(settings)
    except UsageError as error:
        return Finding(
            "gpus", FAIL, str(error), "`env settings --set gpus=auto`, or the numbers of those that are there"
        )
    return Finding("gpus", OK, f"trains on GPU {settings.gpus}")


def torch_cuda(folder: Path) -> str:
    """Of the torch in the environment `folder`; empty where there is none or it is a build without."""
    for site in record.site_packages(folder):
        try:
            text = (site / "torch" / "version.py").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        if match := host_record.CUDA.search(text):
            return match[1]
    return ""


def xformers(folder: Path) -> Finding:
    """xformers against torch, by what its package says that it needs."""
    for site in record.site_packages(folder):
        for info in site.glob("xformers-*.dist-info"):
            needs = _needed_torch(info / "METADATA")
            there = record.installed(folder).get("torch", "").partition("+")[0]
            version = info.name.removeprefix("xformers-").removesuffix(".dist-info")
            if needs and needs != there:
                return Finding(
                    "xformers", FAIL, f"xformers {version} was built for torch {needs}; here is {there or 'none'}",
                    "install the one for this torch, or take it out and use sdpa=true",
                )  # fmt: skip
            return Finding("xformers", OK, f"xformers {version} fits torch {there}")
    return Finding("xformers", OK, "xformers isn't installed; sdpa=true does without")


def host(found: host_record.HostRecord | None) -> Finding:
    if found is None or not found.host:
        return Finding("host", OK, "no webui has started this clone")
    text = f"{found.host} {found.version or '(version unknown)'} with Python {found.python_version} in {found.folder}"
    if not Path(found.folder).is_dir():
        return Finding("host", WARN, f"{text} is gone", "start the webui once: it is noted anew")
    numbers = tuple(int(part) for part in re.findall(r"\d+", found.version)[:2])
    if numbers and numbers < HOSTS_TRIED.get(found.host, (0, 0)):
        return Finding(
            "host", WARN, text, "this program was tried with 1.10; update the webui if the tab fails"
        )
    return Finding("host", OK, text)


def sd_scripts(environ: Mapping[str, str]) -> Finding:
    folder = sd_scripts_folder(environ)
    if folder is not None:
        return _installed_sd_scripts(folder, environ)
    if own := environ.get(SD_SCRIPTS_VARIABLE):
        return Finding(
            "sd-scripts", FAIL, f"{own} is no checkout of sd-scripts", f"mend or unset {SD_SCRIPTS_VARIABLE}"
        )
    return Finding(
        "sd-scripts", OK, "not installed; `env create --sd-scripts` does it, the packed engine needs none"
    )


def _installed_sd_scripts(folder: Path, environ: Mapping[str, str]) -> Finding:
    text = f"{folder}, with {sd_scripts_python(folder)}"
    known = what_is_known(folder, environ)
    if known is None:
        return Finding("sd-scripts", OK, text)
    fix = "" if known.state == OK else "`env check` asks it"
    return Finding("sd-scripts", known.state, f"{text}; {known.text}", fix)


def base_models(root: Path) -> Iterator[Finding]:
    """One finding for each base model that a version's settings name."""
    if not toml.has_reader():
        fix = "start it with the environment's Python, or Python 3.11 or newer"
        yield Finding("base-models", WARN, "this Python can't read the versions' settings", fix)
        return
    named: dict[str, str] = {}
    for file in sorted((root / "train_tools" / "projects").glob("*/versions/*/version.toml")):
        try:
            value = _training(file).get(BASE, "")
        except UsageError as error:
            yield Finding("settings", FAIL, str(error), "mend the file, or take the one beside it")
            continue
        for path in str(value).split(",") if isinstance(value, str) else map(str, value):
            if path.strip():
                named.setdefault(path.strip(), f"{file.parts[-4]} {file.parts[-2]}")
    for path, version in named.items():
        yield base_model(Path(path).expanduser(), version)


def base_model(path: Path, version: str = "") -> Finding:
    """The head of a checkpoint file, or a diffusers folder: whole, and of which family."""
    of = f" (of {version})" if version else ""
    name = f"base-model {path.name}"
    if not path.exists():
        return Finding(
            name, FAIL, f"{path} isn't there{of}", f"give its whole path as {BASE}, or `model download` it"
        )
    found = detect(path)
    if found.fault:
        state = WARN if found.fault.kind == "unknown" else FAIL
        return Finding(name, state, f"the base model {path} is {found.fault.what}{of}", found.fault.instead)
    if path.is_file() and path.suffix != ".safetensors":
        return Finding(
            name, WARN, f"{path} is no safetensors file{of}", "such a file may run code when it is loaded"
        )
    return Finding(
        name, OK, f"{path}: {found.title}{', v-prediction' if found.predicts_velocity else ''}{of}"
    )


def _training(file: Path) -> dict[str, Any]:
    found = toml.load(file).get("training", {})
    return found if isinstance(found, dict) else {}


def _dotted(version: tuple[int, int] | None) -> str:
    return ".".join(map(str, version)) if version else "?"


def _needed_torch(metadata: Path) -> str:
    """The version that a package pins; empty where it pins none."""
    try:
        text = metadata.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = NEEDS_TORCH.search(text)
    return found["version"] if found else ""
