"""The packed engine's life of a pack without its training, for trials: runs step together, leave, finish and join.

Written from `engines/packed/life` and `state.py` (f7dcc05): what a step obeys and in which order an epoch ends, files
and states are written and others are let in. It shares no code with them, and is started as a script.
"""

from __future__ import annotations

import errno
import json
import os
import struct
import sys
import time
from pathlib import Path
from typing import Any

from train_tools.engines.lifeline import end_with_supervisor
from train_tools.workspace import toml

STEP_S = 0.05
CURRENT, NEXT = "current.json", "next.json"


class Run:
    """`place` is (epoch, batches of it, steps in all), as in a state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        arguments = toml.load(folder / "run.toml")
        self.name = str(arguments["output_name"])
        self.steps = int(json.loads((folder / "run.json").read_text())["steps"])
        self.epoch = int(arguments.get("initial_epoch") or 1)
        self.step = int(arguments.get("initial_step") or 0)
        left = int(arguments["max_train_epochs"]) - self.epoch + 1
        self.an_epoch = (self.steps - self.step) // left
        self.outcome = ""
        file = folder / "events.jsonl"
        is_cut_off = file.exists() and not file.read_bytes().endswith(b"\n")
        self.events = file.open("a")
        if is_cut_off:
            self.events.write("\n")

    def write(self, event: str, **values: Any) -> None:
        """In two parts: a reader, or a kill, may come between."""
        line = json.dumps({"time": time.time(), "event": event, "pid": os.getpid(), **values})
        for part in (line[:20], line[20:] + "\n"):
            self.events.write(part)
            self.events.flush()

    def end(self, outcome: str, event: str, **values: Any) -> None:
        self.outcome = outcome
        self.write(event, **values)
        self.events.close()

    def is_asked(self, file: str) -> bool:
        return (self.folder / file).exists()

    def states(self) -> list[tuple[int, int, int]]:
        found = []
        for name in (CURRENT, NEXT):
            try:
                epoch, batches, step = json.loads((self.folder / "state" / name).read_text())
                found.append((epoch, batches, step))
            except (FileNotFoundError, ValueError):
                pass
        return found

    def checkpoint(self, name: str) -> None:
        numbers = struct.pack("<4e", 0.5, 1, 2, 3)
        entry = {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}
        header = {"__metadata__": {"ss_steps": str(self.step)}, "lora_unet_x.lora_up.weight": entry}
        head = json.dumps(header).encode()
        write_whole(self.folder / name, struct.pack("<Q", len(head)) + head + numbers)
        self.write("checkpoint", file=name, epoch=self.epoch, step=self.step)

    def finish(self, **early: bool) -> None:
        self.checkpoint(f"{self.name}.safetensors")
        remove_state(self.folder)
        self.end("finished", "finished", epoch=self.epoch, step=self.step, **early)


def write_whole(path: Path, data: bytes) -> None:
    half = path.with_name(".tmp-" + path.name)
    if (Path(__file__).parent / "disk_full").exists():
        half.write_bytes(data[:9])
        raise OSError(errno.ENOSPC, "No space left on device")
    half.write_bytes(data)
    half.replace(path)


def remove_state(folder: Path) -> None:
    for path in (folder / "state").glob("*"):
        path.unlink()
    if (folder / "state").exists():
        (folder / "state").rmdir()


def keep(runs: list[Run], batches: int) -> None:
    """All get their new state before the first one's old is replaced."""
    kept = [run for run in runs if run.step]
    for run in kept:
        (run.folder / "state").mkdir(exist_ok=True)
        write_whole(run.folder / "state" / NEXT, json.dumps([run.epoch, batches, run.step]).encode())
    for run in kept:
        (run.folder / "state" / NEXT).replace(run.folder / "state" / CURRENT)


def groups(runs: list[Run]) -> list[tuple[int, list[Run]]]:
    """Runs that stand, or may stand, at the same batch of an epoch, the most first."""
    left, found = list(runs), []
    while left:
        places = {run: {state[1] for state in run.states()} or {0} for run in left}
        counts: dict[int, int] = {}
        for own in places.values():
            for batches in own:
                counts[batches] = counts.get(batches, 0) + 1
        best = max(counts, key=lambda batches: (counts[batches], batches))
        found.append((best, [run for run in left if best in places[run]]))
        left = [run for run in left if best not in places[run]]
    return found


def begin(run: Run, batches: int) -> None:
    at = [state for state in run.states() if state[1] == batches]
    if at:
        run.epoch, _, run.step = max(at)
        run.write("resumed", epoch=run.epoch, step=run.step)


def obey(runs: list[Run], done: int) -> list[Run]:
    outcome, leaving = "paused", runs
    if not any(run.is_asked("pause") for run in runs):
        outcome, leaving = "left", [run for run in runs if run.is_asked("leave")]
    keep(leaving, done)
    for run in leaving:
        run.end(outcome, "paused", epoch=run.epoch, step=run.step)
    return [run for run in runs if not run.outcome]


def newcomers(runs: list[Run], every: list[Run]) -> list[Run]:
    found = []
    for file in [run.folder / "join" for run in runs]:
        if not file.is_file():
            continue
        asked = [Path(line) for line in file.read_text().splitlines() if line]
        file.unlink(missing_ok=True)
        for folder in asked:
            if folder in [run.folder for run in every]:
                continue
            run = Run(folder)
            places = run.states()
            if places and not any(batches == 0 for _, batches, _ in places):
                run.events.close()
                print(f"{folder.name} doesn't join: it stands within an epoch", flush=True)
                continue
            every.append(run)
            run.write("stage", stage="training", joins=True)
            found.append(run)
    return found


def train(runs: list[Run], done: int, every: list[Run]) -> None:
    for run in runs:
        begin(run, done)
        run.write("stage", stage="training")
    while runs:
        joining: list[Run] = []
        for number in range(done + 1, runs[0].an_epoch + 1):
            runs = obey(runs, number - 1)
            if not runs:
                return
            time.sleep(STEP_S)
            if number == runs[0].an_epoch:
                joining = newcomers(runs, every)
            for run in runs:
                run.step += 1
                run.write("step", step=run.step, steps=run.steps, epoch=run.epoch, loss=0.5, average_loss=0.5)
                if not (run.folder / "run.toml").is_file():
                    run.end("failed", "failed", error="its folder was deleted")
                elif run.step == run.steps:
                    run.finish()
            runs = [run for run in runs if not run.outcome]
            if not runs and not joining:
                return
        for run in runs:
            if run.is_asked("finish"):
                run.finish(early=True)
        runs = [run for run in runs if not run.outcome]
        for run in runs:
            run.checkpoint(f"{run.name}-{run.epoch:06d}.safetensors")
            run.epoch += 1
        keep(runs, 0)
        for run in joining:
            begin(run, 0)
        runs, done = [*runs, *joining], 0


def main(folders: list[str]) -> int:
    print("pack engine on", len(folders), "runs", flush=True)
    every = [Run(Path(folder)) for folder in folders]
    try:
        for done, together in groups(every):
            train(together, done, every)
    except OSError as error:
        for run in every:
            if not run.outcome:
                run.end("failed", "failed", error=f"{type(error).__name__}: {error}")
        return 1
    outcomes = {run.outcome for run in every}
    return 3 if "paused" in outcomes else int("failed" in outcomes)


if __name__ == "__main__":
    end_with_supervisor()
    sys.exit(main(sys.argv[1:]))
