"""An engine that keeps the contract without training; the run's training_comment says how it misbehaves."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from PIL import Image

from train_tools.families.interface import Found
from train_tools.workspace.workspace import Version, Workspace

# 4 squares, 3 repeats each, batch 2, 2 epochs: 12 steps, 2 checkpoints.
SETTINGS = {
    "train_batch_size": "2",
    "max_train_epochs": "2",
    "save_every_n_epochs": "1",
    "resolution": "64",
    "min_bucket_reso": "32",
    "bucket_reso_steps": "8",
    "mixed_precision": "no",
}
STEPS = 12


class FakeEngine:
    """Runs that differ in `apart` don't share a pack."""

    name = "packed"
    processes = 1
    can_let_go = True
    counts_steps = False

    def __init__(self, folder: Path, apart: str | None = None) -> None:
        self.script = folder / "fake_engine_script.py"
        if not self.script.exists():
            self.script.write_text(SCRIPT, encoding="utf-8")
        self._apart = apart

    def unsupported(self, arguments: Mapping[str, Any]) -> list[str]:
        return ["lr_scheduler polynomial is not known"] if arguments["lr_scheduler"] == "polynomial" else []

    def unsupported_base(self, base: Found) -> list[str]:
        return [f"{base.name} is not known"] if base.name == "sd3" else []

    def pack_key(self, arguments: Mapping[str, Any]) -> str:
        return str(arguments.get(self._apart, "")) if self._apart else ""

    def command(self, run_folders: Sequence[Path]) -> list[str]:
        return [sys.executable, str(self.script), *map(str, run_folders)]


def make_version(root: Path) -> Version:
    """A project with a processed dataset, and a base model file in `root`."""
    workspace = Workspace(root)
    workspace.create_project("p")
    version = workspace.create_version("p", "v1")
    folder = version.processed / "3_zorb"
    folder.mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (64, 64), (number, 0, 0)).save(folder / f"{number:05d}-0-a.png")
    write_base(base_file(root))
    return version


def base_file(root: Path) -> Path:
    return root / "base.safetensors"


def settings(root: Path, **changes: str) -> dict[str, str]:
    return {**SETTINGS, "pretrained_model_name_or_path": str(base_file(root)), **changes}


def set_options(root: Path, **changes: str) -> list[str]:
    """As they stand on the command line."""
    return [
        word for name, value in settings(root, **changes).items() for word in ("--set", f"{name}={value}")
    ]


def write_base(path: Path) -> None:
    """A checkpoint with one UNet, one text and one VAE layer of SD1's names."""
    unet = "model.diffusion_model.input_blocks.1.1.proj_in.weight"
    text = "cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
    vae = "first_stage_model.decoder.conv_in.weight"
    write_safetensors(path, {unet: (8, 4, 1, 1), text: (16, 6), vae: (4, 4, 3, 3)}, {})


def write_safetensors(
    path: Path, shapes: Mapping[str, Sequence[int]], metadata: Mapping[str, str] = MappingProxyType({})
) -> None:
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at = 0
    for name, shape in shapes.items():
        count = 1
        for side in shape:
            count *= side
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + 2 * count]}
        at += 2 * count
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + bytes(at))


