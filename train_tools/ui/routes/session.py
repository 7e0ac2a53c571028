"""What the page needs to know once: the program, its words, and where it stands; how its longer work gets on, and how
busy the machine is.
"""

from __future__ import annotations

from typing import Any

import train_tools
from train_tools.hosts import bridge_client
from train_tools.ui.gauges import Gauges
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


def machine(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = call.kept("gauges", lambda: Gauges(call.root)).read()
    return found


def task(call: Call) -> dict[str, Any]:
    return call.tasks.answer(int(call.part("number")))


ROUTES = [
    get("/api/session", session),
    get("/api/texts", all_texts),
    get("/api/machine", machine),
    get("/api/tasks/{number:int}", task),
]
