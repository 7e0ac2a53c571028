"""The door's proxy over real sockets: a browser's side, the webui's server, and a page server as its child."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from train_tools.hosts.interface import HostError
from train_tools.hosts.page_server import PageServer, Start
from train_tools.hosts.proxy import Proxy

PAGE = Path(__file__).with_name("page_double.py")
ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, *arguments: str) -> Callable[[], Start]:
    command = (sys.executable, str(PAGE), *arguments)
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    return lambda: Start(command, variables, tmp_path / "logs" / "page-start.log")


class Outer:
    """The webui's server, with its gzip; `url` is where the door's pages are."""

    def __init__(self, page: PageServer) -> None:
        self.exposed = False
        proxy = Proxy(page, lambda: self.exposed)

        class Door:
            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
                await proxy(scope, receive, send, scope["path_params"]["path"])

        self.raised: list[str] = []
        self.passed = 0  # requests whose browser was gone before the answer

        async def api_middleware(request: Request, call_next: Any) -> Any:
            """modules/api/api.py of AUTOMATIC1111 v1.10.1: exception_handling prints what comes."""
            try:
                answer = await call_next(request)
            except Exception as error:
                self.raised.append(repr(error))
                raise
            self.passed += answer.status_code == 499
            return answer

        app = Starlette(
            routes=[Route("/train_tools/{path:path}", Door())],
            middleware=[
                Middleware(GZipMiddleware, minimum_size=10),
                Middleware(BaseHTTPMiddleware, dispatch=api_middleware),
            ],
        )
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/train_tools"
        self.server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, args=([listening],), daemon=True)
        self.thread.start()


@pytest.fixture(scope="module")
def outer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outer]:
    page = PageServer(start(tmp_path_factory.mktemp("page")))
    outer = Outer(page)
    yield outer
    outer.server.should_exit = True
    outer.thread.join(10)
    page.close()


def get(outer: Outer, path: str, **more: Any) -> httpx.Response:
    return httpx.get(outer.url + path, trust_env=False, timeout=20, **more)


def until(holds: Callable[[], bool]) -> None:
    for _ in range(250):
        if holds():
            return
        time.sleep(0.02)
    raise AssertionError("it never came to that")


def test_what_is_passed_on(outer: Outer) -> None:
    headers = {
        "Cookie": "access-token=secret",
        "Authorization": "Basic secret",
        "X-Train-Tools-Token": "forged",
        "X-Train-Tools-Exposed": "0",
        "Connection": "x-private",
        "X-Private": "1",
        "Accept-Language": "zh",
    }
    answer = get(outer, "/api/v/猫 cat/v%201?q=a%2Fb&n=1", headers=headers).json()
    assert (answer["path"], answer["query"]) == ("/api/v/猫 cat/v 1", "q=a%2Fb&n=1")
    assert answer["headers"]["x-train-tools-token"] == answer["token"]
    assert answer["headers"]["accept-language"] == "zh"
    assert not {"cookie", "authorization", "x-private", "x-train-tools-exposed"} & set(answer["headers"])


def test_an_exposed_host_is_told(outer: Outer) -> None:
    outer.exposed = True
    answer = get(outer, "/x", headers={"X-Train-Tools-Exposed": "0"}).json()
    outer.exposed = False
    assert answer["headers"]["x-train-tools-exposed"] == "1"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_methods(outer: Outer, method: str) -> None:
    answer = httpx.request(method, f"{outer.url}/x", json={"a": 1}, trust_env=False).json()
    assert answer["method"] == method
    assert httpx.post(f"{outer.url}/x", trust_env=False).json()["headers"]["content-length"] == "0"


@pytest.mark.parametrize("chunked", [True, False])
def test_a_large_upload_is_streamed(outer: Outer, chunked: bool) -> None:
    block, count = os.urandom(1 << 20), 64

    def blocks() -> Iterator[bytes]:
        for _ in range(count):
            yield block

    headers = {} if chunked else {"Content-Length": str(count << 20)}
    answer = httpx.put(
        f"{outer.url}/upload", content=blocks(), headers=headers, timeout=60, trust_env=False
    ).json()
    expected = hashlib.sha256(block * count).hexdigest()
    assert answer == {"bytes": count << 20, "sha256": expected}


def test_a_range_comes_whole_through_gzip(outer: Outer) -> None:
    answer = get(outer, "/file", headers={"Range": "bytes=1000-1999"})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == "bytes 1000-1999/1048576"
    assert answer.content == (bytes(range(256)) * 4096)[1000:2000]


def test_events_come_one_by_one_and_end_with_the_browser(outer: Outer) -> None:
    with httpx.stream("GET", f"{outer.url}/events", trust_env=False) as answer:
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(3)] == ["data: 0", "", "data: 1"]
    until(lambda: "events" in get(outer, "/seen").json())


def test_a_poll_ends_with_the_browser(outer: Outer) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{outer.url}/poll", timeout=0.5, trust_env=False)
    until(lambda: "poll" in get(outer, "/seen").json())


def test_layers_of_the_webui_get_an_answer_though_the_browser_went(outer: Outer) -> None:
    """`RuntimeError: No response returned.` is what starlette's own layers say of an app that sent none."""
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{outer.url}/poll", timeout=0.3, trust_env=False)
    with pytest.raises(RuntimeError, match="cut off by the test"):
        httpx.put(f"{outer.url}/upload", content=cut_off(), trust_env=False)
    until(lambda: outer.passed >= 2)
    assert outer.raised == []