SCRIPT = """
import errno, json, os, signal, struct, sys, time
from pathlib import Path
from train_tools.engines.lifeline import end_with_supervisor
from train_tools.workspace import toml


def write_whole(path, data):
    half = path.with_name(".tmp-" + path.name)
    if (Path(__file__).parent / "disk_full").exists():
        half.write_bytes(data[:9])
        out_of_disk()
    half.write_bytes(data)
    half.replace(path)


def save(path, steps, value):
    data = struct.pack("<4e", value, 1, 2, 3)
    entry = {"dtype": "F16", "shape": [4], "data_offsets": [0, 8]}
    head = json.dumps({"__metadata__": {"ss_steps": str(steps)}, "lora_unet_x.lora_up.weight": entry}).encode()
    write_whole(path, struct.pack("<Q", len(head)) + head + data)


def save_state(folder, step):
    (folder / "state").mkdir(exist_ok=True)
    write_whole(folder / "state" / "state.json", json.dumps(step).encode())


def state_of(folder):
    try:
        return json.loads((folder / "state" / "state.json").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def out_of_disk():
    raise OSError(errno.ENOSPC, "No space left on device")


def main(folders):
    print("fake engine on", len(folders), "runs", flush=True)
    runs = []

    def take_in(folder):
        arguments = toml.load(folder / "run.toml")
        steps = json.loads((folder / "run.json").read_text())["steps"]
        events = open(folder / "events.jsonl", "a")
        if events.tell() and not (folder / "events.jsonl").read_bytes().endswith(b"\\n"):
            events.write("\\n")
        runs.append((folder, arguments, steps, arguments.get("training_comment", ""), events))

    for folder in map(Path, folders):
        take_in(folder)

    def write(run, event, **values):
        run[4].write(json.dumps({"time": time.time(), "event": event, **values}) + "\\n")
        run[4].flush()

    failed = False
    if runs[0][3] == "two fit":
        gigabyte = 10**9
        for run in runs:
            for count in (1, 2):
                write(run, "memory", runs=count, bytes=(3 + count) * gigabyte, available=6 * gigabyte,
                    total=8 * gigabyte)
        for run in runs[2:]:
            write(run, "paused", epoch=1, step=0, runs=2)
        runs = runs[:2]
    try:
        for index, run in enumerate(runs):
            folder, arguments, steps, mood, file = run
            if mood == "silent":
                print("No data found", flush=True)
                continue
            if mood == "hungry" and len(runs) > 2:
                raise MemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            if mood == "starving":
                raise MemoryError("CUDA out of memory. Tried to allocate 2 GiB")
            write(run, "stage", stage="training", gpus=os.environ.get("CUDA_VISIBLE_DEVICES", ""))
            if mood == "hang":
                (folder / "hanging").write_text("")
                time.sleep(60)
            begin = state_of(folder)
            if begin:
                write(run, "resumed", epoch=1, step=begin)
            name = arguments["output_name"]
            for step in range(begin + 1, steps + 1):
                if any((f / "pause").exists() for f, *_ in runs):
                    save_state(folder, step - 1)
                    for other in runs[index:]:
                        write(other, "paused", epoch=1, step=step - 1)
                    return 3
                # "held 2": before step 2, until the test lets it go on.
                while mood == f"held {step}" and not (Path(__file__).parent / f"go-{arguments['seed']}").exists():
                    time.sleep(0.01)
                if (folder / "leave").exists():
                    save_state(folder, step - 1)
                    write(run, "paused", epoch=1, step=step - 1)
                    break
                line = json.dumps({"time": time.time(), "event": "step", "step": step, "steps": steps, "epoch": 1,
                    "epochs": 2, "loss": 0.5, "average_loss": 0.5, "lr": 1e-4, "rate": 10.0, "seconds_left": 1.0,
                    "pid": os.getpid()})
                file.write(line[:20]); file.flush()
                if mood in ("slow", "brisk"):
                    time.sleep(0.05 if mood == "slow" else 0.005)
                file.write(line[20:] + "\\n"); file.flush()
                if mood == "killed" and step == 3:
                    file.write('{"event": "st'); file.flush()
                    print("about to die", flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)
                if mood == "falls once" and step == 5 and not begin:
                    os.kill(os.getpid(), signal.SIGKILL)
                if mood == "disk full once" and step == 5 and not begin:
                    out_of_disk()
                if not (folder / "run.toml").exists():
                    write(run, "failed", error="its folder was deleted")
                    failed = True
                    break
                if mood != "no files" and step in (steps // 2, steps):
                    file_name = f"{name}.safetensors" if step == steps else f"{name}-000001.safetensors"
                    save(folder / file_name, step + (mood == "other steps"), float("nan") if mood == "nan" else 0.5)
                    if mood == "truncated":
                        data = (folder / file_name).read_bytes()
                        (folder / file_name).write_bytes(data[:-3])
                    write(run, "checkpoint", file=file_name, epoch=1, step=step)
                for host in [f for f, *_ in runs if step == steps // 2 and (f / "join").exists()]:
                    asked = [Path(line) for line in (host / "join").read_text().splitlines()]
                    (host / "join").unlink()
                    for newcomer in asked:
                        if newcomer not in [f for f, *_ in runs]:
                            take_in(newcomer)
                            write(runs[-1], "stage", stage="training")
                if (folder / "finish").exists() and step == steps // 2:
                    assert (folder / "finish").read_text() == "1"
                    save(folder / f"{name}.safetensors", step, 0.5)
                    write(run, "finished", epoch=1, step=step, early=True)
                    break
                # After the checkpoint: gone on from this state, it wouldn't be written.
                if step % 3 == 0 and step < steps:
                    save_state(folder, step)
            else:
                for path in (folder / "state").glob("*"):
                    path.unlink()
                if (folder / "state").exists():
                    (folder / "state").rmdir()
                if mood == "says failed":
                    failed = True
                    write(run, "failed", error="the loss is nan at step 5")
                else:
                    write(run, "finished")
    except (OSError, MemoryError) as error:
        for run in runs:
            write(run, "failed", error=f"{type(error).__name__}: {error}")
        return 1
    return 1 if failed else 0


if __name__ == "__main__":
    end_with_supervisor()
    sys.exit(main(sys.argv[1:]))
"""
