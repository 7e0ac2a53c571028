"""The one durable queue of a root folder. SQLite holds the order; what an entry is and how it stands, its folder.

An entry's folder is a run's (`trains/<run>`) or a job's (`jobs/<name>`); it holds a ticket (queue.json) and a record
(run.json). So nothing is lost with the database: the folders are read again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError, UsageError
from train_tools.execution import database
from train_tools.execution.states import ENDED, FAILED, FINISH, INTERRUPTED, QUEUED, RUNNING, WAITING
from train_tools.execution.ticket import DEFAULT_LANE, FILE, Ticket, read_ticket, write_ticket
from train_tools.workspace.run_folder import RunRecord, has_process, read_record
from train_tools.workspace.workspace import Workspace

PAUSED, STOP_AFTER, SHUT_DOWN = FLAGS = ("paused", "stop after", "shut down when done")  # of a lane
DRAWS = "webui draws"  # of a lane, too: a training is paused for the webui's pictures
DELETED = "its folder was deleted"


@dataclasses.dataclass(frozen=True)
class Row:
    """What the database holds of an entry. `folder` is below the projects'; `done`: it is known to have ended.

    `taken` is the slot whose worker is at it, counted from 1; 0 where none is.
    """

    id: int
    folder: str
    lane: str
    position: float
    not_before: float | None
    done: bool
    taken: int
    request: str


@dataclasses.dataclass(frozen=True)
class Entry:
    """`state` is one of run_folder.STATES. `taken` is the slot whose worker is at it, counted from 1; 0: none is."""

    id: int
    folder: Path
    ticket: Ticket
    record: RunRecord | None
    position: float
    not_before: float | None
    taken: int
    request: str

    @property
    def state(self) -> str:
        if self.record is None:
            # A crash came between ticket and record; the ticket is enough.
            return QUEUED if (self.folder / FILE).is_file() else FAILED
        # Its worker could not write how it ended, and has let go of it.
        is_left = self.record.state == RUNNING and not self.taken and not has_process(self.record)
        return INTERRUPTED if is_left else self.record.state

    @property
    def error(self) -> str | None:
        if self.record is not None:
            return self.record.error
        return None if self.state == QUEUED else DELETED

    @property
    def waits(self) -> bool:
        # A queued one with a process is another process's, which trains it outside of the queue.
        is_ours = self.state == INTERRUPTED or self.record is None or self.record.pid is None
        return not self.taken and self.state in WAITING and is_ours

    @property
    def version(self) -> str:
        return self.folder.parents[1].name

    @property
    def project(self) -> str:
        return self.folder.parents[3].name


class Queue:
    """Every call is one transaction; several processes may use it at once."""

    def __init__(self, root: Path, clock: Callable[[], float] = time.time) -> None:
        self.root = root
        self.folder = root / "train_tools"
        self._projects = Workspace(root).projects_folder
        self.clock = clock
        self._database = database.Database(self.folder / database.FILE, self._fill)

    @contextlib.contextmanager
    def locked(self) -> Iterator[sqlite3.Connection]:
        """For several steps that nobody may come between."""
        with self._database.transaction() as connection:
            yield connection

    def add(self, connection: sqlite3.Connection, folder: Path, ticket: Ticket) -> Ticket:
        """At the end of its lane; `ticket` is written into `folder`, which must not be active."""
        name = self._name(folder)
        connection.execute("DELETE FROM entries WHERE folder = ?", (name,))
        last = connection.execute("SELECT max(position) FROM entries").fetchone()[0] or 0.0
        row = connection.execute(
            "INSERT INTO entries (folder, lane, position, not_before) VALUES (?, ?, ?, ?)",
            (name, ticket.lane, last + 1, ticket.not_before),
        )
        placed = dataclasses.replace(
            ticket, id=int(row.lastrowid or 0), position=last + 1, added=self.clock()
        )
        write_ticket(folder, placed)
        return placed

    def entries(self, lane: str = DEFAULT_LANE) -> list[Entry]:
        with self.locked() as connection:
            return list(self.read(connection, lane))

    def entry(self, connection: sqlite3.Connection, number: int) -> Entry:
        """Raises UsageError where there is none."""
        row = connection.execute("SELECT * FROM entries WHERE id = ?", (number,)).fetchone()
        if row is None:
            raise UsageError(f"there is no queue entry {number}; look with `queue list`")
        return self._entry(row)

    def read(
        self, connection: sqlite3.Connection, lane: str = DEFAULT_LANE, *, open_only: bool = False
    ) -> Iterator[Entry]:
        """In the order of training. `open_only` leaves out those known to have ended."""
        rows = connection.execute(
            f"SELECT * FROM entries WHERE lane = ? {'AND done = 0' if open_only else ''} ORDER BY position, id",
            (lane,),
        )
        return map(self._entry, rows.fetchall())

    def overview(self) -> tuple[list[Row], dict[str, set[str]]]:
        """All lanes' rows in the order of training, and each lane's flags; no folder is looked at."""
        with self.locked() as connection:
            rows = connection.execute("SELECT * FROM entries ORDER BY position, id").fetchall()
            flags = connection.execute("SELECT lane, name FROM flags").fetchall()
        of_lane: dict[str, set[str]] = {}
        for flag in flags:
            of_lane.setdefault(flag["lane"], set()).add(flag["name"])
        return [_row(row) for row in rows], of_lane

    def entry_of(self, row: Row) -> Entry:
        """With what its folder says now."""
        folder = self._projects / row.folder
        ticket = read_ticket(folder) or Ticket("train" if folder.parent.name == "trains" else "job")
        record = read_record(folder)
        is_open = record is None or record.state not in ENDED
        request = row.request or (FINISH if ticket.finish_after and is_open else "")
        return Entry(row.id, folder, ticket, record, row.position, row.not_before, row.taken, request)

    def folder_of(self, row: Row) -> Path:
        return self._projects / row.folder

    def change(self, connection: sqlite3.Connection, entry: Entry, **changes: Any) -> Ticket:
        """Changes an entry's ticket, and its row where that holds the same."""
        ticket = dataclasses.replace(read_ticket(entry.folder) or entry.ticket, **changes)
        if entry.folder.is_dir():
            write_ticket(entry.folder, ticket)
        connection.execute(
            "UPDATE entries SET position = ?, not_before = ?, lane = ? WHERE id = ?",
            (ticket.position, ticket.not_before, ticket.lane, entry.id),
        )
        return ticket

    def rename(self, connection: sqlite3.Connection, number: int, folder: Path) -> None:
        """The entry's place is from now on held by another folder, which has its ticket."""
        connection.execute("UPDATE entries SET folder = ? WHERE id = ?", (self._name(folder), number))

    def mark(self, connection: sqlite3.Connection, numbers: Iterable[int], **columns: Any) -> None:
        """Sets `done`, `taken` or `request` of entries."""
        assignments = ", ".join(f"{name} = ?" for name in columns)
        for number in numbers:
            connection.execute(f"UPDATE entries SET {assignments} WHERE id = ?", (*columns.values(), number))

    def forget(self, connection: sqlite3.Connection, entry: Entry) -> None:
        """Takes an entry off the list; its folder stays, without its ticket."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (entry.folder / FILE).unlink()
        connection.execute("DELETE FROM entries WHERE id = ?", (entry.id,))

    def requests(self, numbers: Sequence[int]) -> dict[int, str]:
        with self.locked() as connection:
            marks = ",".join("?" * len(numbers))
            rows = connection.execute(
                f"SELECT id, request FROM entries WHERE id IN ({marks})", tuple(numbers)
            )
            return {row["id"]: row["request"] for row in rows}

    def flags(self, connection: sqlite3.Connection, lane: str) -> set[str]:
        rows = connection.execute("SELECT name FROM flags WHERE lane = ?", (lane,))
        return {row["name"] for row in rows}

    def set_flag(self, connection: sqlite3.Connection, lane: str, name: str, on: bool) -> None:
        connection.execute("DELETE FROM flags WHERE lane = ? AND name = ?", (lane, name))
        if on:
            connection.execute("INSERT INTO flags VALUES (?, ?)", (lane, name))

    def stop_if_asked(self, connection: sqlite3.Connection, lane: str) -> None:
        """Pauses a lane that was to stop after what is done in it, once nothing is."""
        if STOP_AFTER not in self.flags(connection, lane):
            return
        if not any(entry.taken for entry in self.read(connection, lane, open_only=True)):
            self.set_flag(connection, lane, STOP_AFTER, on=False)
            self.set_flag(connection, lane, PAUSED, on=True)

    def recover(self, lane: str, is_held: Callable[[int], bool]) -> None:
        """Nobody is at an entry that was taken in a slot which `is_held` by no other process, and none is forgotten.

        Slots are counted from 0.
        """
        with self.locked() as connection:
            rows = connection.execute(
                "SELECT DISTINCT taken FROM entries WHERE lane = ? AND taken > 0", (lane,)
            )
            for slot in [row["taken"] for row in rows.fetchall() if not is_held(row["taken"] - 1)]:
                connection.execute("UPDATE entries SET taken = 0 WHERE lane = ? AND taken = ?", (lane, slot))
            self._fill(connection)
            # A crash may have come between an entry's folder and its row.
            self.mark(connection, [e.id for e in self.read(connection, lane) if e.state not in ENDED], done=0)

    def _fill(self, connection: sqlite3.Connection) -> None:
        """Adds the entries whose folders have a ticket but no row; one whose folder was renamed keeps its row."""
        known = {row["folder"]: row["id"] for row in connection.execute("SELECT id, folder FROM entries")}
        by_id = {number: name for name, number in known.items()}
        found = []
        for kind in ("trains", "jobs"):
            found += [path.parent for path in self._projects.glob(f"*/versions/*/{kind}/*/{FILE}")]
        tickets = [(folder, ticket) for folder in found if (ticket := read_ticket(folder)) is not None]
        for folder, ticket in sorted(tickets, key=lambda found: (found[1].position, found[1].id)):
            name = self._name(folder)
            if name in known:
                continue
            if ticket.id in by_id and not (self._projects / by_id[ticket.id]).is_dir():
                connection.execute("UPDATE entries SET folder = ? WHERE id = ?", (name, ticket.id))
                continue
            number = ticket.id if ticket.id and ticket.id not in by_id else None
            row = connection.execute(
                "INSERT INTO entries (id, folder, lane, position, not_before) VALUES (?, ?, ?, ?, ?)",
                (number, name, ticket.lane, ticket.position, ticket.not_before),
            )
            by_id[int(row.lastrowid or 0)] = name
            if row.lastrowid != ticket.id:
                write_ticket(folder, dataclasses.replace(ticket, id=int(row.lastrowid or 0)))

    def _name(self, folder: Path) -> str:
        """As it stands in the database: below the projects' folder, so that the root may move."""
        try:
            return folder.absolute().relative_to(self._projects.absolute()).as_posix()
        except ValueError as error:
            raise TrainToolsError(f"{folder} is not below {self._projects}") from error

    def _entry(self, row: sqlite3.Row) -> Entry:
        return self.entry_of(_row(row))


def _row(row: sqlite3.Row) -> Row:
    return Row(
        row["id"], row["folder"], row["lane"], row["position"], row["not_before"], bool(row["done"]),
        row["taken"], row["request"],
    )  # fmt: skip
