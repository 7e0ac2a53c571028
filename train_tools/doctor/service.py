"""All checks of this installation, one after another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from train_tools.doctor import machine_checks, program_checks
from train_tools.doctor.explain import explain, tail
from train_tools.doctor.finding import FAIL, Finding
from train_tools.environment import host_record, program
from train_tools.environment.machine import this_machine
from train_tools.environment.place import Place
from train_tools.environment.process import process_environment
from train_tools.environment.sd_scripts_place import sd_scripts_folder, sd_scripts_python
from train_tools.environment.start import inner_variables
from train_tools.environment.status import BROKEN, READY, environment_status
from train_tools.errors import TrainToolsError

CLONE = Path(__file__).resolve().parents[2]


def examine(root: Path, environ: Mapping[str, str], ports: tuple[int, ...] = ()) -> Iterator[Finding]:
    """`root` holds the projects. A check that falls is a finding too: the others still run."""
    yield machine_checks.python()
    yield machine_checks.git()
    yield from machine_checks.this_windows()
    status = environment_status(environ)
    for name, folder in (("root", root), ("environment", status.folder)):
        yield machine_checks.disk(name, folder)
    yield machine_checks.permissions("root", root)
    yield machine_checks.permissions("environment", status.folder.parent)
    yield machine_checks.loopback()
    yield from map(machine_checks.port, ports)
    try:
        chosen = program_checks.gpus_chosen(program.read(root))
        settled: Mapping[str, str] = process_environment(environ, root)
    except TrainToolsError as error:
        yield Finding(
            "program-settings", FAIL, str(error), "mend the file or move it away: its defaults are then used"
        )
        settled = environ
    else:
        yield chosen
    machine = this_machine(settled)
    yield program_checks.environment(status)
    if status.state == BROKEN:
        for remedy in explain(tail(status.log)):
            yield Finding(f"environment-{remedy.id}", FAIL, f"{remedy.means} ({remedy.line})", remedy.do)
    yield program_checks.driver(machine, program_checks.torch_cuda(status.folder))
    if status.state == READY:
        inner = inner_variables(Place(CLONE, status.folder), settled)
        lock = CLONE / "requirements" / "run.lock"
        yield from program_checks.packages(status.python, lock, machine.nvidia, inner)
    yield program_checks.xformers(status.folder)
    if checkout := sd_scripts_folder(environ):
        own = sd_scripts_python(checkout).parents[1]
        if own != status.folder:
            found = program_checks.xformers(own)
            yield Finding("sd-scripts-xformers", found.state, found.text, found.fix)
    yield program_checks.host(host_record.read())
    yield program_checks.sd_scripts(environ)
    yield from program_checks.base_models(root)
