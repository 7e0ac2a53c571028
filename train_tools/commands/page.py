"""The page in a browser."""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import sys
import threading
import urllib.request
import webbrowser
from pathlib import Path

from train_tools.commands.options import add_common
from train_tools.commands.output import Output
from train_tools.engines.lifeline import end_with_supervisor
from train_tools.errors import UsageError

HELP = "Shows the page: everything that the commands do, in a browser."
PORT = 7870
HERE = "127.0.0.1"
ASK_S = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=PORT, help=f"default {PORT}; 0 takes a free one")
    parser.add_argument(
        "--listen", metavar="ADDRESS", default=HERE,
        help="0.0.0.0 lets other machines in, who must know the password of --password-file",
    )  # fmt: skip
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its first line is the password")
    parser.add_argument("--open", action="store_true", help="open it in this machine's browser")
    # The webui's door sets TRAIN_TOOLS_PAGE_TOKEN and reads the address as JSON.
    add_common(parser)


def run(arguments: argparse.Namespace, out: Output) -> int:
    end_with_supervisor()
    token = os.environ.pop("TRAIN_TOOLS_PAGE_TOKEN", "")
    password = read_password(arguments.password_file)
    is_local = arguments.listen in ("127.0.0.1", "::1", "localhost")
    if not is_local and not (password or token):
        raise UsageError("other machines may come in only with a password; give --password-file FILE")

    if arguments.open and (url := already_open(arguments.port, arguments.root)):
        out.say(f"The page is open already, at {url}")
        webbrowser.open(url)
        return 0

    import uvicorn

    from train_tools.ui.access import Access
    from train_tools.ui.keeper import keep_workers
    from train_tools.ui.server import application, log_to

    log_to(arguments.root / "train_tools")
    app = application(arguments.root, Access(token=token, password=password))
    listening = bound(arguments.listen, arguments.port)
    port = listening.getsockname()[1]
    url = f"http://{'localhost' if is_local else socket.gethostname()}:{port}/"
    if out.as_json:
        # One line at once: whoever started us waits for it.
        print(json.dumps({"url": url, "port": port, "pid": os.getpid()}), flush=True)
    out.say(f"The page is at {url} (end with Ctrl+C)")
    keep_workers(arguments.root)
    if arguments.open:
        threading.Timer(0.5, webbrowser.open, [url]).start()
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    uvicorn.Server(config).run([listening])
    return 0


def already_open(port: int, root: Path) -> str:
    """Where this root's page answers on this machine, for a second double click; empty where it doesn't."""
    url = f"http://localhost:{port}/"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}api/session", timeout=ASK_S) as answer:
            found = json.load(answer)
            is_ours = Path(str(found["root"])) == root.resolve()
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return ""
    return url if is_ours else ""


def read_password(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        password = file.read_text("utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read; --password-file takes a text file") from error
    if not password:
        raise UsageError(f"{file} is empty; its first line is the password")
    return password


def bound(address: str, port: int) -> socket.socket:
    """Raises UsageError where the port is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # With the protocol said, asyncio sends small answers at once; else each would wait 40 ms for an acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # On Windows this would let two programs share a port.
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise UsageError(
            f"port {port} of {address} can't be used ({error}); choose another with --port"
        ) from error
    return listening
