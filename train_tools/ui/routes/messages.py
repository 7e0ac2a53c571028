"""Where messages go when a batch has ended or failed: what is set up, and one for trying. No secret is sent out."""

from __future__ import annotations

from typing import Any

from train_tools.errors import UsageError
from train_tools.messages import store
from train_tools.messages.channels import KINDS, Message
from train_tools.messages.outbox import Outbox
from train_tools.messages.sending import send
from train_tools.ui.guard import refuse_others
from train_tools.ui.routing import Call, get, post
from train_tools.ui.tasks import Task

TEXTS = ("kind", "address", "secret", "target", "language")
TEST = {
    "en": Message("for trying", "This is how you will be told when a training has ended.", {"event": "test"}),
    "zh": Message("测试", "训练结束时会这样通知你。", {"event": "test"}),
}


def channels(call: Call) -> dict[str, Any]:
    trouble = Outbox(call.root, lambda _text: None).trouble()
    return {
        "channels": [{**store.shown(one), **_problem(trouble.get(one.id))} for one in store.read(call.root)],
        "kinds": {name: {"wants": kind.wants, "may": kind.may} for name, kind in KINDS.items()},
        "can_change": not call.exposed,
    }


def _problem(told: Any) -> dict[str, Any]:
    return {"error": told["error"], "error_time": told["time"]} if told else {}


def saved(call: Call) -> dict[str, Any]:
    refuse_others(call)
    changes: dict[str, Any] = {
        name: call.field(name, str, "").strip() for name in TEXTS if call.field(name, str, None)
    }
    changes |= {name: call.field(name, bool, True) for name in ("ended", "failed")}
    made = store.save(call.root, {"id": call.field("id", str, ""), **changes})
    return {"id": made.id, **channels(call)}


def removed(call: Call) -> dict[str, Any]:
    refuse_others(call)
    store.remove(call.root, call.field("id"))
    return channels(call)


def tried(call: Call) -> dict[str, Any]:
    """A task, as it goes over the network."""
    refuse_others(call)
    found = next((one for one in store.read(call.root) if one.id == call.field("id")), None)
    if found is None:
        raise UsageError("this place for messages isn't there any more; add it again")

    def work(_task: Task) -> dict[str, Any]:
        send(call.root, found, TEST.get(found.language, TEST["en"]))
        Outbox(call.root, lambda _text: None).note({found.id: ""})
        return {}

    return call.tasks.start(work)


ROUTES = [
    get("/api/messages", channels),
    post("/api/messages/save", saved),
    post("/api/messages/remove", removed),
    post("/api/messages/try", tried),
]
