"""`queue watch`: follows the entries by their events.jsonl alone, so that it may be left and begun at any time."""

from __future__ import annotations

import time

from train_tools.commands.output import Output
from train_tools.commands.train import event_text
from train_tools.execution.events import EventReader
from train_tools.execution.lane import ensure_worker
from train_tools.execution.queue import PAUSED, Queue
from train_tools.execution.states import ENDED
from train_tools.workspace.run_folder import ACTIVE

POLL_S = 1.0
SECONDS_BETWEEN_LINES = 5.0  # of steps of one entry


def watch(queue: Queue, lane: str, out: Output) -> int:
    """Until nothing waits or is being done; 1 where something failed meanwhile."""
    readers: dict[int, EventReader] = {}
    last_step: dict[int, float] = {}
    seen: dict[int, str] = {}
    while True:
        entries = queue.entries(lane)
        for entry in entries:
            is_new = entry.id not in readers
            if is_new:
                readers[entry.id] = EventReader(entry.folder, from_now=True)
            for event in readers[entry.id].read():
                now = time.monotonic()
                is_last = event.get("step") == event.get("steps")
                if event["event"] == "step" and not is_last:
                    if now - last_step.get(entry.id, float("-inf")) < SECONDS_BETWEEN_LINES:
                        continue
                    last_step[entry.id] = now
                if text := event_text(event):
                    out.say(f"[{entry.id}] {entry.folder.name}: {text}")
            if seen.get(entry.id, "") != entry.state:
                if not is_new or entry.state not in ENDED:
                    out.say(f"[{entry.id}] {entry.folder.name}: {entry.state}")
                seen[entry.id] = entry.state
        with queue.locked() as connection:
            is_paused = PAUSED in queue.flags(connection, lane)
        busy = [e for e in entries if e.taken or e.state in ACTIVE or e.waits]
        if not busy or (is_paused and not any(e.taken for e in entries)):
            states = {str(entry.id): entry.state for entry in entries}
            out.say("the queue is paused" if busy else "nothing is left to do")
            out.document({"lane": lane, "paused": is_paused, "states": states})
            return 1 if "failed" in states.values() else 0
        if not is_paused:
            ensure_worker(queue.root, lane)  # it may have been killed
        time.sleep(POLL_S)
