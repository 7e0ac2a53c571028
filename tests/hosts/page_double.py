"""A stand-in for the page server, started as the door starts the real one: `python page_double.py [how it fails]`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from train_tools.engines.lifeline import end_with_supervisor

FILE = Path(tempfile.gettempdir()) / f"train-tools-page-double-{os.getpid()}.bin"
gone: list[str] = []


async def echo(request: Request) -> Response:
    return JSONResponse({
        "method": request.method,
        "path": request.url.path,
        "query": request.url.query,
        "headers": dict(request.headers),
        "token": os.environ["TRAIN_TOOLS_PAGE_TOKEN"],
        "pid": os.getpid(),
    })  # fmt: skip


async def upload(request: Request) -> Response:
    total, digest = 0, hashlib.sha256()
    try:
        async for block in request.stream():
            total += len(block)
            digest.update(block)
    except Exception as error:
        gone.append(type(error).__name__)
        raise
    return JSONResponse({"bytes": total, "sha256": digest.hexdigest()})


async def file(_request: Request) -> Response:
    FILE.write_bytes(bytes(range(256)) * 4096)
    return FileResponse(FILE)


async def events(_request: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        try:
            for number in range(1000):
                yield f"data: {number}\n\n".encode()
                await asyncio.sleep(0.05)
        finally:
            gone.append("events")

    return StreamingResponse(lines(), media_type="text/event-stream")


async def poll(request: Request) -> Response:
    while not await request.is_disconnected():
        await asyncio.sleep(0.02)
    gone.append("poll")
    return Response()


async def cut(_request: Request) -> Response:
    async def blocks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError

    return StreamingResponse(blocks(), headers={"content-length": "8"})


async def end(_request: Request) -> Response:
    os._exit(3)


async def redirect(request: Request) -> Response:
    return RedirectResponse(str(request.url.replace(path="/elsewhere/")))


async def seen(_request: Request) -> Response:
    return JSONResponse(gone)


ROUTES = [
    Route("/upload", upload, methods=["PUT", "POST"]),
    Route("/file", file),
    Route("/events", events),
    Route("/poll", poll),
    Route("/cut", cut),
    Route("/end", end),
    Route("/redirect", redirect),
    Route("/seen", seen),
    Route("/{path:path}", echo, methods=["GET", "POST", "PUT", "DELETE"]),
]


def main(how: str) -> None:
    if how == "fails":
        sys.exit("train_tools: port 0 is cursed; take another")
    end_with_supervisor()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    config = uvicorn.Config(Starlette(routes=ROUTES), log_config=None, lifespan="off")
    uvicorn.Server(config).run([listening])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
