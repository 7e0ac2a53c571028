"""How an entry of the queue stands: its states, how one follows another, and what is shown of them.

A run's record holds the state that was written last. What is true of it now follows from that and from what stands in
no record: whether a worker has it in hand, what was asked of it, whether its lane is paused. `standing` is the one
place where that is put together; the page has a text for each of its answers and for nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

QUEUED, RUNNING, FINISHED, FAILED, CANCELLED, INTERRUPTED, HELD = (
    "queued", "running", "finished", "failed", "cancelled", "interrupted", "paused",
)  # fmt: skip
WAITING = (QUEUED, INTERRUPTED)  # a worker takes it by itself
ENDED = (FINISHED, FAILED, CANCELLED)

# What a record may say next; "": there is none yet. A process that is gone without a word makes `interrupted` of
# `running`, which is read and written by nobody.
NEXT: Mapping[str, tuple[str, ...]] = {
    "": (QUEUED,),
    # It couldn't be started, or was taken off again; `queued` anew is an edited, moved or renewed one.
    QUEUED: (QUEUED, RUNNING, FAILED, CANCELLED, INTERRUPTED, HELD),
    # `queued`: given back, as no more fit into memory.
    RUNNING: (QUEUED, FINISHED, FAILED, CANCELLED, INTERRUPTED, HELD),
    # `finished`: it was whole when its worker was killed.
    INTERRUPTED: (QUEUED, FINISHED, CANCELLED, HELD),
    HELD: (QUEUED, CANCELLED),
    FAILED: (QUEUED,),
    CANCELLED: (QUEUED,),
    FINISHED: (QUEUED,),  # once more, as a person asked for
}

# What is asked of an entry that a worker has in hand. `finish`: after the epoch that it is in; `join`: it begins when
# the epoch of others ends.
CANCEL, PAUSE, GIVE_WAY, FINISH, JOIN = REQUESTS = ("cancel", "pause", "give way", "finish", "join")
WISHED = {CANCEL: CANCELLED, PAUSE: HELD}  # the state that comes of a request

# What is shown, by the state that others count it as.
STANDINGS: Mapping[str, str] = {
    "waiting": QUEUED,
    "waiting_paused": QUEUED,  # its queue is paused
    "waiting_draws": QUEUED,  # the webui has the GPU for its pictures
    "waiting_stops": QUEUED,  # its queue stops after what is done now
    "later": QUEUED,  # not before a time
    "later_paused": QUEUED,
    "joins": QUEUED,
    "begins": RUNNING,
    "running": RUNNING,
    "ending": RUNNING,  # its process has ended, and its result is looked at
    "cancelling": RUNNING,
    "pausing": RUNNING,
    "giving_way": RUNNING,
    "finishing": RUNNING,
    "cut": INTERRUPTED,  # it goes on by itself
    "cut_paused": INTERRUPTED,
    "cut_draws": INTERRUPTED,
    "cut_stops": INTERRUPTED,
    "cut_alone": INTERRUPTED,  # its worker is gone, and is started again
    "paused": HELD,
    "finished": FINISHED,
    "failed": FAILED,
    "cancelled": CANCELLED,
}
OF_REQUEST = {CANCEL: "cancelling", PAUSE: "pausing", GIVE_WAY: "giving_way", FINISH: "finishing"}


@dataclasses.dataclass(frozen=True)
class Around:
    """What holds for an entry's lane. `stops`: it pauses when what is done now has ended."""

    is_paused: bool = False
    draws: bool = False
    stops: bool = False
    has_worker: bool = True


NOTHING = Around()


def standing(
    state: str,
    *,
    is_taken: bool = False,
    has_worker: bool = True,
    has_ended: bool = False,
    request: str = "",
    is_later: bool = False,
    around: Around = NOTHING,
) -> str:
    """One of STANDINGS. `state` is the record's as it is read; `is_taken`: a worker's slot has it, and `has_worker` or
    lost it; `has_ended`: its process is gone or says that it is through; `is_later`: its time hasn't come.
    """
    if state in ENDED or state == HELD:
        return state
    if is_taken and not has_worker:
        return "cut_alone"
    if state == RUNNING:
        if has_ended:
            return "ending"
        return OF_REQUEST.get(request, "running")
    if is_taken:
        return "joins" if request == JOIN else "begins"
    return _waits("cut" if state == INTERRUPTED else "waiting", is_later, around)


def _waits(word: str, is_later: bool, around: Around) -> str:
    if around.is_paused:
        return "later_paused" if is_later else f"{word}_paused"
    if around.draws:
        return f"{word}_draws"
    if is_later:
        return "later"
    if around.stops:
        return f"{word}_stops"
    return "cut_alone" if word == "cut" and not around.has_worker else word
