"""A LoRA's metadata changed, into a new file: its tensors are copied byte by byte."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from train_tools.errors import UsageError
from train_tools.lora.head_writing import write_with_metadata
from train_tools.lora.tools.opened import open_lora
from train_tools.lora.tools.streaming import refuse_output, room_for
from train_tools.workspace.files import replace, temporary_sibling

COMPUTED = ("sshs_model_hash", "sshs_legacy_hash")  # written anew with every change


@dataclass(frozen=True)
class Edited:
    """`changes`: name -> what it was and is, None where it isn't there."""

    out: Path
    changes: Mapping[str, tuple[str | None, str | None]]
    metadata: Mapping[str, str]


def edit(file: Path, out: Path, changes: Mapping[str, str], remove: Sequence[str] = ()) -> Edited:
    """`remove` are names, or patterns like `ss_*`. Raises TrainToolsError where the file is no whole LoRA's, `out` is
    there already or can't be written, or nothing would change.
    """
    opened = open_lora(file)
    refuse_output(out)
    before = dict(opened.metadata)
    for name in (*changes, *remove):
        if not name.strip() or name in COMPUTED:
            raise UsageError(
                f"{name or 'a name without letters'} can't be set: the hashes follow from the file"
            )
    without = {name for name in before for pattern in remove if fnmatch.fnmatchcase(name, pattern)}
    unknown = [one for one in remove if not any(fnmatch.fnmatchcase(name, one) for name in before)]
    if unknown:
        raise UsageError(f"{file.name} has no metadata called {unknown[0]}; look with `lora info --all`")
    room_for(out, opened.bytes + sum(map(len, changes.values())))
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_sibling(out)
    try:
        after = write_with_metadata(file, temporary, changes, without)
        refuse_output(out)  # it may have been made meanwhile
        replace(temporary, out)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return Edited(out, {name: (before.get(name), after.get(name)) for name in names}, after)
