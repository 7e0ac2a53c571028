"""A large grid on disk as engines leave it: run folders, events, checkpoints with true heads, previews; untrained.

Plan and queue are the program's own. What an engine would have written is written here, without waiting for the disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from PIL import Image

from train_tools.execution.queue import PAUSED, Entry, Queue
from train_tools.execution.queue_actions import Conditions, add_training
from train_tools.execution.run_record import end, start
from train_tools.execution.states import FAILED, FINISHED, INTERRUPTED
from train_tools.execution.ticket import DEFAULT_LANE
from train_tools.planning.plan import Plan, make_plan
from train_tools.preview.index import CellEntry, Index, RunEntry, write_index
from train_tools.workspace.workspace import Version, Workspace

IMAGES = 50
STEPS = IMAGES  # of an epoch
RATES, SEEDS = 25, 10  # times two optimizers and two ranks: 1,000
PROMPTS = ("zorb", "zorb, a red circle on blue")
TENSORS = tuple(f"lora_unet_down_blocks_{n}_attentions_0_proj_in" for n in range(3))


@dataclasses.dataclass(frozen=True)
class Shares:
    """How the grid's runs stand; the rest waits."""

    finished: float = 0.7
    failed: float = 0.01
    running: float = 0.008  # as one pack of eight

    def numbers(self, runs: int) -> tuple[int, int, int]:
        return round(runs * self.finished), round(runs * self.failed), max(1, round(runs * self.running))


def begun(root: Path) -> Version:
    """A version with a small dataset, whose queue is paused: a look at it would start its worker."""
    workspace = Workspace(root)
    workspace.create_project("zorb")
    version = workspace.create_version("zorb", "v1")
    folder = version.processed / "1_zorb"
    folder.mkdir(parents=True)
    for number in range(IMAGES):
        Image.new("RGB", (64, 64)).save(folder / f"{number:04d}.png")
        (folder / f"{number:04d}.txt").write_text(f"zorb, word{number % 7}, word{number % 11}\n")
    queue = Queue(root)
    with queue.locked() as connection:
        queue.set_flag(connection, DEFAULT_LANE, PAUSED, on=True)
    return version


