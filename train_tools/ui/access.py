"""Who may talk to the page server.

Behind a webui only its door may: it knows a secret token and has checked the login. Alone, only this machine's own
browser may, or who knows the password where it listens on the network.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from train_tools.ui.sentences import language_of, said

TOKEN_HEADER = "x-train-tools-token"
EXPOSED_HEADER = "x-train-tools-exposed"  # set by the door where its webui is reachable by others
LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
SAFE = ("GET", "HEAD")
GUESS_S = 0.5  # between two wrong passwords, whoever sends them
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class Access:
    """`token` is the door's; `password` a person's, on a network; with neither only loopback names are answered."""

    token: str = ""
    password: str = ""

    def refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if self.token:
            is_door = secrets.compare_digest(headers.get(TOKEN_HEADER, "").encode(), self.token.encode())
            return None if is_door else _no(headers, "Only the webui's own door may ask here.")
        if self.password and not _knows(headers.get("authorization", ""), self.password):
            login = {"WWW-Authenticate": 'Basic realm="Train Tools"'}
            return _no(headers, "Give the password.", 401, login)
        # Another site's name that points to this machine (DNS rebinding) would read everything.
        if not self.password and urlsplit(f"//{headers.get('host', '')}").hostname not in LOOPBACK:
            return _no(headers, "Open the page by the name localhost.")
        if not _is_own_page(headers) and not _opens_page(scope, headers):
            return _no(headers, "Another site's page asked for this; open Train Tools itself.")
        return None

    def is_exposed(self, scope: Scope) -> bool:
        return bool(self.password) or Headers(scope=scope).get(EXPOSED_HEADER, "") == "1"


def _no(
    headers: Headers, sentence: str, status: int = 403, more: Mapping[str, str] | None = None
) -> Response:
    language = language_of(headers.get("accept-language", ""))
    return JSONResponse({"error": said(sentence, language)}, status, more)


def _knows(authorization: str, password: str) -> bool:
    """HTTP Basic with any user name (RFC 7617)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and secrets.compare_digest(given, password.encode())


def _is_own_page(headers: Headers) -> bool:
    """Browsers tell where a request comes from; programs such as curl send neither header."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _opens_page(scope: Scope, headers: Headers) -> bool:
    """Whether a person follows a link to the page; another site's page may ask for nothing else, not even to read."""
    if scope["method"] not in SAFE:
        return False
    return "sec-fetch-site" not in headers or (
        headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
    )


class Guard:
    """The middleware: refuses, notes in the scope whether others may be asking, adds the headers of safety."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access
        self._wrong = anyio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._access.refusal(scope)
        scope["train_tools.exposed"] = self._access.is_exposed(scope)
        if refusal is not None and refusal.status_code == 401 and "authorization" in Headers(scope=scope):
            async with self._wrong:  # however many guess at once
                await anyio.sleep(GUESS_S)
        await (refusal or self._app)(scope, receive, send_with_headers)
