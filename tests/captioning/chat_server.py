"""A server that speaks OpenAI's chat API as far as captioning uses it.

Requests are checked and answers shaped as in ollama's `openai/openai.go` (ollama/ollama 00988753): the parts of a
message, which data URLs are pictures, `choices`, `error`. OpenAI's own refusals are those of its API reference: `code`
of errors, `max_completion_tokens`, `Retry-After`.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

Answer = tuple[int, dict[str, Any], dict[str, str]]


def error(code: int, message: str, name: str | None = None, **headers: str) -> Answer:
    kind = {400: "invalid_request_error", 404: "not_found_error"}.get(code, "api_error")
    return code, {"error": {"message": message, "type": kind, "param": None, "code": name}}, headers


def said(text: str, finish: str = "stop") -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    return (
        200,
        {"id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]},
        {},
    )


@dataclass
class Asked:
    body: dict[str, Any]
    key: str

    @property
    def prompt(self) -> str:
        return str(next(p["text"] for p in self.body["messages"][0]["content"] if p["type"] == "text"))

    @property
    def image(self) -> Image.Image:
        (url,) = (
            p["image_url"]["url"] for p in self.body["messages"][0]["content"] if p["type"] == "image_url"
        )
        head, _, data = url.partition(",")
        assert head in ("data:image/jpeg;base64", "data:image/png;base64", "data:image/webp;base64")
        return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


@dataclass
class ChatServer:
    """`answer` is asked for each request; `most` is how many were at work at the same time."""

    base: str = ""
    models: tuple[str, ...] = ("llava:7b",)
    key: str = ""
    takes_s: float = 0.0
    answer: Callable[[Asked], Answer] = lambda asked: said("a red square")
    asked: list[Asked] = field(default_factory=list)
    most: int = 0
    _now: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, path: str, body: dict[str, Any] | None, key: str) -> Answer:
        if self.key and key != f"Bearer {self.key}":
            return error(401, "Incorrect API key provided: sk-…", "invalid_api_key")
        if path == "/v1/models":
            return 200, {"object": "list", "data": [{"id": m, "object": "model"} for m in self.models]}, {}
        if path != "/v1/chat/completions" or body is None:
            return error(404, "404 page not found")
        if body["model"] not in self.models:
            return error(404, f'model "{body["model"]}" not found, try pulling it first')
        asked = Asked(body, key)
        assert body["stream"] is False
        with self._turn:
            self.asked.append(asked)
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(self.takes_s)
        try:
            return self.answer(asked)
        finally:
            with self._turn:
                self._now -= 1


@contextmanager
def chat_server(**settings: Any) -> Iterator[ChatServer]:
    server = ChatServer(**settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(server.handle(self.path, None, self.headers.get("Authorization", "")))

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            self._send(server.handle(self.path, json.loads(data), self.headers.get("Authorization", "")))

        def _send(self, answer: Answer) -> None:
            code, document, headers = answer
            data = json.dumps(document).encode()
            self.send_response(code)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **headers,
            }.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    server.base = f"http://127.0.0.1:{http.server_port}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
