"""Trains a pack of runs from their run folders: loads, caches, loops over epochs, saves checkpoints."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import torch

from train_tools.base_model.load import BaseModel, file_hash, load
from train_tools.errors import UsageError
from train_tools.lora import kohya

from . import metadata
from .config import RunConfig
from .data import RunData, encode, epoch_schedule, read_items, steps_per_epoch
from .events import EventLog
from .pack import Pack
from .support import pack_key

PRECISIONS = {"float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
RATE_STEPS = 20  # it/s is that of the last steps
ENCODE_BATCH = 4


def train(configs: list[RunConfig], logs: list[EventLog]) -> list[bool]:
    """Trains all runs in one pack; returns for each whether it finished.

    Raises UsageError where the runs can't share a pack.
    """
    _check(configs)
    for log in logs:
        log.write("stage", stage="loading")
    first = configs[0]
    started_at = time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # Read first: a dataset that can't be read must not cost the loading of the model.
    items = read_items(first)
    base = _load(first, device)
    model_hash = file_hash(first.base_model) if first.base_model.is_file() else "IsADirectory"
    for log in logs:
        log.write("stage", stage="caching")
    buckets = encode(items, base, first.flip_aug, ENCODE_BATCH, lambda done, of: _say(f"latents {done}/{of}"))
    base.vae.to("cpu")
    shared = metadata.Shared(items, buckets, first.base_model.name, model_hash, started_at)
    steps = steps_per_epoch(buckets, first.batch_size) * first.epochs
    pack = Pack(configs, base, steps)
    for log in logs:
        log.write("stage", stage="training")
    with pack.stack.attached():
        _loop(pack, shared, logs, steps)
    for alive, log in zip(pack.alive, logs, strict=True):
        if alive:
            log.write("finished")
    return pack.alive


def _check(configs: list[RunConfig]) -> None:
    if len({pack_key(config.arguments) for config in configs}) != 1:
        raise UsageError("these runs differ in what a pack must share; train them apart")
    files = [config.folder / config.output_name for config in configs]
    if len(set(files)) != len(files):
        raise UsageError("two of these runs would write the same files; give each its own output_name")
    unknown = {config.save_precision for config in configs} - PRECISIONS.keys()
    if unknown:
        raise UsageError(f"save_precision {unknown.pop()} is not one of {', '.join(PRECISIONS)}")


def _load(config: RunConfig, device: torch.device) -> BaseModel:
    dtype = torch.bfloat16 if config.mixed_precision == "bf16" else torch.float32
    base = load(config.base_model).to(device, dtype)
    # The VAE runs once over the dataset: exactness is worth more than speed.
    base.vae.float()
    return base


def _loop(pack: Pack, shared: metadata.Shared, logs: list[EventLog], steps: int) -> None:
    configs = pack.configs
    runs = [RunData(config, shared.buckets) for config in configs]
    epochs, step = configs[0].epochs, 0
    times: deque[float] = deque(maxlen=RATE_STEPS + 1)
    for epoch in range(1, epochs + 1):
        schedule = epoch_schedule(shared.buckets, configs[0].batch_size, epoch)
        sums = [0.0] * len(configs)
        for number, batches in enumerate(zip(*(run.epoch(schedule) for run in runs), strict=True), start=1):
            living = list(pack.alive)
            losses = pack.step(list(batches))
            step += 1
            times.append(time.monotonic())
            rate = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0
            for index, loss in enumerate(losses):
                if pack.alive[index]:
                    sums[index] += loss
                    logs[index].write(
                        "step", step=step, steps=steps, epoch=epoch, epochs=epochs, loss=loss,
                        average_loss=sums[index] / number, lr=pack.optimizers[index].learning_rate,
                        rate=round(rate, 3), seconds_left=round((steps - step) / rate, 1) if rate else 0.0,
                    )  # fmt: skip
                elif living[index]:
                    error = (
                        f"the loss is {loss} at step {step}: the learning rate is too high or an image is damaged; "
                        "this run was stopped, the others go on"
                    )
                    logs[index].write("failed", error=error)
                    _say(f"{configs[index].output_name}: {error}")
            if not any(pack.alive):
                return
        for index, config in enumerate(configs):
            due = config.save_every_n_epochs and epoch % config.save_every_n_epochs == 0
            if pack.alive[index] and (due or epoch == epochs):
                name = _save(pack, index, shared, epoch, step)
                logs[index].write("checkpoint", file=name, epoch=epoch, step=step)
                _say(f"saving checkpoint: {config.folder / name}")


def _save(pack: Pack, index: int, shared: metadata.Shared, epoch: int, step: int) -> str:
    """Writes a checkpoint under sd-scripts' names: the last epoch's has no number."""
    config = pack.configs[index]
    number = "" if epoch == config.epochs else f"-{epoch:06d}"
    path = Path(config.folder) / f"{config.output_name}{number}.safetensors"
    tensors = kohya.tensors_of(pack.stack, index, PRECISIONS[config.save_precision])
    kohya.write(path, tensors, metadata.build(config, shared, epoch, step))
    return path.name


def _say(text: str) -> None:
    print(text, flush=True)
