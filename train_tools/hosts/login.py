"""Who may come through the door: whoever may use the webui, from the webui's own page.

The login of gradio is asked as gradio asks itself (its route `/user`, below a prefix since gradio 5), which is the same
in all versions though their cookies differ. Where only `--api-auth` is set, that name and password are asked for.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import secrets
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

SAFE = ("GET", "HEAD")
REALM = {"WWW-Authenticate": 'Basic realm="Train Tools"'}


class Login:
    """`app` is the webui's FastAPI app; `api_auth` what stands behind --api-auth: `name:password,name:password`."""

    def __init__(self, app: Any, api_auth: str | None) -> None:
        self._app = app
        self._accounts = accounts(api_auth or "")

    @property
    def is_asked(self) -> bool:
        """Whether the host is closed to those who aren't logged in."""
        return self._has_gradio_login() or bool(self._accounts)

    async def refusal(self, scope: Scope) -> Response | None:
        """None where the request may go on."""
        headers = Headers(scope=scope)
        path = scope.get("path_params", {}).get("path")
        if not is_own_page(headers) and not opens_page(scope["method"], path, headers):
            return refused(403, "Another site's page asked for this; open the webui itself.")
        if not self.is_asked or self._knows(headers.get("authorization", "")):
            return None
        if self._has_gradio_login() and await self._gradio_user(Request(scope)) is not None:
            return None
        # A challenge makes the browser ask for a password: only where somebody opens our page, never on what the
        # webui's page asks us for in the background.
        is_page = scope["method"] in SAFE and path == ""
        return refused(401, "Log in to the webui first.", REALM if self._accounts and is_page else {})

    def _has_gradio_login(self) -> bool:
        return any(
            getattr(app, name, None) is not None
            for app in (self._app, *apps_below(self._app))
            for name in ("auth", "auth_dependency")
        )

    async def _gradio_user(self, request: Request) -> Any:
        for app in (self._app, *apps_below(self._app)):
            for route in app.routes:
                if is_gradios_user(route):
                    user = (
                        await route.endpoint(request)
                        if inspect.iscoroutinefunction(route.endpoint)
                        else await run_in_threadpool(route.endpoint, request)
                    )
                    return user or None
        return None  # a gradio that we don't know: nobody is let in

    def _knows(self, authorization: str) -> bool:
        """HTTP Basic (RFC 7617)."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        matches = [secrets.compare_digest(given, account) for account in self._accounts]
        return scheme.lower() == "basic" and any(matches)


def apps_below(app: Any) -> Iterator[Any]:
    """What is mounted in it, at any depth."""
    for route in app.routes:
        inner = getattr(route, "app", None)
        if getattr(inner, "routes", None) and getattr(route, "methods", None) is None:
            yield inner
            yield from apps_below(inner)


def is_gradios_user(route: Any) -> bool:
    """Not another extension's route of that name, which may say anything."""
    path = getattr(route, "path", "")
    return (
        path.endswith("/user")
        and "GET" in (getattr(route, "methods", None) or ())
        and str(getattr(route.endpoint, "__module__", "")).partition(".")[0] == "gradio"
    )


def accounts(api_auth: str) -> tuple[bytes, ...]:
    return tuple(part.strip().encode() for part in api_auth.split(",") if ":" in part)


def is_own_page(headers: Mapping[str, str]) -> bool:
    """Browsers tell where a request comes from; programs such as curl send neither header."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    # Behind a reverse proxy the host may be the proxy's in another header.
    own = {headers.get("host"), headers.get("x-forwarded-host")}
    return origin is None or urlsplit(origin).netloc in own - {None, ""}


def opens_page(method: str, path: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a person follows a link to the page; another site's page may ask for nothing else, not even to read."""
    if method not in SAFE:
        return False
    return "sec-fetch-site" not in headers or (headers.get("sec-fetch-mode") == "navigate" and path == "")


def refused(status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": sentence}, status, dict(headers or {}))
