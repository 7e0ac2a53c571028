"""The support bundle: what someone who helps must see, in one zip, without secrets, pictures, captions or models."""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from train_tools import __version__
from train_tools.doctor.explain import LOG, RECORD, explain, read_record, run_folders, tail
from train_tools.doctor.finding import Finding
from train_tools.doctor.redact import Redactor
from train_tools.environment import host_record, process, record, sd_scripts
from train_tools.environment.place import place
from train_tools.environment.status import environment_status
from train_tools.errors import UsageError
from train_tools.workspace.files import write_bytes

LOG_BYTES = 65_536
RUNS = 5  # those that failed last
VARIABLES = ("TRAIN_TOOLS_", "HF_", "PIP_", "UV_", "CUDA_", "PYTORCH_", "PYTHON", "COMMANDLINE_ARGS")
OF_A_RUN = (
    ("run.toml", 10 * LOG_BYTES),
    (RECORD, 10 * LOG_BYTES),
    (LOG, LOG_BYTES),
    ("events.jsonl", LOG_BYTES),
)


def write(
    file: Path, root: Path, environ: Mapping[str, str], findings: Sequence[Finding], run: Path | None = None
) -> list[str]:
    """Makes `file` and gives the names of what is in it; `run` is taken in besides those that failed last.

    Raises UsageError where the file is there already or can't be written.
    """
    if file.exists():
        raise UsageError(f"{file} is there already; give another name")
    redactor = Redactor(environ, root)
    data = io.BytesIO()
    names = []
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in contents(root, environ, findings, run):
            archive.writestr(redactor.text(name), redactor.text(text))
            names.append(redactor.text(name))
    try:
        write_bytes(file, data.getvalue())
    except OSError as error:
        raise UsageError(f"{file} can't be written ({error.strerror}); name another folder") from error
    return names


def contents(
    root: Path, environ: Mapping[str, str], findings: Sequence[Finding], run: Path | None
) -> Iterator[tuple[str, str]]:
    """(name, text), as they are on this machine."""
    yield "doctor.json", _json([asdict(finding) for finding in findings])
    yield "versions.json", _json(versions(environ))
    shown = {n: v for n, v in sorted(environ.items()) if n.startswith(VARIABLES) and n != process.BEFORE}
    yield "variables.json", _json(shown)
    yield from _files(root / "train_tools", ("program.toml", "mirrors.json", "measured.json"), "program")
    for log in sorted((root / "train_tools").glob("*.log")):
        yield f"program/{log.name}", tail(log, LOG_BYTES)
    if own := place(environ):
        yield "environment/setup.log", tail(own.log, LOG_BYTES)
        yield "environment/create.jsonl", tail(own.journal, LOG_BYTES)
    for number, folder in enumerate(chosen_runs(root, run), 1):
        yield f"runs/{number}/folder.txt", f"{folder}\n"
        yield f"runs/{number}/explained.json", _json([asdict(remedy) for remedy in explain(folder)])
        for name, size in OF_A_RUN:
            if (folder / name).is_file():
                yield f"runs/{number}/{name}", tail(folder / name, size)
        version = folder.parents[1] / "version.toml"
        if version.is_file():
            yield f"runs/{number}/version.toml", tail(version, 10 * LOG_BYTES)


def versions(environ: Mapping[str, str]) -> dict[str, Any]:
    status = environment_status(environ)
    host = host_record.read()
    own = place(environ)
    return {
        "train_tools": __version__,
        "python": sys.version,
        "platform": platform.platform(),
        "environment": {"state": status.state, "folder": str(status.folder), "error": status.error},
        "packages": record.installed(status.folder),
        "sd_scripts": [{**asdict(v), "folder": str(v.folder)} for v in sd_scripts.installed(own)]
        if own
        else [],
        "sd_scripts_folder": str(status.sd_scripts_folder or ""),
        "host": asdict(host) if host else None,
    }


def chosen_runs(root: Path, run: Path | None) -> list[Path]:
    ended = [
        (float(found.get("ended") or 0), folder)
        for folder in run_folders(root)
        if (found := read_record(folder)).get("state") in ("failed", "interrupted")
    ]
    failed = [folder for _, folder in sorted(ended, reverse=True) if folder != run][:RUNS]
    return [*([run] if run else []), *failed]


def _files(folder: Path, names: tuple[str, ...], under: str) -> Iterator[tuple[str, str]]:
    for name in names:
        if (folder / name).is_file():
            yield f"{under}/{name}", tail(folder / name, 10 * LOG_BYTES)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"
