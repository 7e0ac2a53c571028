"""The checkpoints of the run that another one goes on from: they come with it, so that its line begins at epoch 1."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from train_tools.arguments.checkpoints import final_checkpoint, of_epoch
from train_tools.errors import TrainToolsError
from train_tools.workspace.run_folder import read_arguments, read_record


def earlier_run(folder: Path, arguments: Mapping[str, Any]) -> Path | None:
    """The run folder beside `folder` that its run goes on from; None where it is of another kind."""
    if int(arguments.get("initial_epoch") or 1) == 1:
        return None
    for name in ("resume", "network_weights"):
        if (path := arguments.get(name)) and Path(path).parent.parent == folder.parent:
            return Path(path).parent
    return None


def take_over(folder: Path, arguments: Mapping[str, Any]) -> None:
    """Links the earlier run's checkpoints into the folder, under this run's names; those that are gone are left out."""
    source = earlier_run(folder, arguments)
    if source is None:
        return
    with contextlib.suppress(TrainToolsError, OSError):
        earlier = read_arguments(source)
        for path, name in _renamed(source, earlier, arguments):
            if path.is_file() and not (folder / name).exists():
                _link(path, folder / name)


def _renamed(
    source: Path, earlier: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Iterator[tuple[Path, str]]:
    record = read_record(source)
    old = record.output_name if record else str(earlier["output_name"])
    final = final_checkpoint({**earlier, "output_name": old})
    ending = Path(final).suffix
    for path in sorted(source.glob(f"{old}-*{ending}")):
        yield path, f"{arguments['output_name']}{path.name.removeprefix(old)}"
    done = int(arguments["initial_epoch"]) - 1
    yield source / final, of_epoch(str(arguments["output_name"]), done, ending.removeprefix("."))


def _link(path: Path, target: Path) -> None:
    try:
        os.link(path, target)
    except OSError:  # a file system without them
        shutil.copyfile(path, target)
