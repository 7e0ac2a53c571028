"""Whether the environment works: what the program imports is there, as locked, and one training step can be done.

The looking is done by the environment's own interpreter; this part needs the standard library alone.
"""

from __future__ import annotations

import ast
import json
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_tools.environment.sd_scripts_asked import Asked
from train_tools.environment.sd_scripts_place import NOT_HANDED_ON

OK, WARN, FAILED = "ok", "warn", "fail"
PACKAGE = Path(__file__).resolve().parents[1]
# Started in the environment; its argument is what `look` gives, its last line what it saw.
LOOK = """\
import importlib, importlib.metadata, json, sys
asked = json.loads(sys.argv[1])
failed, wrong, count, gpu = {}, [], 0, {}
for name in asked["names"]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}"
try:
    from packaging.requirements import Requirement
    for line in open(asked["lock"], encoding="utf-8"):
        if not line.strip():
            continue
        needed = Requirement(line.strip())
        if needed.marker is None or needed.marker.evaluate():
            count += 1
            try:
                now = importlib.metadata.version(needed.name)
            except importlib.metadata.PackageNotFoundError:
                now = "absent"
            if not needed.specifier.contains(now, prereleases=True) if now != "absent" else True:
                wrong.append(f"{needed.name} is {now} instead of {str(needed.specifier).lstrip('=')}")
except ImportError as error:
    wrong.append(f"packaging is absent ({error})")
try:
    import torch
    gpu = {"torch": torch.__version__, "cuda": torch.version.cuda or "", "hip": torch.version.hip or "",
           "there": torch.cuda.is_available(),
           "names": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]}
except BaseException as error:
    gpu = {"error": f"{type(error).__name__}: {error}"}
print("\\nLOOKED " + json.dumps({"failed": failed, "wrong": wrong, "count": count, "gpu": gpu}))
"""
TIMEOUT_S = 900.0
SIDE = 64  # pixels
STEP = {
    "train_batch_size": 1,
    "max_train_epochs": 1,
    "resolution": f"{SIDE},{SIDE}",
    "network_dim": 4,
    "network_alpha": 4,
    "learning_rate": 1e-4,
    "optimizer_type": "AdamW",
    "network_module": "networks.lora",
    "caption_extension": ".txt",
    "output_name": "check",
    "save_model_as": "safetensors",
}


# Folders and files of the program whose imports are others'.
ELSEWHERE = {"hosts", "small_models", "through_sd_scripts", "drawing"}


@dataclass(frozen=True)
class Outcome:
    """`text` says what was seen, or what is wrong and what to do."""

    id: str
    state: str
    text: str


def imported_names(package: Path = PACKAGE) -> list[str]:
    """The top-level names that the program imports anywhere, less the standard library's and a webui's.

    What it can do without (`try: import …`), what only a host brings, what only draws the small models and what runs in
    sd-scripts' interpreter is left out.
    """
    found: set[str] = set()
    for path in package.rglob("*.py"):
        if not ELSEWHERE & {*path.relative_to(package).parts[:-1], path.stem}:
            _collect(ast.parse(path.read_text(encoding="utf-8")), found)
    return sorted(found - set(sys.stdlib_module_names) - {package.name, "modules", "_typeshed"})


def _collect(node: ast.AST, found: set[str]) -> None:
    if isinstance(node, ast.Try):
        return
    if isinstance(node, ast.Import):
        found |= {alias.name.partition(".")[0] for alias in node.names}
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        found.add(node.module.partition(".")[0])
    for child in ast.iter_child_nodes(node):
        _collect(child, found)


def look(python: Path, lock: Path, names: list[str], environ: Mapping[str, str]) -> dict[str, Any] | Outcome:
    """What the environment's interpreter says of itself, or why it says nothing."""
    asked = json.dumps({"names": names, "lock": str(lock)})
    answer = _run([str(python), "-c", LOOK, asked], environ)
    if isinstance(answer, str):
        return Outcome("python", FAILED, f"{python} {answer}; make the environment anew with `env upgrade`")
    line = next((line for line in reversed(answer[1].splitlines()) if line.startswith("LOOKED ")), "")
    if not line:
        return Outcome(
            "python", FAILED, f"{python} fell ({_last(answer[1])}); make it anew with `env upgrade`"
        )
    found: dict[str, Any] = json.loads(line.removeprefix("LOOKED "))
    return found


def check_packages(
    python: Path, lock: Path, nvidia: bool, environ: Mapping[str, str], *, names: list[str] | None = None
) -> list[Outcome]:
    """Imports, versions and GPU. `nvidia`: the machine has such a GPU, so torch should find it."""
    asked = imported_names() if names is None else names
    found = look(python, lock, asked, environ)
    if isinstance(found, Outcome):
        return [found]
    return [_imports(found["failed"], len(asked)), _versions(found, lock), _gpu(found["gpu"], nvidia)]


def _imports(failed: Mapping[str, str], count: int) -> Outcome:
    if not failed:
        return Outcome("imports", OK, f"all {count} packages that are used can be imported")
    told = "; ".join(f"{name}: {error}" for name, error in failed.items())
    return Outcome("imports", FAILED, f"{told}; make the environment anew with `env upgrade`")


