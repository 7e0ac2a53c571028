"""A server of files on this machine with ranges, and with the faults that real ones have."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Files:
    """What is served, by path; the requests that came; faults that are used up one by one."""

    content: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)  # answered instead of the file
    cuts: list[int] = field(default_factory=list)  # bytes after which the connection ends
    with_ranges: bool = True
    address: str = ""

    @property
    def ranges(self) -> list[str]:
        return [headers.get("Range", "") for method, _, headers in self.requests if method == "GET"]


@contextmanager
def serving() -> Iterator[Files]:
    files = Files()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            files.requests.append((self.command, path, dict(self.headers)))
            extra = files.headers.get(path, {})
            if path in files.redirects:
                return self.head(302, {"Location": files.redirects[path], **extra})
            if files.statuses:
                return self.head(files.statuses.pop(0))
            if path not in files.content:
                return self.head(404)
            data = files.content[path]
            tag = f'"{hashlib.md5(data).hexdigest()}"'
            begin, status = 0, 200
            asked = self.headers.get("Range", "")
            if files.with_ranges and asked and self.headers.get("If-Range", tag) == tag:
                begin = int(asked.removeprefix("bytes=").partition("-")[0])
                if begin >= len(data):
                    return self.head(416, {"Content-Range": f"bytes */{len(data)}"})
                status = 206
                extra = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}", **extra}
            self.head(status, {"ETag": tag, "Content-Length": str(len(data) - begin), **extra})
            if with_body:
                self.send(data[begin:])
            return None

        def head(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": "0", **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()

        def send(self, data: bytes) -> None:
            if not files.cuts:
                self.wfile.write(data)
                return
            self.wfile.write(data[: files.cuts.pop(0)])
            self.wfile.flush()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    files.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
