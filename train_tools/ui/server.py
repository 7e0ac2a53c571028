"""The page server: our own page, a JSON API over the services, and the version's files. It loads no torch."""

from __future__ import annotations

import logging
import logging.handlers
import sqlite3
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from train_tools.errors import TrainToolsError
from train_tools.ui import routing
from train_tools.ui.access import Access, Guard
from train_tools.ui.kept import Kept
from train_tools.ui.later import Later
from train_tools.ui.routes import (
    captions,
    captions_server,
    compare,
    data,
    demo,
    files,
    messages,
    models,
    plan,
    plan_pictures,
    plan_sources,
    previews,
    publish,
    queue,
    runs,
    session,
    tags,
    tools,
    transfer,
    workspace,
)
from train_tools.ui.tasks import Tasks

PANELS = (
    session, workspace, transfer, data, captions, captions_server, tags, models, plan, plan_pictures,
    plan_sources, queue, compare, runs, previews, publish, messages, tools, demo, files,
)  # fmt: skip
STATIC = Path(__file__).parent / "static"


class Static(StaticFiles):
    """The page's own files; a browser asks each time whether they are still the same."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


class Log(logging.handlers.RotatingFileHandler):
    """What can't be written, as on a full disk, is lost without a word: the page has said it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        pass


def application(root: Path, access: Access = Access()) -> Starlette:  # noqa: B008 - frozen
    routes: list[Route | Mount] = [route for panel in PANELS for route in panel.ROUTES]
    # Module scripts need this type, and Windows' registry may know another one.
    import mimetypes

    mimetypes.add_type("text/javascript", ".js")
    errors: dict[Any, Any] = {
        TrainToolsError: routing.refused,
        HTTPException: routing.http_error,
        OSError: routing.failed,
        sqlite3.Error: routing.failed,
        Exception: routing.failed,
    }
    app = Starlette(
        routes=[*routes, Mount("/", Static(directory=STATIC, html=True))],
        middleware=[Middleware(Guard, access=access), Middleware(GZipMiddleware, minimum_size=1000)],
        exception_handlers=errors,
    )
    app.state.root = root
    app.state.kept = Kept()
    app.state.tasks = Tasks()
    app.state.later = Later()
    return app


def log_to(folder: Path) -> None:
    """Our messages and uvicorn's errors, in `page.log`, which is kept small."""
    folder.mkdir(parents=True, exist_ok=True)
    handler = Log(folder / "page.log", maxBytes=1 << 20, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("train_tools", "uvicorn.error"):
        logging.getLogger(name).addHandler(handler)
