"""A version that is trained with sd-scripts: with the stand-in, or the real one on the small base model."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from train_tools.execution.queue import Entry, Queue
from train_tools.execution.queue_actions import Conditions, add_training
from train_tools.execution.train import RunResult, train
from train_tools.execution.worker import Worker
from train_tools.lora.safetensors_header import read_header
from train_tools.planning.plan import Plan, make_plan
from train_tools.workspace.workspace import Version, Workspace

# 4 squares, 3 repeats each, batch 2, 3 epochs: 18 steps, 3 checkpoints.
SETTINGS = {
    "train_batch_size": "2", "max_train_epochs": "3", "save_every_n_epochs": "1", "resolution": "64",
    "min_bucket_reso": "64", "bucket_reso_steps": "64", "max_bucket_reso": "128", "mixed_precision": "no",
    "network_dim": "4", "network_alpha": "4", "learning_rate": "0.001", "max_data_loader_n_workers": "0",
}  # fmt: skip
STEPS, EPOCHS = 18, 3


@dataclasses.dataclass
class Bench:
    """`troubles` are settings with which its training ends badly."""

    root: Path
    base: Path
    version: Version
    troubles: Mapping[str, Mapping[str, str]]

    def plan(self, **changes: str) -> Plan:
        return make_plan(self.version, self.settings(**changes), "sd-scripts")

    def settings(self, **changes: str) -> dict[str, str]:
        return {**SETTINGS, "pretrained_model_name_or_path": str(self.base), **changes}

    def train(self, **changes: str) -> list[RunResult]:
        return train(self.version, self.plan(**changes), lambda run, event: None)

    def queued(self, **changes: str) -> Queue:
        queue = Queue(self.root)
        given = self.settings(**changes)
        add_training(queue, self.version, make_plan(self.version, given, "sd-scripts"), Conditions())
        return queue

    def npz(self) -> list[Path]:
        return sorted((self.root / "train_tools" / "cache").rglob("*.npz"))


def work(queue: Queue) -> list[Entry]:
    """Works the queue off in this process."""
    Worker(queue, sleep=lambda _seconds: None).run()
    return queue.entries()


def make_version(root: Path, project: str = "p", concept: str = "zorb") -> Version:
    workspace = Workspace(root)
    workspace.create_project(project)
    version = workspace.create_version(project, "v1")
    folder = version.processed / f"3_{concept}"
    folder.mkdir(parents=True)
    for number in range(4):
        add_image(folder / f"{number:05d}-0-a.png", number, f"zorb, {number}")
    return version


def add_image(path: Path, number: int, caption: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 64), (60 * number, 255 - 50 * number, 9)).save(path)
    path.with_suffix(".txt").write_text(caption, encoding="utf-8")


def steps_said(checkpoint: Path) -> str:
    return read_header(checkpoint).metadata["ss_steps"]


def events(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for line in lines if (event := json.loads(line))["event"] == kind]
