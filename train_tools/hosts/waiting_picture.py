"""Tells a picture that waits in the webui's queue why: the webui's own page asks `/internal/progress` for its text.

The webui's answer is passed on as it is; of a task in its queue, `textinfo` says that a training has the GPU.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope, Send

PATH = "/internal/progress"


class WaitingPicture:
    """The ASGI app before the webui's own route. `sentence` is asked for with a request's headers."""

    def __init__(self, app: Any, sentence: Callable[[Headers], str]) -> None:
        self._app = app
        self._sentence = sentence

    def route(self) -> Route:
        return Route(PATH, endpoint=self, methods=["POST"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        for route in self._app.router.routes:
            match, found = route.matches(scope)
            if match == Match.FULL and getattr(route, "endpoint", None) is not self:
                sentence = self._sentence(Headers(scope=scope))
                answer = Rewritten(send, sentence) if sentence else send
                await route.handle({**scope, **found}, receive, answer)
                return
        await Response(status_code=404)(scope, receive, send)


class Rewritten:
    """A `send` that holds the answer back until it is whole, and puts the sentence in."""

    def __init__(self, send: Send, sentence: str) -> None:
        self._send = send
        self._sentence = sentence
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        if message["type"] != "http.response.body" or self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if not message.get("more_body", False):
            body = with_sentence(self._body, self._sentence)
            MutableHeaders(raw=self._start.setdefault("headers", []))["content-length"] = str(len(body))
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": body, "more_body": False})


def with_sentence(body: bytes, sentence: str) -> bytes:
    try:
        answer = json.loads(body)
    except ValueError:
        return body
    if not isinstance(answer, dict) or not answer.get("queued") or answer.get("active"):
        return body
    # The webui shows a text of one line alone.
    return json.dumps({**answer, "textinfo": sentence}, ensure_ascii=False).encode()
