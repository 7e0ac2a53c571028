"""`python process.py LIFELINE CHECKOUT`: draws in sd-scripts' interpreter, until its standard input closes.

It is asked in lines of JSON on standard input: `{"do": "load", "family": …, "arguments": {…}}`, then as often as
wanted `{"do": "draw", "cells": […]}`. It answers in lines of JSON: for each cell `{"cell": number, "png": Base64}` or
`{"cell": number, "error": sentence}`, `{"drawn": count}` after the last, and `{"refused": sentence}` where it can
draw nothing. To cancel is to close its standard input.

Nothing else gets onto that way out: what sd-scripts prints, which is much, goes to the standard error.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import queue
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PACKAGE = "train_tools"


def main(lifeline: str, checkout: str) -> None:
    answer = _way_out()
    asked: queue.Queue[bytes] = queue.Queue()
    runpy.run_path(lifeline)["end_with_supervisor"](asked.put)
    # sd-scripts' own modules come first, and what lies beside this file not at all.
    own = str(Path(__file__).parent)
    sys.path[:] = [checkout, *(path for path in sys.path if path != own)]
    _know(Path(__file__).parents[2])
    lines = Lines()
    studio: Any = None
    while True:
        for line in lines.feed(asked.get()):
            studio = _do(json.loads(line), studio, answer)


def _do(request: Mapping[str, Any], studio: Any, answer: Callable[[Mapping[str, Any]], None]) -> Any:
    if request["do"] == "load":
        return _load(str(request["family"]), request["arguments"], answer)
    from train_tools.preview.through_sd_scripts.studio import OutOfMemoryError, cell_of

    cells = [cell_of(told) for told in request["cells"]]
    try:
        studio.draw(cells)
    except OutOfMemoryError as error:
        answer({"refused": str(error)})
    else:
        answer({"drawn": len(cells)})
    return studio


def _load(family: str, arguments: Mapping[str, Any], answer: Callable[[Mapping[str, Any]], None]) -> Any:
    import torch
    from library.device_utils import get_preferred_device, init_ipex

    from train_tools.families.drawing import Settings
    from train_tools.preview.through_sd_scripts.studio import Studio

    init_ipex()
    torch.backends.cudnn.benchmark = False  # the same picture every time
    device = torch.device(get_preferred_device())
    drawing = importlib.import_module(f"{PACKAGE}.families.{family}.drawing").DRAWING
    settings = Settings(arguments, device)
    return Studio(drawing(settings), device, str(arguments.get("mixed_precision") or "float32"), answer)


def _way_out() -> Callable[[Mapping[str, Any]], None]:
    """Standard output, for us alone: whoever else prints there prints to the standard error from now on."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)

    def answer(told: Mapping[str, Any]) -> None:
        out.write(json.dumps(told) + "\n")
        out.flush()

    return answer


def _know(folder: Path) -> None:
    """Makes the package known by its name, without its folder's neighbours."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)


class Lines:
    """Whole lines of what comes in pieces."""

    def __init__(self) -> None:
        self._open = b""

    def feed(self, data: bytes) -> list[bytes]:
        *whole, self._open = (self._open + data).split(b"\n")
        return [line for line in whole if line.strip()]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