def grid(runs: int, checkpoints: int) -> dict[str, str]:
    """1,000 runs, or the first axes of them where fewer are wanted."""
    rates = max(1, min(RATES, runs // 4))
    return {
        "optimizer_type": "Lion,AdamW",
        "learning_rate": f"1e-5..1e-2 log[{rates}]" if rates > 1 else "1e-4",
        "network_dim": "8,16",
        "seed": f"1-{max(1, runs // (4 * rates))}",
        "train_batch_size": "1",
        "max_train_epochs": str(checkpoints),
        "save_every_n_epochs": "1",
    }


def planned(version: Version, runs: int, checkpoints: int) -> Plan:
    return make_plan(version, grid(runs, checkpoints))


def queued(root: Path, version: Version, plan: Plan) -> None:
    add_training(Queue(root), version, plan, Conditions())


def filled(root: Path, version: Version, checkpoints: int, shares: Shares = Shares()) -> None:
    """Runs end, run and wait as `shares` says, and pictures of what was trained stand in the index."""
    queue = Queue(root)
    entries = queue.entries()
    finished, failed, running = shares.numbers(len(entries))
    cells: list[CellEntry] = []
    with _unsynced():
        for number, entry in enumerate(entries[: finished + failed + running]):
            state = FINISHED if number < finished else FAILED if number < finished + failed else ""
            trained = checkpoints if state == FINISHED else checkpoints // 2
            cells += _train(version, entry, number, trained, checkpoints)
            assert entry.record
            record = start(entry.folder, entry.record, os.getpid())
            if state:
                record = dataclasses.replace(record, started=time.time() - 600)
                end(
                    entry.folder, record, state, "the loss isn't finite any more" if state == FAILED else None
                )
        ended = [entry.id for entry in entries[: finished + failed]]
        with queue.locked() as connection:
            queue.mark(connection, ended, done=1)
            begun_ones = entries[finished + failed : finished + failed + running]
            queue.mark(connection, [entry.id for entry in begun_ones], taken=1)
        labels = [RunEntry(entry.folder.name, entry.folder.name, "", "zorb", {}) for entry in entries]
        named = {cell.run for cell in cells}
        write_index(
            version,
            Index(time.time(), {}, (), tuple(run for run in labels if run.name in named), tuple(cells)),
        )


def running_again(root: Path) -> None:
    """What ran under the process that made the grid runs under this one."""
    queue = Queue(root)
    with queue.locked() as connection, _unsynced():
        for entry in queue.read(connection, open_only=True):
            if entry.state == INTERRUPTED and entry.record:
                start(entry.folder, entry.record, os.getpid())
                queue.mark(connection, [entry.id], taken=1)


@contextlib.contextmanager
def _unsynced() -> Iterator[None]:
    with patch("os.fsync", lambda _descriptor: None):
        yield


def _train(version: Version, entry: Entry, number: int, trained: int, epochs: int) -> Iterator[CellEntry]:
    """What stands in a run's folder after `trained` of its epochs."""
    output = str(entry.ticket.arguments["output_name"])
    events = [_line("stage", stage="training")]
    for epoch in range(1, trained + 1):
        events += [
            _step(number, step, epoch, epochs) for step in range((epoch - 1) * STEPS + 1, epoch * STEPS + 1)
        ]
        name = f"{output}.safetensors" if epoch == epochs else f"{output}-{epoch:06d}.safetensors"
        checkpoint(entry.folder / name, entry.ticket.arguments, number, epoch)
        events.append(_line("checkpoint", file=name, epoch=epoch, step=epoch * STEPS))
        yield from _pictures(version, entry.folder, name, epoch)
    if trained == epochs:
        events.append(_line("finished", epoch=epochs, step=epochs * STEPS))
    (entry.folder / "events.jsonl").write_text("".join(events), encoding="utf-8")
    (entry.folder / "train.log").write_text("training\n" * 20, encoding="utf-8")


def _line(event: str, **values: Any) -> str:
    return json.dumps({"time": round(time.time(), 3), "event": event, **values}) + "\n"


def _step(number: int, step: int, epoch: int, epochs: int) -> str:
    loss = 0.1 + 0.05 / step + (number * 7 + step * 13) % 17 / 1000
    return _line(
        "step", step=step, steps=epochs * STEPS, epoch=epoch, epochs=epochs, loss=loss, average_loss=0.1 + 0.05 / step,
        lr=1e-4, rate=3.51, seconds_left=round((epochs * STEPS - step) / 3.51, 1),
    )  # fmt: skip


def checkpoint(path: Path, arguments: Any, run: int, epoch: int) -> None:
    """Three small tensors, and a head that says as much as an engine's."""
    data = hashlib.sha256(f"{run} {epoch}".encode()).digest()[:24]
    said = {f"ss_{name}": str(value) for name, value in arguments.items()} | {
        "ss_epoch": str(epoch), "ss_steps": str(epoch * STEPS), "ss_num_train_images": str(IMAGES),
        "ss_tag_frequency": json.dumps({"1_zorb": {f"word{n}": n for n in range(20)}}),
        "ss_dataset_dirs": json.dumps({"1_zorb": {"n_repeats": 1, "img_count": IMAGES}}),
        "sshs_model_hash": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    head: dict[str, Any] = {"__metadata__": said}
    for place, name in enumerate(TENSORS):
        head[name] = {"dtype": "F16", "shape": [2, 2], "data_offsets": [8 * place, 8 * place + 8]}
    text = json.dumps(head).encode()
    # Finite whatever the hash says: the exponents' highest bit is taken out.
    tensors = bytes(byte & 0xBF if place % 2 else byte for place, byte in enumerate(data))
    path.write_bytes(struct.pack("<Q", len(text)) + text + tensors)


def _pictures(version: Version, folder: Path, file: str, epoch: int) -> Iterator[CellEntry]:
    """Each is a link to the same picture: drawing isn't what is measured."""
    images = folder / Path(file).stem / "images"
    images.mkdir(parents=True)
    drawn = version.folder / "drawn.png"
    if not drawn.exists():
        Image.linear_gradient("L").convert("RGB").save(drawn)
    for number, prompt in enumerate(PROMPTS):
        key = hashlib.sha256(f"{folder.name} {epoch} {number}".encode()).hexdigest()[:16]
        path = images / f"cell-{key}.png"
        os.link(drawn, path)
        yield CellEntry(
            key, folder.name, file, epoch, 1.0, 1.0, "", "base.safetensors", prompt, prompt, "", 1, "Euler", "", 20,
            5.0, 1, 256, 256, "diffusers", path.relative_to(version.folder).as_posix(), step=epoch * STEPS,
        )  # fmt: skip


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it gives, seconds, and the processor's."""
    started, worked = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - started, time.process_time() - worked
