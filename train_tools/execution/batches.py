"""What became of the runs that were queued together, and the message about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping

from train_tools.arguments.wording import label_of
from train_tools.execution.queue import Entry, Queue
from train_tools.execution.states import CANCELLED, ENDED, FAILED, FINISHED
from train_tools.execution.ticket import TRAIN
from train_tools.execution.varying import differing
from train_tools.messages.channels import Message
from train_tools.messages.outbox import ENDED as ABOUT_END
from train_tools.messages.outbox import FAILED as ABOUT_FAILURE
from train_tools.messages.outbox import Outbox
from train_tools.workspace.run_folder import RunRecord, read_record

MOST_NAMED = 5
HOUR, MINUTE = 3600, 60
WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title_ended": "Training has ended: {place}",
        "title_failed": "A training has failed: {place}",
        FINISHED: "{n} finished", FAILED: "{n} failed", CANCELLED: "{n} cancelled",
        "between": ", ", "took": "; it took {h} h {m:02d} min.",
        "why": "{label}: {error}", "more": "and {n} more that failed", "left": "{n} of its batch are still to be done.",
    },
    "zh": {
        "title_ended": "训练已结束：{place}",
        "title_failed": "有训练失败：{place}",
        FINISHED: "{n} 个已完成", FAILED: "{n} 个失败", CANCELLED: "{n} 个已取消",
        "between": "，", "took": "；用时 {h} 小时 {m:02d} 分钟。",
        "why": "{label}：{error}", "more": "另有 {n} 个失败", "left": "同批还有 {n} 个未完成。",
    },
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Batch:
    """Runs that were queued together, in the order of training."""

    name: str
    entries: tuple[Entry, ...]

    @property
    def place(self) -> str:
        return f"{self.entries[0].project} / {self.entries[0].version}"

    @property
    def counts(self) -> dict[str, int]:
        states = [entry.state for entry in self.entries]
        return {state: states.count(state) for state in ENDED}

    @property
    def left(self) -> int:
        return sum(entry.state not in ENDED for entry in self.entries)

    @property
    def ended(self) -> float:
        """When the last of them did."""
        return max((record.ended or 0.0 for record in self._records), default=0.0)

    @property
    def seconds(self) -> float:
        begun = [record.started for record in self._records if record.started]
        return max(0.0, self.ended - min(begun)) if begun else 0.0

    @property
    def _records(self) -> list[RunRecord]:
        return [entry.record for entry in self.entries if entry.record is not None]

    def failures(self, called: Callable[[str], str] = str) -> list[tuple[str, str]]:
        """What tells each from the others, its settings as they are `called`, and why it failed."""
        told = differing([entry.ticket.arguments for entry in self.entries])
        labels = [" · ".join(f"{called(name)} {value}" for name, value in one) for one in told]
        return [
            (label or entry.folder.name, entry.error or "")
            for entry, label in zip(self.entries, labels, strict=True)
            if entry.state == FAILED
        ]


def batches(entries: Iterable[Entry]) -> dict[str, Batch]:
    """Those of trainings, by name."""
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.ticket.kind == TRAIN and entry.ticket.batch:
            found.setdefault(entry.ticket.batch, []).append(entry)
    return {name: Batch(name, tuple(members)) for name, members in found.items()}


class News:
    """For a worker: tells when a batch has ended, and at its first failure. `say` hears what can't be told."""

    def __init__(self, queue: Queue, outbox: Outbox) -> None:
        self._queue = queue
        self._outbox = outbox

    def ended(self, entry: Entry, state: str) -> None:
        if entry.ticket.kind != TRAIN or not entry.ticket.batch or state not in ENDED:
            return
        batch = batches(self._queue.entries(entry.ticket.lane)).get(entry.ticket.batch)
        if batch is None:
            return
        if not batch.left:
            self._outbox.add(ABOUT_END, f"ended-{batch.name}-{batch.ended * 1000:.0f}", _said(batch, "ended"))
        record = read_record(entry.folder)
        if state == FAILED and record is not None:
            # At once, though others go on; nobody is told twice of the last one.
            unless = "" if batch.left else ABOUT_END
            name = f"failed-{batch.name}-{record.attempt}"
            self._outbox.add(ABOUT_FAILURE, name, _said(batch, "failed"), unless)


def _said(batch: Batch, about: str) -> dict[str, Message]:
    facts = {
        "event": about, "project": batch.entries[0].project, "version": batch.entries[0].version, "batch": batch.name,
        "runs": len(batch.entries), "left": batch.left, **batch.counts, "seconds": round(batch.seconds),
        "failures": [{"run": label, "error": error} for label, error in batch.failures()],
    }  # fmt: skip
    return {
        language: Message(words[f"title_{about}"].format(place=batch.place), _text(batch, language), facts)
        for language, words in WORDS.items()
    }


def _text(batch: Batch, language: str) -> str:
    words = WORDS[language]
    states = words["between"].join(words[state].format(n=n) for state, n in batch.counts.items() if n)
    took = words["took"].format(h=int(batch.seconds // HOUR), m=int(batch.seconds % HOUR // MINUTE))
    lines = [states + took]
    if batch.left:
        lines.append(words["left"].format(n=batch.left))
    failures = batch.failures(lambda name: label_of(name, language))
    lines += [words["why"].format(label=label, error=error) for label, error in failures[:MOST_NAMED]]
    if len(failures) > MOST_NAMED:
        lines.append(words["more"].format(n=len(failures) - MOST_NAMED))
    return "\n".join(lines)
