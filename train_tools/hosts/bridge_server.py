"""The host's side of the bridge: our own processes ask it here, on 127.0.0.1, with the token of bridge_file.

It is a listener of its own, apart from the webui's: that one may be reachable from outside, behind a login, TLS or a
path of its own, and long calls would take its threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from train_tools.errors import TrainToolsError
from train_tools.hosts import bridge_file
from train_tools.hosts.bridge_file import GRANTED, TOKEN_HEADER, Address
from train_tools.hosts.interface import PAUSE, Host, HostError, Lent, MemorySeen, ModelRefusedError
from train_tools.hosts.shared_context import SharedContext
from train_tools.hosts.trainings import Told, Trainings

T = TypeVar("T")

LARGEST = 256 << 20  # bytes of a request
LOOK_S = 5.0  # between two looks whether the host has loaded a model meanwhile


class Bridge:
    """Answers from `start` to `close`. `mode` says what happens to the host's model while a run trains, and
    `go_on_after` see Trainings.
    """

    def __init__(
        self,
        host: Host,
        root: Path,
        mode: Callable[[], str],
        go_on_after: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.host = host
        self._root = root
        self.token = secrets.token_urlsafe(32)
        self.memory = SharedContext(lambda: host.memory_lent(mode()))
        self.seen = MemorySeen()
        self.trainings = Trainings(host.progress, lambda: mode() == PAUSE, go_on_after)
        self._captioners: dict[str, SharedContext[None]] = {}
        self._server = Server(self)

    def capabilities(self) -> dict[str, str | None]:
        """With what was measured when the host last freed its memory."""
        said = dict(self.host.capabilities())
        if said.get("memory") is None and self.seen.trouble:
            said["memory"] = self.seen.trouble
        return said

    def start(self) -> None:
        """Raises OSError where its address can't be written down."""
        threading.Thread(target=self._server.serve_forever, name="train-tools-bridge", daemon=True).start()
        port = self._server.server_address[1]
        bridge_file.write(
            self._root, Address(int(port), self.token, os.getpid(), time.time(), self.host.name)
        )

    def close(self) -> None:
        """Ends what is held, too: those who held it ask the next bridge."""
        bridge_file.remove(self._root, self.token)
        self._server.shutdown()
        self._server.server_close()
        self._server.end_holds()

    def captioner(self, kind: str) -> SharedContext[None]:
        if kind not in self.host.captioners():
            raise HostError(f"{self.host.name} has no {kind}; take blip or wd")
        return self._captioners.setdefault(kind, SharedContext(lambda: self._started(kind)))

    @contextmanager
    def _started(self, kind: str) -> Iterator[None]:
        captioner = self.host.captioners()[kind]
        captioner.start()
        try:
            yield
        finally:
            captioner.stop()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a training may hold its connection for hours

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self._holding: set[socket.socket] = set()
        self._turn = threading.Lock()
        self._is_ended = False
        super().__init__(("127.0.0.1", 0), Handler)

    @contextmanager
    def holding(self, connection: socket.socket) -> Iterator[None]:
        """`end_holds` ends this connection meanwhile."""
        with self._turn:
            if self._is_ended:
                raise ConnectionError
            self._holding.add(connection)
        try:
            yield
        finally:
            with self._turn:
                self._holding.discard(connection)

    def end_holds(self) -> None:
        with self._turn:
            self._is_ended = True
            for connection in self._holding:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away; everything else is answered


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        self._answer(READ)

    def do_POST(self) -> None:
        self._answer(DO)

    def _answer(self, calls: dict[str, Callable[[Handler], None]]) -> None:
        given = self.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(given.encode(), self.server.bridge.token.encode()):
            return self.send(403, {"error": "the bridge's token is needed"})
        call = calls.get(urlsplit(self.path).path)
        if call is None:
            return self.send(404, {"error": f"the bridge knows no {self.path}"})
        try:
            return call(self)
        except ConnectionError:
            return None
        except TrainToolsError as error:
            kind = {"kind": "model"} if isinstance(error, ModelRefusedError) else {}
            return self.send(400, {"error": str(error), **kind})
        except Exception as error:  # the webui's own code raises anything
            return self.send(500, {"error": f"{self.server.bridge.host.name} failed: {one_line(error)}"})

    def send(self, status: int, answer: Any) -> None:
        self.send_bytes(status, json.dumps(answer, ensure_ascii=False).encode(), "application/json")

    def send_bytes(self, status: int, data: bytes, media_type: str) -> None:
        with contextlib.suppress(ConnectionError):  # the client was ended meanwhile
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            raise HostError("the request is too large for the bridge")
        return self.rfile.read(length)

    def query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def hold(self, context: SharedContext[T], look: Callable[[T], dict[str, Any]] = lambda _: {}) -> None:
        """Until the client goes, however it goes; a worker that was killed leaves nothing behind.

        What `look` says is the answer, and it is looked again every LOOK_S.
        """
        with self.server.holding(self.connection), context.held() as value:
            said = json.dumps(look(value), ensure_ascii=False).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(GRANTED + b" " + said + b"\n")
            self.wfile.flush()
            self.connection.settimeout(LOOK_S)
            is_there = True
            while is_there:
                try:
                    is_there = bool(self.connection.recv(1))
                except TimeoutError:
                    look(value)
                except OSError:
                    is_there = False

    def look_at_memory(self, lent: Lent) -> dict[str, Any]:
        self.server.bridge.seen = seen = lent.look()
        return {**asdict(seen), "trouble": seen.trouble}


