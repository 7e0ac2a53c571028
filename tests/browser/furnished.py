"""A data folder in which every panel has something to show: pictures, captions, a queue in all its states, a board.

What a person wrote is Chinese, so that whatever is English on the Chinese page is ours.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path

from compare.samples import add_pictures, add_run, cell, picture, write_checkpoint
from execution.fake_engine import settings as run_settings
from execution.fake_engine import write_base
from PIL import Image, ImageDraw

from train_tools.execution.queue import PAUSED, Queue
from train_tools.execution.queue_actions import Conditions, add_training
from train_tools.execution.run_record import write_record
from train_tools.planning.plan import make_plan
from train_tools.workspace import settings
from train_tools.workspace.run_folder import process_start, read_record
from train_tools.workspace.workspace import Version, Workspace

PROJECT, VERSION = "橘猫", "v1"
OTHER_PROJECT = "灯笼"
IMAGES = 26
CAPTIONS = (
    "橘猫, 坐着, 红色沙发, 看着镜头, 胡须",
    "橘猫, 奔跑, 草地, 室外, 蓝天, 白天",
    "橘猫, " + ", ".join(f"第 {n} 个细节" for n in range(40)),  # too long
    "",
)


def furnish(root: Path) -> Version:
    workspace = Workspace(root)
    workspace.create_project(PROJECT)
    version = workspace.create_version(PROJECT, VERSION)
    workspace.create_version(PROJECT, "第二版，名字长得要被截断才放得下")
    workspace.create_project(OTHER_PROJECT)
    workspace.create_version(OTHER_PROJECT, "第一版")
    add_images(version)
    write_base(root / "base.safetensors")
    add_queue(root, version)
    add_board(version)
    return version


def add_images(version: Version) -> None:
    folder = version.processed / f"3_{PROJECT}"
    folder.mkdir(parents=True)
    for number in range(IMAGES):
        image = Image.new("RGB", (64, 48 + 16 * (number % 3)), (9 * number, 120, 200 - 5 * number))
        ImageDraw.Draw(image).ellipse((8, 8, 30 + number, 40), fill=(240, 9 * number, 60))
        image.save(version.origin / f"照片 {number:02d}.png")
        image.save(folder / f"{number:05d}-0-照片 {number:02d}.png")
        if number % 9 != 8:
            text = CAPTIONS[number % len(CAPTIONS)]
            (folder / f"{number:05d}-0-照片 {number:02d}.txt").write_text(text, encoding="utf-8")


def add_queue(root: Path, version: Version) -> None:
    """One run is trained by this process, as far as anybody can see; one has finished, one failed, three wait."""
    queue = Queue(root)
    with queue.locked() as connection:
        queue.set_flag(connection, "gpu", PAUSED, on=True)  # a look at the queue would start its worker
    given = run_settings(root, learning_rate="1e-4,2e-4,5e-4", network_dim="4,8")
    settings.update(version, "training", given)
    add_training(queue, version, make_plan(version, given), Conditions())
    now = time.time()
    ends = (
        {"state": "finished"},
        {"state": "failed", "error": "CUDA out of memory. Tried to allocate 2.00 GiB"},
    )
    for entry, end in zip(queue.entries(), (*ends, None), strict=False):
        record = read_record(entry.folder)
        assert record is not None
        changes = {"started": now - 600, **(end or {"state": "running"})}
        if end:
            changes["ended"] = now - 60
            write_checkpoint(
                entry.folder / f"{record.output_name}.safetensors", {"ss_steps": str(record.steps)}
            )
        else:
            changes |= {"pid": os.getpid(), "process_started": process_start(os.getpid())}
        write_record(entry.folder, dataclasses.replace(record, **changes))
        write_events(entry.folder, record.steps, 1.0 if end else 0.5)


def write_events(folder: Path, steps: int, share: float) -> None:
    lines = [
        {"time": time.time(), "event": "step", "step": step, "steps": steps, "epoch": 1, "epochs": 2, "lr": 1e-4,
         "loss": 0.1 + 1 / step, "average_loss": 0.1 + 1 / step, "rate": 2.0, "seconds_left": 90.0}
        for step in range(1, max(2, int(steps * share)))
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "events.jsonl").write_text(text, encoding="utf-8")


def add_board(version: Version) -> None:
    cells = []
    for run in range(3):
        files = add_run(version, f"第 {run} 组", 3, learning_rate=(run + 1) * 1e-4, optimizer_type="AdamW")
        write_events(version.trains / f"第 {run} 组", 40, 1.0)
        for epoch, path in enumerate(files, start=1):
            for number, (prompt, weight) in enumerate(
                (p, w) for p in ("橘猫在花园里", "橘猫，夜晚") for w in (0.5, 1.0)
            ):
                key = f"{run}{epoch}{number}-0123456789"
                cells.append(cell(f"第 {run} 组", path.name, epoch, prompt, weight, key))
    colours = [picture((20 * n % 250, 90, 200 - 5 * n)) for n in range(len(cells))]
    add_pictures(version, dict(zip(cells, colours, strict=True)))
