"""Hands a request to the page server and its answer back, block by block, in both directions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from urllib.parse import quote

import anyio
import httpx
from starlette.concurrency import run_in_threadpool
from starlette.types import Message, Receive, Scope, Send

from train_tools.hosts.interface import HostError
from train_tools.hosts.login import refused
from train_tools.hosts.page_server import Answering, PageServer

Header = tuple[bytes, bytes]

TOKEN_HEADER = b"x-train-tools-token"
EXPOSED_HEADER = b"x-train-tools-exposed"
# Of one connection alone (RFC 9110, 7.6.1).
HOP_BY_HOP = frozenset([
    b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade",
])  # fmt: skip
# The webui's own secrets, and what only we may say.
NOT_PASSED_ON = HOP_BY_HOP | {b"host", b"expect", b"cookie", b"authorization", TOKEN_HEADER, EXPOSED_HEADER}
# The webui's server adds its own.
NOT_PASSED_BACK = HOP_BY_HOP | {b"server", b"date"}


class ClientGoneError(Exception):
    """The browser went away in the middle of what it sent."""


class Proxy:
    def __init__(self, page: PageServer, is_exposed: Callable[[], bool]) -> None:
        self._page = page
        self._is_exposed = is_exposed

    async def __call__(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        """`path` is that of the page server, decoded, without a slash before it."""
        try:
            answering = await run_in_threadpool(self._page.answering)
        except HostError as error:
            await refused(502, str(error))(scope, receive, send)
            return
        sends_body = has_body(scope["headers"])
        body = Body(receive)
        started = Started(send)
        async with connection() as client:
            request = client.build_request(
                scope["method"],
                address(answering, path, scope.get("query_string", b"")),
                headers=self._headers(scope["headers"], answering.token),
                content=body.blocks() if sends_body else None,
            )
            async with anyio.create_task_group() as group:
                group.start_soon(end_with_client, body, sends_body, group.cancel_scope)
                await answer(client, request, scope, receive, started)
                group.cancel_scope.cancel()
        if not started.is_started:
            # The browser is gone; but layers of the webui's around us take no answer at all for a fault of ours.
            await refused(499, "The browser went away.")(scope, receive, send)

    def _headers(self, headers: Iterable[Header], token: str) -> list[Header]:
        given = list(headers)
        named = {
            name.strip().lower() for key, value in given if key == b"connection" for name in value.split(b",")
        }
        kept = [(key, value) for key, value in given if key not in NOT_PASSED_ON and key not in named]
        if not any(key == b"accept-encoding" for key, _ in kept):
            kept.append(
                (b"accept-encoding", b"identity")
            )  # httpx would ask for what the browser may not read
        kept.append((TOKEN_HEADER, token.encode()))
        if self._is_exposed():
            kept.append((EXPOSED_HEADER, b"1"))
        return kept


@asynccontextmanager
async def connection() -> AsyncIterator[httpx.AsyncClient]:
    """To this machine, past any proxy that is set; a poll may last as long as it likes.

    Each request has its own: the pools of the httpx that the webuis pin (httpcore 0.15) lose count where requests are
    broken off, and then let later ones wait for ever.
    """
    client = httpx.AsyncClient(
        # No TLS here, and its certificates take long to read.
        transport=httpx.AsyncHTTPTransport(verify=False),
        timeout=httpx.Timeout(None, connect=5.0),
        trust_env=False,
        follow_redirects=False,
    )
    try:
        yield client
    finally:
        # The pool complains where what was broken off is open still.
        with anyio.CancelScope(shield=True), contextlib.suppress(RuntimeError):
            await client.aclose()


async def answer(
    client: httpx.AsyncClient, request: httpx.Request, scope: Scope, receive: Receive, send: Started
) -> None:
    try:
        response = await client.send(request, stream=True)
        try:
            await send(start_of(response, scope))
            async for block in response.aiter_raw():
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await response.aclose()
    except ClientGoneError:
        pass
    except httpx.HTTPError as error:
        if send.is_started:
            raise  # the server cuts the answer off, so that nobody takes it for whole
        sentence = f"The page's server doesn't answer ({type(error).__name__}); try again."
        await refused(502, sentence)(scope, receive, send)


class Started:
    """A `send` that knows whether an answer was begun."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_started = False

    async def __call__(self, message: Message) -> None:
        self.is_started = True
        await self._send(message)


class Body:
    """What the browser sends; `is_read` is set when all of it is here."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.is_read = anyio.Event()

    async def blocks(self) -> AsyncIterator[bytes]:
        try:
            more = True
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                more = bool(message.get("more_body", False))
                if message.get("body"):
                    yield message["body"]
        finally:
            self.is_read.set()


async def end_with_client(body: Body, sends_body: bool, scope: anyio.CancelScope) -> None:
    """A browser that goes while it waits for an answer lets go of the page server too."""
    if sends_body:
        await body.is_read.wait()
    while True:
        message = await body.receive()
        if message["type"] == "http.disconnect":
            scope.cancel()
            return


def has_body(headers: Iterable[Header]) -> bool:
    return any(
        key == b"transfer-encoding" or (key == b"content-length" and value != b"0") for key, value in headers
    )


def address(answering: Answering, path: str, query: bytes) -> httpx.URL:
    raw = b"/" + quote(path, safe="/").encode() + (b"?" + query if query else b"")
    return httpx.URL(scheme="http", host="127.0.0.1", port=answering.port, raw_path=raw)


def start_of(response: httpx.Response, scope: Scope) -> Message:
    headers = [
        (key.lower(), value) for key, value in response.headers.raw if key.lower() not in NOT_PASSED_BACK
    ]
    if not any(key == b"content-encoding" for key, _ in headers):
        # Else the webui's own gzip would hold events back and break answers to a range.
        headers.append((b"content-encoding", b"identity"))
    own = f"http://127.0.0.1:{response.request.url.port}".encode()
    prefix = scope.get("root_path", "").encode() + b"/train_tools"
    headers = [
        (key, prefix + value[len(own) :] if key == b"location" and value.startswith(own) else value)
        for key, value in headers
    ]
    return {"type": "http.response.start", "status": response.status_code, "headers": headers}
