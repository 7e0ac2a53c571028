"""A server on this machine in the place of the services; it keeps what it is sent and answers as they do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from train_tools.hosts import bridge_file
from train_tools.messages import store
from train_tools.messages.channels import Channel


class Service:
    """`got` are (path, headers, body). `answers` are (status, document) in their order, then 200 with `usual`."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, Any]] = []
        self.usual: Any = {}
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.got.append((self.path, dict(self.headers), json.loads(body)))
                status, answer = service.answers.pop(0) if service.answers else (200, service.usual)
                data = b"" if answer is None else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def own_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where secrets lie, in the user's folder's place."""
    folder = tmp_path_factory.mktemp("own")
    monkeypatch.setenv(bridge_file.FOLDER_VARIABLE, str(folder))
    return folder


def add(root: Path, **fields: Any) -> Channel:
    return store.save(root, fields)