def _versions(found: Mapping[str, Any], lock: Path) -> Outcome:
    wrong = found["wrong"]
    if not wrong:
        return Outcome("versions", OK, f"{found['count']} packages are as {lock.name} says")
    more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
    return Outcome("versions", FAILED, f"{'; '.join(wrong[:5])}{more}; mend it with `env upgrade`")


def _gpu(gpu: Mapping[str, Any], nvidia: bool) -> Outcome:
    if "error" in gpu:
        return Outcome(
            "gpu", FAILED, f"torch can't be loaded ({gpu['error']}); make it anew with `env upgrade`"
        )
    built = f"CUDA {gpu['cuda']}" if gpu["cuda"] else f"ROCm {gpu['hip']}" if gpu["hip"] else "the CPU"
    about = f"torch {gpu['torch']}, built for {built}"
    if gpu["there"]:
        return Outcome("gpu", OK, f"{about}; {', '.join(gpu['names'])}")
    if not nvidia:
        return Outcome("gpu", OK, f"{about}; no GPU is there")
    if not gpu["cuda"]:
        return Outcome(
            "gpu", FAILED, f"{about}, but there is an NVIDIA GPU; set torch=cuda and use `env upgrade`"
        )
    return Outcome(
        "gpu", FAILED, f"{about}, finds no GPU: update the driver, or choose an older build with `env settings --set "
        "torch=cu126` and `env upgrade`"
    )  # fmt: skip


def check_step(python: Path, base_model: Path, environ: Mapping[str, str]) -> Outcome:
    """One step of the packed engine, as it is started for a person's runs, on a picture made here."""
    with tempfile.TemporaryDirectory(prefix="train-tools-check-") as folder:
        run = Path(folder) / "run"
        _prepare(run, base_model)
        # Not from the caller's folder: what lies there would be found before the packages.
        answer = _run([str(python), "-m", "train_tools.engines.packed", str(run)], environ, run.parent)
        if isinstance(answer, str):
            return Outcome("step", FAILED, f"{python} {answer}; make the environment anew with `env upgrade`")
        code, said = answer
        made = list(run.glob("*.safetensors"))
    if code == 0 and made:
        return Outcome("step", OK, "one training step on the small model has left a LoRA")
    return Outcome(
        "step", FAILED, f"a training step ended with {code}: {_last(said)}; `doctor` may know more"
    )


def check_sd_scripts(python: Path, folder: Path, environ: Mapping[str, str]) -> Outcome:
    """Whether its trainer starts: it imports all that it uses before it reads its arguments."""
    own = {name: value for name, value in environ.items() if name not in NOT_HANDED_ON}
    answer = _run([str(python), "train_network.py", "--help"], own, folder)
    if isinstance(answer, str):
        return Outcome(
            "sd-scripts", FAILED, f"{python} {answer}; make it anew with `env create --sd-scripts`"
        )
    code, said = answer
    if code == 0 and "--network_module" in said:
        return Outcome("sd-scripts", OK, f"sd-scripts {folder.name} starts")
    return Outcome("sd-scripts", FAILED, f"sd-scripts {folder.name} doesn't start: {_last(said)}")


def of_asked(name: str, asked: Asked | None) -> Outcome:
    """What is known of its arguments; `name` says which sd-scripts it is."""
    as_shipped = "its arguments are taken as this program knows them"
    if asked is None:
        return Outcome("arguments", WARN, f"{name} wasn't asked yet what it knows; {as_shipped}")
    if not asked.scripts:
        return Outcome("arguments", WARN, f"{name} couldn't be asked ({asked.problem}); {as_shipped}")
    if asked.problem:
        return Outcome(
            "arguments",
            WARN,
            f"not all of {name} gave an answer ({asked.problem}); there {as_shipped}",
        )
    count = len({argument for known in asked.scripts.values() for argument in known})
    return Outcome("arguments", OK, f"{name} has {len(asked.scripts)} trainers, which know {count} arguments")


def _prepare(run: Path, base_model: Path) -> None:
    data = run.parent / "data"
    (data / "1_check").mkdir(parents=True)
    run.mkdir()
    (data / "1_check" / "picture.png").write_bytes(_png())
    (data / "1_check" / "picture.txt").write_text("a red circle\n", encoding="utf-8")
    arguments: dict[str, Any] = {
        **STEP,
        "pretrained_model_name_or_path": str(base_model),
        "train_data_dir": str(data),
        "output_dir": str(run),
    }
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items()]
    (run / "run.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")


def _png() -> bytes:
    """A picture in two colours, without a library for pictures."""
    row = b"\0" + bytes((200, 30, 30)) * (SIDE // 2) + bytes((240, 240, 240)) * (SIDE // 2)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * SIDE)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _run(command: list[str], environ: Mapping[str, str], folder: Path | None = None) -> tuple[int, str] | str:
    """(exit code, all it said), or why it couldn't be started or didn't end."""
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder,
            env=dict(environ), timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"gave no answer within {TIMEOUT_S:.0f} s"
    except OSError as error:
        return f"can't be started ({error.strerror})"
    return answer.returncode, answer.stdout.decode("utf-8", "replace")


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "it said nothing"
