"""What the page needs to know once: the program, its words, and where it stands; and how its longer work gets on."""

from __future__ import annotations

from typing import Any

import train_tools
from train_tools.hosts import bridge_client
from train_tools.ui.routing import Call, get
from train_tools.ui.texts import texts


def session(call: Call) -> dict[str, Any]:
    return {
        "program": train_tools.__version__,
        "root": str(call.root.resolve()),
        "exposed": call.exposed,
        "host": _host(call),
    }


def _host(call: Call) -> str:
    """The webui that runs for this root, with its version; empty where there is none."""
    host = bridge_client.find(call.root)
    return " ".join(filter(None, (host.name, host.version))) if host else ""


def all_texts(_call: Call) -> dict[str, list[str]]:
    return texts()


def task(call: Call) -> dict[str, Any]:
    return call.tasks.answer(int(call.part("number")))


ROUTES = [
    get("/api/session", session),
    get("/api/texts", all_texts),
    get("/api/tasks/{number:int}", task),
]
