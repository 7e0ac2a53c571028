"""The queue's SQLite file: opened for each look, made anew from the folders where it is lost or damaged."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from train_tools.errors import TrainToolsError
from train_tools.workspace.files import free_name, replace, time_stamp
from train_tools.workspace.os_errors import sentence_of

FILE = "queue.sqlite3"
SCHEMA = 1
WAIT_S = 30.0  # for another process's transaction
TABLES = (
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, folder TEXT UNIQUE NOT NULL, lane TEXT NOT NULL,
        position REAL NOT NULL, not_before REAL, done INTEGER NOT NULL DEFAULT 0,
        taken INTEGER NOT NULL DEFAULT 0, request TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE flags (
        lane TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (lane, name))""",
)
DAMAGED_WORDS = ("malformed", "not a database", "no such table", "no such column")

Fill = Callable[[sqlite3.Connection], None]


class Database:
    """`fill` puts what the folders hold into new tables."""

    def __init__(self, path: Path, fill: Fill) -> None:
        self._path = path
        self._fill = fill
        self._making = FileLock(path.with_name(f".{FILE}.lock"))

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything within happens, or nothing. Nobody else writes meanwhile.

        Raises TrainToolsError where the file can't be written.
        """
        connection = self._opened()
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled it back by itself
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if _is_damage(error):
                connection.close()
                self._mended().close()
                raise TrainToolsError("the queue was damaged and was made anew; try again") from error
            raise TrainToolsError(sentence_of(error, self._path)) from error
        finally:
            connection.close()

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connected()
        except sqlite3.Error as error:
            if not _is_damage(error):
                raise TrainToolsError(sentence_of(error, self._path)) from error
            return self._mended()

    def _mended(self) -> sqlite3.Connection:
        # One process at a time, and only while it is still damaged.
        with self._making:
            try:
                connection = self._connected()
                if connection.execute("PRAGMA quick_check").fetchone()[0] == "ok":
                    return connection
                connection.close()
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            self._put_aside()
            return self._connected()

    def _put_aside(self) -> None:
        aside = free_name(self._path.parent, f"{FILE}.damaged-{time_stamp()}")
        replace(self._path, aside)
        for ending in ("-wal", "-shm"):
            self._path.with_name(FILE + ending).unlink(missing_ok=True)

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=WAIT_S, isolation_level=None)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous=FULL")
            if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA:
                with self._making:
                    connection.execute("PRAGMA journal_mode=WAL")
                    self._make(connection)
            connection.execute("SELECT count(*), sum(position) FROM entries").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _make(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] < SCHEMA:
                for table in TABLES:
                    connection.execute(table)
                self._fill(connection)
                connection.execute(f"PRAGMA user_version={SCHEMA}")
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def _is_damage(error: sqlite3.Error) -> bool:
    return any(words in str(error) for words in DAMAGED_WORDS)
