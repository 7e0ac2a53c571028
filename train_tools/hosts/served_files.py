"""Keeps our folder out of what gradio serves by `file=`: the queue, logs, settings that may hold a proxy's password.

Our own page shows its pictures through the door, which asks for the login. What gradio's own components show they copy
first, so galleries of other extensions go on.

gradio's list of blocked folders compares names, and a folder may have several: by links, by letter case on Windows and
macOS, by Windows' short names. So a route before gradio's own looks at where a name leads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from train_tools.hosts.login import refused

# gradio's routes, which since version 5 stand below a prefix; the webui may stand below another.
SERVED = re.compile(r"/file[=/](.+)", re.DOTALL)


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


class Kept(Route):
    """Answers for files below `folders` alone, with a refusal; all other requests go on to the webui's routes."""

    def __init__(self, folders: Iterable[Path]) -> None:
        super().__init__("/file={name:path}", refuse)
        self._folders = tuple(folders)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = SERVED.search(scope["path"]) if scope["type"] == "http" else None
        is_ours = found is not None and self._is_ours(found[1])
        return (Match.FULL, {"endpoint": self.endpoint, "path_params": {}}) if is_ours else (Match.NONE, {})

    def _is_ours(self, name: str) -> bool:
        try:
            real = Path(os.path.realpath(name))
            ours = {_identity(folder) for folder in self._folders} - {None}
            return any(_identity(path) in ours for path in (real, *real.parents))
        except (OSError, ValueError):  # a name that no file system takes
            return False


async def refuse(_request: Request) -> Response:
    return refused(403, "File not allowed.")


def _identity(path: Path) -> tuple[int, int] | None:
    """Which folder or file it is, whatever it is called; None where nothing is there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
