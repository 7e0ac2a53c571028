"""How long the page's handlers take: a version of 2,000 captioned images, a queue of 1,000 entries, plans.

Every answer is asked three times; the slowest is printed with the size that travels (gzip). Nothing may take longer
than a second: what does is work for the queue.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.testclient import TestClient

from train_tools.execution.queue import PAUSED, Queue
from train_tools.execution.queue_actions import Conditions, add_training
from train_tools.execution.ticket import DEFAULT_LANE
from train_tools.planning.plan import make_plan
from train_tools.ui.server import application
from train_tools.workspace.workspace import Version, Workspace

IMAGES = 2000
BASE = "/api/v/zorb/v1"
SEEDS = 250  # times four ranks: the entries of the queue


def filled(root: Path, images: int) -> Version:
    workspace = Workspace(root)
    workspace.create_project("zorb")
    version = workspace.create_version("zorb", "v1")
    folder = version.processed / "3_zorb"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "0000.png")
    pixels = (folder / "0000.png").read_bytes()
    for number in range(images):
        (folder / f"{number:04d}.png").write_bytes(pixels)
        tags = ", ".join(f"word{number * k % 300}" for k in range(1, 21))
        (folder / f"{number:04d}.txt").write_text(f"zorb, {tags}\n")
        (version.origin / f"{number:04d}.png").write_bytes(pixels)
    return version


def queued(root: Path, version: Version, seeds: int) -> None:
    queue = Queue(root)
    with queue.locked() as connection:
        queue.set_flag(
            connection, DEFAULT_LANE, PAUSED, on=True
        )  # a look at the queue would start its worker
    grid = {"seed": f"1-{seeds}", "network_dim": "4,8,16,32", "max_train_epochs": "1"}
    add_training(queue, version, make_plan(version, grid), Conditions())


def slowest(page: TestClient, method: str, path: str, **more: Any) -> tuple[float, int]:
    """Seconds and bytes."""
    taken, size = 0.0, 0
    for _ in range(3):
        start = time.perf_counter()
        with page.stream(method, path, headers={"Accept-Encoding": "gzip"}, **more) as answer:
            size = sum(map(len, answer.iter_raw()))
        taken = max(taken, time.perf_counter() - start)
        assert answer.status_code == 200, (path, answer.status_code)
    return taken, size


def asked(seeds: int) -> list[tuple[str, str, dict[str, Any]]]:
    long_grid = {"network_dim": "1-100", "seed": f"1-{max(1, seeds * 2 // 5)}", "max_train_epochs": "1"}
    find = {"filter": {"all_of": ["zorb"], "text": "word7"}}
    edit = {"edit": {"kind": "add", "tags": "new", "back": True}, "filter": {}}
    return [
        ("GET", "/api/projects", {}),
        *[
            ("GET", f"{BASE}/data/{part}", {})
            for part in ("state", "originals", "images", "census", "revisions")
        ],
        ("GET", f"{BASE}/captions", {}),
        ("POST", f"{BASE}/captions/find", {"json": find}),
        ("POST", f"{BASE}/captions/preview", {"json": edit}),
        ("POST", f"{BASE}/plan", {"json": {"page": "one", "changes": {}}}),
        ("POST", f"{BASE}/plan", {"json": {"page": "two", "changes": long_grid}}),
        ("GET", "/api/queue", {}),
        ("GET", "/api/queue/summary", {}),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of the queue's grid, four runs each")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        version = filled(root, given.images)
        page = TestClient(application(root), base_url="http://localhost")
        print("| handler | slowest of 3 | bytes |\n|---|---|---|")
        for method, path, more in asked(given.seeds):
            if path == "/api/queue":
                queued(root, version, given.seeds)
            seconds, size = slowest(page, method, path, **more)
            print(f"| {method} {path} | {seconds * 1000:.0f} ms | {size:,} |", flush=True)


if __name__ == "__main__":
    main()
