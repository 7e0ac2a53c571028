"""A grid of 1,000 runs × 20 checkpoints: what plan, queue, worker, page and commands take with it.

Everything is asked as people and programs ask: the page's server is a process of its own, commands are started. Beside
seconds stands the processor's time, as machines are shared. Nothing that the page asks may take longer than a second.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import psutil

from benchmarks.large_grid import begun, filled, grid, planned, queued, running_again, timed
from train_tools.execution import worker
from train_tools.execution.batches import News
from train_tools.execution.lane import lane_lock
from train_tools.execution.queue import PAUSED, Queue
from train_tools.execution.states import FINISHED
from train_tools.execution.ticket import DEFAULT_LANE
from train_tools.messages.outbox import Outbox
from train_tools.workspace.workspace import Version, Workspace

RUNS, CHECKPOINTS, TIMES = 1000, 20, 3
AT = "/api/v/zorb/v1"
MEGA = 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--checkpoints", type=int, default=CHECKPOINTS)
    parser.add_argument("--keep", type=Path, help="make it there, or take what is there already")
    parser.add_argument("--only", default="page,commands,queue")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = given.keep or Path(temporary)
        print("| what | seconds | of the processor | |\n|---|---|---|---|")
        version = there(root) or make(root, given.runs, given.checkpoints)
        for part in given.only.split(","):
            {"queue": of_queue, "page": of_page, "commands": of_commands}[part](root, version)


def row(what: str, seconds: float, work: float, more: str = "") -> None:
    print(f"| {what} | {seconds:.2f} | {work:.2f} | {more} |", flush=True)


def there(root: Path) -> Version | None:
    if not (root / "train_tools/projects/zorb/versions/v1/previews/previews.json").is_file():
        return None
    running_again(root)
    return Workspace(root).version("zorb", "v1")


def make(root: Path, runs: int, checkpoints: int) -> Version:
    version = begun(root)
    plan, *taken = timed(lambda: planned(version, runs, checkpoints))
    row(f"plan {len(plan.runs):,} runs", *taken)
    row(f"queue {len(plan.runs):,} runs", *timed(lambda: queued(root, version, plan))[1:])
    filled(root, version, checkpoints)
    return version


def of_queue(root: Path, _version: Version) -> None:
    """What a worker asks: each of these happens many times in a night, and holds the queue."""
    queue = Queue(root)
    lane = worker.Worker(queue)
    with queue.locked() as connection:
        first = next(entry for entry in queue.read(connection) if entry.state == FINISHED)
    one = News(queue, Outbox(root, print))

    def take() -> int:
        with queue.locked() as connection:
            queue.set_flag(connection, DEFAULT_LANE, PAUSED, on=False)
        entries = lane._take()  # noqa: SLF001 - what the worker does
        with queue.locked() as connection:
            queue.mark(connection, [entry.id for entry in entries], taken=0)
            queue.set_flag(connection, DEFAULT_LANE, PAUSED, on=True)
        return len(entries)

    def is_done() -> bool:
        with queue.locked() as connection:
            queue.set_flag(connection, DEFAULT_LANE, PAUSED, on=False)
        found = lane.is_done()
        with queue.locked() as connection:
            queue.set_flag(connection, DEFAULT_LANE, PAUSED, on=True)
        return found

    works: dict[str, Callable[[], Any]] = {
        "list all entries": queue.entries,
        "the worker takes the next pack": take,
        "the worker asks whether all is done": is_done,
        "the worker looks after others": lane._look_after_others,  # noqa: SLF001
        "the worker recovers": lane._recover,  # noqa: SLF001
        "what a run's end costs for messages": lambda: one.ended(first, FINISHED),
        "what a run's end costs for previews": lambda: lane._previews.ended([first]),  # noqa: SLF001
    }
    for what, work in works.items():
        row(what, *timed(work)[1:])


@contextlib.contextmanager
def served(root: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The page server as it is started by people: its address, and its process."""
    command = [sys.executable, "-m", "train_tools", "page", "--port", "0", "--json", "--root", str(root)]
    here = {**os.environ, "TRAIN_TOOLS_ENV": "current"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=here) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        try:
            yield told["url"], psutil.Process(told["pid"])
        finally:
            process.terminate()


class Page:
    """A browser that keeps its connection."""

    def __init__(self, url: str, server: psutil.Process) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._server = server

    def wait(self) -> None:
        """Until it answers: its address is told a moment before."""
        while True:
            with contextlib.suppress(ConnectionError):
                self.ask("/api/session")
                return
            self._connection.close()
            time.sleep(0.02)

    def ask(self, path: str, body: Any = None) -> tuple[Any, float, float, int]:
        """The answer, seconds, the processor's in the server, bytes that were sent."""
        headers = {"Accept-Encoding": "gzip", "Content-Type": "application/json"}
        worked, started = sum(self._server.cpu_times()[:2]), time.perf_counter()
        method, data = ("POST", json.dumps(body)) if body is not None else ("GET", None)
        self._connection.request(method, path, data, headers)
        answer = self._connection.getresponse()
        sent = answer.read()
        seconds, work = time.perf_counter() - started, sum(self._server.cpu_times()[:2]) - worked
        text = gzip.decompress(sent) if answer.headers.get("Content-Encoding") == "gzip" else sent
        assert answer.status == 200, (path, answer.status, text[:300])
        return json.loads(text), seconds, work, len(sent)

    def whole(self, path: str, body: Any = None) -> tuple[Any, float, float, int]:
        """As `ask`, with the time until a task is done."""
        answer, seconds, work, size = self.ask(path, body)
        while isinstance(answer, dict) and (
            answer.get("waiting") is True or ("task" in answer and answer["state"] == "running")
        ):
            time.sleep(0.2)
            again = f"/api/tasks/{answer['task']}" if "task" in answer else path
            answer, s, w, n = self.ask(again, None if "task" in answer else body)
            seconds, work, size = seconds + s + 0.2, work + w, size + n
        return answer, seconds, work, size


