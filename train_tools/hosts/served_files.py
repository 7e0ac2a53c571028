"""Keeps our folder out of what gradio serves by `file=`: the queue, logs, settings that may hold a proxy's password.

Our own page shows its pictures through the door, which asks for the login. What gradio's own components show they copy
first, so galleries of other extensions go on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def block(demo: Any, folders: Iterable[Path]) -> None:
    """`demo` is the webui's page; gradio looks at its list at each request."""
    blocked = getattr(demo, "blocked_paths", None)
    if not isinstance(blocked, list):
        return  # without a page, or a gradio that knows no such list
    for folder in folders:
        # By whichever way it is asked for.
        for path in (os.path.abspath(folder), os.path.realpath(folder)):
            if path not in blocked:
                blocked.append(path)
