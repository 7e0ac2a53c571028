"""What the page's routes have in common: a call with its workspace and version, JSON in and out, uploads to a file."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Hashable, Mapping
from pathlib import Path, PurePath
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from train_tools.errors import TrainToolsError, UsageError
from train_tools.ui.kept import Kept
from train_tools.ui.sentences import language_of, with_sentences_said
from train_tools.ui.tasks import Tasks
from train_tools.workspace.files import temporary_sibling
from train_tools.workspace.lock import BusyError
from train_tools.workspace.os_errors import sentence_of, with_name
from train_tools.workspace.tree import check_room
from train_tools.workspace.workspace import Version, Workspace

T = TypeVar("T")
LOG = logging.getLogger("train_tools.ui")
LARGEST_JSON = 32 << 20  # bytes of a request that is held in memory
LEFT_BY_VISITORS = 1 << 30  # bytes of the disk, so that a training can keep what it makes
SLOW_S = 1.0  # no handler may take longer; one that does is written into the log


@dataclasses.dataclass(frozen=True)
class Call:
    """One request. `body` is its JSON, None where there is none."""

    request: Request
    body: Any = None

    @property
    def root(self) -> Path:
        return Path(self.request.app.state.root)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.root)

    @property
    def version(self) -> Version:
        """That of `/api/v/{project}/{version}/…`; raises UsageError where there is none."""
        names = self.request.path_params
        return self.workspace.version(names["project"], names["version"])

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """What the server keeps between calls under `key`, made at the first one."""
        kept: Kept = self.request.app.state.kept
        return kept.get(key, make)

    @property
    def tasks(self) -> Tasks:
        """Those of this page server."""
        found: Tasks = self.request.app.state.tasks
        return found

    @property
    def exposed(self) -> bool:
        """Whether people other than the one at this machine may be asking."""
        return bool(self.request.scope["train_tools.exposed"])

    @property
    def language(self) -> str:
        return language_of(self.request.headers.get("accept-language", ""))

    def part(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def number(self, name: str, default: int) -> int:
        """A whole number of the query; raises UsageError where it isn't one."""
        try:
            return int(self.query(name) or default)
        except ValueError as error:
            raise UsageError(f"{name} must be a whole number, not {self.query(name)!r}") from error

    def field(self, name: str, kind: type = str, default: Any = ...) -> Any:
        """A field of the JSON body; raises UsageError where it is missing or of another kind."""
        body = self.body if isinstance(self.body, Mapping) else {}
        value = body.get(name, default)
        if value is ...:
            raise UsageError(f"the request lacks {name!r}")
        is_right = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
        if not is_right and value is not default:
            raise UsageError(f"{name!r} must be of the kind {kind.__name__}")
        return value


Handle = Callable[[Call], Any]


def get(path: str, handle: Handle) -> Route:
    """`handle` runs in a thread; what it returns is sent as JSON unless it is a Response."""

    async def endpoint(request: Request) -> Response:
        return await _answer(handle, Call(request))

    return Route(path, endpoint, methods=["GET"], name=f"GET {path}")


def post(path: str, handle: Handle) -> Route:
    """As `get`, with a JSON body."""

    async def endpoint(request: Request) -> Response:
        return await _answer(handle, Call(request, await _json(request)))

    return Route(path, endpoint, methods=["POST"], name=f"POST {path}")


def upload(path: str, folder: Callable[[Call], Path], handle: Callable[[Call, Path], Any]) -> Route:
    """PUT of one file's bytes: written to a hidden file in `folder(call)`, then `handle(call, file)` takes it over.

    The file is gone afterwards, however it ended.
    """

    async def endpoint(request: Request) -> Response:
        call = Call(request)
        target = await run_in_threadpool(folder, call)
        await run_in_threadpool(_check_room, call, target)
        async with _received(request, target) as file:
            return await _answer(lambda call: handle(call, file), call)

    return Route(path, endpoint, methods=["PUT"], name=f"PUT {path}")


def _check_room(call: Call, folder: Path) -> None:
    """An upload that can't be held is refused before it is sent; visitors leave the machine some room.

    Raises UsageError.
    """
    length = call.request.headers.get("content-length", "")
    if length.isdigit():
        check_room(folder, int(length) + (LEFT_BY_VISITORS if call.exposed else 0), "the upload")
    elif call.exposed:
        raise HTTPException(411, "The upload doesn't say how long it is.")


@contextlib.asynccontextmanager
async def _received(request: Request, folder: Path) -> AsyncIterator[Path]:
    file = temporary_sibling(folder / "upload")
    try:
        try:
            stream = await run_in_threadpool(lambda: file.open("xb"))
            with stream:
                async for block in request.stream():
                    await run_in_threadpool(stream.write, block)
        except ClientDisconnect as error:
            raise HTTPException(400, "The upload was cut off.") from error
        except OSError as error:
            raise with_name(error, folder)  # noqa: B904 - it is the same one
        yield file
    finally:
        with contextlib.suppress(OSError):  # it never came to be, or its drive is gone
            await run_in_threadpool(lambda: file.unlink(missing_ok=True))


async def _json(request: Request) -> Any:
    data = bytearray()
    async for block in request.stream():
        data += block
        if len(data) > LARGEST_JSON:
            raise HTTPException(413, "The request is too large.")
    try:
        found = json.loads(data) if data else None
        if b"\\u" in data:  # half a character, which no file and no answer can hold
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The request isn't JSON.") from error
    return found


async def _answer(handle: Handle, call: Call) -> Response:
    start = time.perf_counter()
    answer = await run_in_threadpool(handle, call)
    response = answer if isinstance(answer, Response) else as_json(answer, language=call.language)
    seconds = time.perf_counter() - start
    response.headers["Server-Timing"] = f"handler;dur={seconds * 1000:.1f}"
    if seconds > SLOW_S:
        LOG.warning("%s %s took %.1f s", call.request.method, call.request.url.path, seconds)
    return response


def as_json(answer: Any, status: int = 200, language: str = "en") -> Response:
    return Response(json_text(answer, language), status, media_type="application/json")


def json_text(answer: Any, language: str) -> str:
    """What the services say in it is said in the page's language."""
    text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return with_sentences_said(text, language)


def _plain(value: Any) -> Any:
    """Services answer with dataclasses, paths and tuples."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} can't be sent")


async def refused(request: Request, error: Exception) -> Response:
    """A person's mistake: one sentence, status 400; 409 where the same works once another writer is done."""
    assert isinstance(error, TrainToolsError)
    return _said(request, str(error), 409 if isinstance(error, BusyError) else 400)


async def failed(request: Request, error: Exception) -> Response:
    """Trouble with disk, drive or database is a sentence; a mistake of ours, too, and the log holds the rest."""
    if sentence := sentence_of(error, Call(request).root):
        LOG.warning("%s %s: %s", request.method, request.url.path, sentence, exc_info=error)
        return _said(request, sentence, 400)
    LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _said(request, "Something went wrong inside; page.log in the data folder says what.", 500)


async def http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _said(request, error.detail, error.status_code)


def _said(request: Request, sentence: str, status: int) -> Response:
    return as_json({"error": sentence}, status, Call(request).language)