def of_page(root: Path, version: Version) -> None:
    started = time.perf_counter()
    # This process is the worker that has the running ones in hand.
    with lane_lock(root, DEFAULT_LANE), served(root) as (url, server):
        page = Page(url, server)
        page.wait()
        row("the page's server answers after", time.perf_counter() - started, sum(server.cpu_times()[:2]))
        for name, path, body in asked(page):
            told = [page.whole(path, body) for _ in range(TIMES)]
            first, worst = told[0], max(told[1:], key=lambda one: one[1])
            row(f"{name}, first", *first[1:3], f"{first[3]:,} bytes")
            row(f"{name}, again", *worst[1:3], f"{worst[3]:,} bytes")
        while_it_grows(page, version)
        print(f"\nmemory of the server: {server.memory_info().rss / MEGA:.0f} MB\n")


def asked(page: Page) -> Iterator[tuple[str, str, Any]]:
    yield "projects", "/api/projects", None
    yield "data", f"{AT}/data/state", None
    yield "plan's settings", f"{AT}/plan/settings", None
    yield "plan of the grid", f"{AT}/plan", {"page": "one", "changes": grid(RUNS, CHECKPOINTS)}
    yield "bar", "/api/queue/summary", None
    answer, seconds, work, size = page.ask("/api/queue")
    row("queue, first", seconds, work, f"{size:,} bytes")
    yield "queue, asked further", f"/api/queue?since={answer['token']}", None
    running = [entry["id"] for entry in answer["items"] if entry["state"] == "running"]
    yield "queue's pictures and curves", f"/api/queue/watched?ids={','.join(map(str, running[:8]))}", None
    yield "an entry", f"/api/queue/{running[0]}", None
    yield "starred runs", f"{AT}/queue/starred", None
    yield "board", f"{AT}/compare/board", None
    one = {"where": json.dumps({"epoch": ["20"]})}
    yield "board, one epoch", f"{AT}/compare/board?{urlencode(one)}", None
    yield "board's stamp", f"{AT}/compare/stamp", None
    yield "a pair to vote on", f"{AT}/compare/pair", None
    yield "marks", f"{AT}/compare/marks", None
    yield "ranking", f"{AT}/compare/ranking", None
    yield "runs", f"{AT}/compare/runs", None
    names = page.ask(f"{AT}/compare/curves")[0]["known"]
    chosen = "&".join(f"run={quote(name)}" for name in names[:8])
    yield "which curves there are", f"{AT}/compare/curves", None
    yield "eight curves", f"{AT}/compare/curves?{chosen}", None
    yield "two runs compared", f"{AT}/compare/runs/diff?run={quote(names[0])}&run={quote(names[1])}", None
    yield "what a run's zip would hold", f"{AT}/compare/runs/size?run={quote(names[0])}", None
    yield "how large the board's file would be", f"{AT}/compare/export/size", None
    yield "preview's settings", f"{AT}/previews", None
    yield "how many pictures", f"{AT}/previews/count", {"settings": {"renderer": "diffusers"}}
    yield "disk", "/api/tools/disk", None


def while_it_grows(page: Page, version: Version) -> None:
    """What the page asks again and again, each time after a run has got a checkpoint."""
    folder = next(path for path in sorted(version.trains.iterdir()) if any(path.glob("*.safetensors")))
    source = next(folder.glob("*.safetensors"))
    for name, path in {
        "board's stamp": f"{AT}/compare/stamp", "board": f"{AT}/compare/board", "runs": f"{AT}/compare/runs",
        "projects": "/api/projects", "which curves there are": f"{AT}/compare/curves", "bar": "/api/queue/summary",
    }.items():  # fmt: skip
        page.ask(path)
        new = folder / "another-000099.safetensors"
        new.write_bytes(source.read_bytes())
        _, seconds, work, size = page.ask(path)
        new.unlink()
        row(f"{name}, after a new checkpoint", seconds, work, f"{size:,} bytes")


def of_commands(root: Path, version: Version) -> None:
    run = sorted(path.name for path in version.trains.iterdir())[0]
    for words in (
        ["runs", "zorb", "v1"], ["queue", "list"], ["compare", "board", "zorb", "v1"],
        ["compare", "curves", "zorb", "v1", run],
    ):  # fmt: skip
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        command = [sys.executable, "-m", "train_tools", *words, "--root", str(root)]
        here = {**os.environ, "TRAIN_TOOLS_ENV": "current"}
        done = subprocess.run(command, env=here, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr.decode()
        work = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        row(" ".join(words[:2]), time.perf_counter() - started, work, f"{len(done.stdout):,} bytes")


if __name__ == "__main__":
    main()
