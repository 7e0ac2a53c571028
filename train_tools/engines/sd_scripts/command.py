"""The command that starts a real script, and the environment that it runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from train_tools.engines import lifeline
from train_tools.engines.sd_scripts import launch
from train_tools.environment.sd_scripts_place import NOT_HANDED_ON, sd_scripts_python


def command(checkout: Path, script: str, config: Path, processes: int, precision: str) -> list[str]:
    """One process, or `processes` of accelerate's, each with a GPU; `precision` is mixed_precision."""
    python = str(sd_scripts_python(checkout))
    started = [launch.__file__, lifeline.__file__, str(checkout / script), "--config_file", str(config)]
    if processes == 1:
        return [python, *started]
    options = {
        "num_processes": processes,
        "num_machines": 1,
        "mixed_precision": precision,
        "dynamo_backend": "no",
        "num_cpu_threads_per_process": max(1, (os.cpu_count() or 1) // processes),
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [python, "-m", "accelerate.commands.launch", "--multi_gpu", *words, *started]


def variables(environ: Mapping[str, str], *, is_local: bool) -> dict[str, str]:
    """`is_local`: everything that it needs lies on this machine, so it need not ask the hub."""
    found = {name: value for name, value in environ.items() if name not in NOT_HANDED_ON}
    found |= {"PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1", lifeline.SUPERVISED: "1"}
    # Without it Windows reads and prints in its own encoding, and sd-scripts ends at the first Japanese word.
    found["PYTHONUTF8"] = "1"
    # Waiting threads of OpenMP give their core away; GNU's can be told how soon, which goes before this.
    found.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if is_local:
        found.setdefault("HF_HUB_OFFLINE", "1")
    return found