def cut_off() -> Iterator[bytes]:
    yield b"x" * 1000
    raise RuntimeError("cut off by the test")


def test_an_upload_that_is_cut_off_is_told(outer: Outer) -> None:
    def blocks() -> Iterator[bytes]:
        yield b"x" * 1000
        raise RuntimeError

    with pytest.raises(RuntimeError):
        httpx.put(f"{outer.url}/upload", content=blocks(), trust_env=False)
    until(lambda: "ClientDisconnect" in get(outer, "/seen").json())


def test_an_answer_that_is_cut_off_isnt_taken_for_whole(outer: Outer) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        get(outer, "/cut")


def test_a_redirect_stays_outside(outer: Outer) -> None:
    assert get(outer, "/redirect").headers["location"] == "/train_tools/elsewhere/"


def test_a_page_server_that_died_is_started_anew(outer: Outer) -> None:
    before = get(outer, "/x").json()["pid"]
    assert get(outer, "/end").status_code == 502
    until(lambda: get(outer, "/x").status_code == 200)
    assert get(outer, "/x").json()["pid"] != before


def test_one_that_cant_start_says_why(tmp_path: Path) -> None:
    page = PageServer(start(tmp_path, "fails"))
    outer = Outer(page)
    answer = get(outer, "/")
    assert answer.status_code == 502
    assert "port 0 is cursed; take another" in answer.json()["error"]
    before = (tmp_path / "logs" / "page-start.log").stat().st_mtime_ns
    assert "cursed" in get(outer, "/").json()["error"]
    assert (tmp_path / "logs" / "page-start.log").stat().st_mtime_ns == before, "not tried at each request"
    outer.server.should_exit = True


def test_a_python_that_isnt_there(tmp_path: Path) -> None:
    page = PageServer(lambda: Start((str(tmp_path / "python"),), {}, tmp_path / "log"))
    with pytest.raises(HostError, match="is the training environment whole"):
        page.answering()


def test_closing_ends_the_child(tmp_path: Path) -> None:
    page = PageServer(start(tmp_path))
    port = page.answering().port
    assert httpx.get(f"http://127.0.0.1:{port}/x", trust_env=False).status_code == 200
    page.close()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/x", trust_env=False)
    with pytest.raises(HostError, match="reloads"):
        page.answering()


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_the_child_ends_with_a_killed_webui(tmp_path: Path) -> None:
    import signal
    import subprocess

    script = (
        "import sys, time; from pathlib import Path\n"
        "from train_tools.hosts.page_server import PageServer, Start\n"
        "import os\n"
        f"start = Start((sys.executable, {str(PAGE)!r}), dict(os.environ), Path({str(tmp_path)!r}) / 'log')\n"
        "print(PageServer(lambda: start).answering().port, flush=True)\n"
        "time.sleep(60)\n"
    )
    webui = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert webui.stdout is not None
    port = int(webui.stdout.readline())
    assert httpx.get(f"http://127.0.0.1:{port}/x", trust_env=False).status_code == 200
    webui.send_signal(signal.SIGKILL)
    webui.wait()
    webui.stdout.close()

    def ended() -> bool:
        try:
            httpx.get(f"http://127.0.0.1:{port}/x", trust_env=False)
        except httpx.HTTPError:
            return True
        return False

    until(ended)