def hello(handler: Handler) -> None:
    host = handler.server.bridge.host
    folders = host.folders()
    handler.send(200, {
        "name": host.name,
        "version": host.version,
        "capabilities": handler.server.bridge.capabilities(),
        "folders": {
            **{name: str(path) for name, path in vars(folders).items() if isinstance(path, Path)},
            "more_loras": [str(path) for path in folders.more_loras],
        },
        "is_exposed": host.is_exposed(),
    })  # fmt: skip


def base_models(handler: Handler) -> None:
    models = handler.server.bridge.host.base_models()
    handler.send(200, [{**asdict(model), "file": str(model.file)} for model in models])


def render(handler: Handler) -> None:
    request = json.loads(handler.body())
    handler.send_bytes(200, handler.server.bridge.host.render(request), "image/png")


def caption(handler: Handler) -> None:
    from PIL import Image

    kind = handler.query("kind")
    data = handler.body()
    with handler.server.bridge.captioner(kind).held():  # already in it where the client holds it
        image = Image.open(BytesIO(data)).convert("RGB")
        handler.send(200, {"caption": handler.server.bridge.host.captioners()[kind].caption(image)})


def told(handler: Handler) -> None:
    trainings = handler.server.bridge.trainings
    handler.send(200, {"pause": trainings.tell(Told.of(json.loads(handler.body())))})


def ended(handler: Handler) -> None:
    handler.server.bridge.trainings.gone(handler.query("id"))
    handler.send(200, {})


def do_and_say_so(do: Callable[[Host], None]) -> Callable[[Handler], None]:
    def call(handler: Handler) -> None:
        do(handler.server.bridge.host)
        handler.send(200, {})

    return call


READ: dict[str, Callable[[Handler], None]] = {
    "/hello": hello,
    "/base_models": base_models,
    "/model_files": lambda handler: handler.send(
        200, [str(f) for f in handler.server.bridge.host.model_files()]
    ),
    "/samplers": lambda handler: handler.send(200, handler.server.bridge.host.samplers()),
    "/schedulers": lambda handler: handler.send(200, handler.server.bridge.host.schedulers()),
    "/captioners": lambda handler: handler.send(
        200, {kind: one.download for kind, one in sorted(handler.server.bridge.host.captioners().items())}
    ),
    "/picture_settings": lambda handler: handler.send(
        200, dict(handler.server.bridge.host.picture_settings())
    ),
    "/progress": lambda handler: handler.send(200, asdict(handler.server.bridge.host.progress())),
}
DO: dict[str, Callable[[Handler], None]] = {
    "/render": render,
    "/caption": caption,
    "/hold/memory": lambda handler: handler.hold(handler.server.bridge.memory, handler.look_at_memory),
    "/hold/captioner": lambda handler: handler.hold(handler.server.bridge.captioner(handler.query("kind"))),
    "/training": told,
    "/training/ended": ended,
    "/interrupt": do_and_say_so(lambda host: host.interrupt()),
    "/rescan_loras": do_and_say_so(lambda host: host.rescan_loras()),
}


def one_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
