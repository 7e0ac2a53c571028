"""How long 10,000 runs take to be expanded, checked and named, on one core, without torch."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from train_tools.planning.plan import make_plan
from train_tools.workspace.workspace import Workspace

GRID = {
    "optimizer_type": "Lion,AdamW,Prodigy,AdamW8bit",
    "learning_rate": "1e-5..1e-2 log[25]",
    "network_dim": "4..128 log[10]",
    "network_alpha": "1",
    "max_train_epochs": "1",
    "overrides": "optimizer_type=Lion network_dim>64 -> min_snr_gamma=1",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="a thousand runs each")
    grid = {**GRID, "seed": f"1-{parser.parse_args().seeds}"}
    with tempfile.TemporaryDirectory() as root:
        workspace = Workspace(Path(root))
        workspace.create_project("zorb")
        version = workspace.create_version("zorb", "v1")
        folder = version.processed / "5_zorb"
        folder.mkdir(parents=True)
        for number in range(100):
            Image.new("RGB", (64, 64 + 8 * (number % 5))).save(folder / f"{number}.png")
        started = time.process_time()
        plan = make_plan(version, grid)
        seconds = time.process_time() - started
    assert len(plan.runs) == len({run.name for run in plan.runs}) == len({run.run_id for run in plan.runs})
    assert __name__ != "__main__" or "torch" not in sys.modules
    print(
        f"{len(plan.runs)} runs in {seconds:.2f} s of one core, {seconds / len(plan.runs) * 1e6:.0f} us a run"
    )


if __name__ == "__main__":
    main()
