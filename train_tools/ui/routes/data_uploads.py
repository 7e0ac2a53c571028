"""Uploads: each file is kept as it arrives; a job takes the batch in once all have."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.routing import Route

from train_tools.dataset import inbox
from train_tools.dataset.intake import concept_folder, proposal_for
from train_tools.dataset.layout import said
from train_tools.dataset.reg_folders import reg_folder
from train_tools.errors import UsageError
from train_tools.execution.ticket import INTAKE
from train_tools.ui.routes import data_jobs
from train_tools.ui.routing import Call, post, upload
from train_tools.ui.tasks import Task


def _folder(call: Call) -> Path:
    return inbox.receiving_folder(call.version, call.part("batch"))


def receive(call: Call, file: Path) -> Any:
    """`path` is the file's own, relative to what was dropped or chosen."""
    inbox.keep(call.version, call.part("batch"), call.query("path"), file)
    return {}


def take(call: Call) -> Any:
    """Queues the intake of what has arrived: as its folders say, to `concept`, or as regularisation images of the class
    `reg`. `as_is`: whatever the folders say.
    """
    version, batch = call.version, call.part("batch")
    concept, reg = call.field("concept", str, ""), call.field("reg", str, "")
    repeats = call.field("repeats", int, 0)
    if not any(waiting.batch == batch for waiting in inbox.waiting(version)):
        raise UsageError("none of these files has arrived; send them again")
    if _is_taken(call, batch):
        raise UsageError("these files are being added already")
    settings = {"batch": batch, **({"as_is": "true"} if call.field("as_is", bool, False) else {})}
    if reg:
        reg_folder(version, reg, repeats or None)
        settings |= {"reg": reg, **({"repeats": str(repeats)} if repeats else {})}
    else:
        concept_folder(version, concept)
        settings |= {"concept": concept}
    return data_jobs.add(call, version, INTAKE, settings)


def propose(call: Call) -> Any:
    """What the folders' names say that becomes of them: a task, as zips are looked into."""
    version, batch = call.version, call.part("batch")
    forced = said(call.field("concept", str, ""), call.field("reg", str, ""))
    folder = inbox.batch_folder(version, batch)

    def work(_task: Task) -> dict[str, Any]:
        proposal = proposal_for(version, [folder], forced)
        decisions = [{**asdict(one), "folder": one.folder.partition("/")[2]} for one in proposal.decisions]
        return {"decisions": decisions, "changes": proposal.changes}

    return call.tasks.start(work, only_newest_of=f"proposal {folder}")


def discard(call: Call) -> Any:
    version, batch = call.version, call.part("batch")
    if _is_taken(call, batch):
        raise UsageError("these files are being added; cancel that first")
    inbox.discard(version, batch, call.workspace.trash)
    return {}


def _is_taken(call: Call, batch: str) -> bool:
    jobs = data_jobs.recent(call.version)
    return any(job["state"] in data_jobs.OPEN and job["settings"].get("batch") == batch for job in jobs)


BASE = "/api/v/{project}/{version}/data/uploads/{batch}"
ROUTES: list[Route] = [
    upload(BASE, _folder, receive),
    post(f"{BASE}/proposal", propose),
    post(f"{BASE}/take", take),
    post(f"{BASE}/discard", discard),
]
