"""How long the page's handlers take and how much they send, in a workspace of many projects."""

from __future__ import annotations

import argparse
import gzip
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.testclient import TestClient

from train_tools.ui.server import application
from train_tools.workspace.workspace import Workspace

TIMES = 5
VERSION = "/api/v/project 0/v1"
ASKED = (
    "/app.js", "/api/texts", "/api/session", "/api/projects", "/api/arguments", "/api/presets", "/api/trash",
    "/api/queue/summary", f"{VERSION}/plan/settings",
)  # fmt: skip
GRID = {"network_dim": "1-100", "seed": "1-100", "max_train_epochs": "1"}  # 10,000 runs


def made(root: Path, projects: int) -> TestClient:
    workspace = Workspace(root)
    for number in range(projects):
        workspace.create_project(f"project {number}")
        for name in ("v1", "v2"):
            workspace.create_version(f"project {number}", name)
    folder = workspace.version("project 0", "v1").processed / "2_x"
    folder.mkdir(parents=True)
    for number in range(100):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(folder / f"{number}.png")
    return TestClient(application(root), base_url="http://localhost:7870")


def handler_ms(answer: Any) -> float:
    """What the server itself says of its handler; files of the page have none."""
    found = re.search(r"dur=([\d.]+)", answer.headers.get("server-timing", ""))
    return float(found[1]) if found else answer.elapsed.total_seconds() * 1000


def line(name: str, answers: list[Any]) -> str:
    times = [handler_ms(answer) for answer in answers]
    size = len(gzip.compress(answers[-1].content)) / 1000
    return f"{name:<44} {times[0]:8.1f} {statistics.median(times):8.1f} {size:8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        page = made(Path(root), arguments.projects)
        print(f"{'':<44} {'first ms':>8} {'again ms':>8} {'kB gzip':>8}")
        for path in ASKED:
            print(line(path, [page.get(path) for _ in range(TIMES)]))
        start = time.perf_counter()
        answers = [page.post(f"{VERSION}/plan", json={"page": "one", "changes": GRID})]
        while answers[-1].json()["state"] == "running":
            time.sleep(0.1)
            answers.append(page.get(f"/api/tasks/{answers[0].json()['task']}"))
        seconds = time.perf_counter() - start
        print(line("plan of 10,000 runs, asked and asked after", answers))
        plan = answers[-1].json()["result"]["plan"]
        asked = f"{VERSION}/plan/runs?plan={plan}&from=5000&count=100"
        print(line("a hundred of its runs", [page.get(asked) for _ in range(TIMES)]))
        print(f"the plan was there after {seconds:.1f} s")


if __name__ == "__main__":
    main()
