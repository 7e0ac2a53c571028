"""A stand-in for sd-scripts' trainers: prints, writes and ends as they were seen to, and trains nothing.

`stand_in.checkout(folder)` makes a folder that looks like a checkout; its scripts run `main` below, with the standard
library, and TensorBoard's writer where that is there. A run's training_comment holds words that say what goes wrong.

A checkpoint's one tensor is [first weights, sum of what was encoded, steps of this process, regularisation images]:
the first depend on the seed and on whether images were encoded in this process, as drawing moves random numbers on.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import signal
import struct
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

SCRIPTS = ("train_network.py", "sdxl_train_network.py", "flux_train_network.py", "sd3_train_network.py")
STEP_S = "STAND_IN_STEP_S"
Images = list[tuple[Path, int]]


def checkout(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for script in SCRIPTS:
        shutil.copyfile(__file__, folder / script)
    return folder


def say(text: str) -> None:
    print(text, flush=True)


def bar(step: int, steps: int, slow: bool, values: str) -> None:
    share = step / steps
    blocks = "█" * int(share * 10)
    rate = " 1.12s/it" if slow else "12.30it/s"
    sys.stderr.write(
        f"\rsteps: {share:4.0%}|{blocks:<10}| {step}/{steps} [00:13<00:13, {rate}{values and ', ' + values}]"
    )
    sys.stderr.flush()


def read_config(words: list[str]) -> dict[str, Any]:
    """As it does: a file that isn't there is an exit code, an unknown key nothing, a wrong type a late error."""
    if len(words) != 2 or words[0] != "--config_file":
        sys.stderr.write("error: unrecognized arguments\n")
        sys.exit(2)
    file = Path(words[1])
    if not file.exists():
        say(f"{file} not found.")
        sys.exit(1)
    say(f"Loading settings from {file}...")
    return read_toml(file)


def read_toml(file: Path) -> dict[str, Any]:
    try:
        import tomllib as toml
    except ModuleNotFoundError:
        from pip._vendor import tomli as toml
    return dict(toml.loads(file.read_text(encoding="utf-8")))


def subsets(folder: str | None) -> Images:
    found = []
    for sub in sorted(Path(folder).iterdir()) if folder else []:
        number = sub.name.split("_")[0]
        if sub.is_dir() and number.isdigit():
            found += [(path, int(number)) for path in sorted(sub.glob("*.png"))]
    return found


def datasets(config: dict[str, Any]) -> list[tuple[dict[str, Any], Images, Images]]:
    """One of train_data_dir, or what dataset_config says: the settings, images and regularisation images of each."""
    if not config.get("dataset_config"):
        return [(config, subsets(config["train_data_dir"]), subsets(config.get("reg_data_dir")))]
    found = []
    for one in read_toml(Path(config["dataset_config"]))["datasets"]:
        parts: tuple[Images, Images] = ([], [])
        for subset in one["subsets"]:
            images = sorted(Path(subset["image_dir"]).glob("*.png"))
            parts[subset["is_reg"]].extend((path, subset["num_repeats"]) for path in images)
        found.append(({**config, "resolution": one["resolution"]}, *parts))
    return found


def with_reg(images: list[tuple[Path, int]], reg: list[tuple[Path, int]]) -> int:
    """How many images an epoch shows; regularisation images are repeated until they are as many as the others."""
    wanted = sum(repeats for _, repeats in images)
    count, first = 0, True
    while reg and count < wanted:
        for _, repeats in reg:
            count += repeats if first else 1
            if count >= wanted:
                break
        first = False
    return wanted + count


def encode(image: Path, config: dict[str, Any]) -> int:
    """What stands for an image's latents: it depends on the picture, the size and the VAE."""
    text = [hashlib.sha256(image.read_bytes()).hexdigest(), config["resolution"], config.get("vae", "")]
    return int(hashlib.sha256(json.dumps(text).encode()).hexdigest()[:4], 16)


def caption_of(image: Path, config: dict[str, Any]) -> str:
    file = image.with_suffix(config.get("caption_extension", ".caption"))
    return file.read_text(encoding="utf-8").split("\n")[0] if file.exists() else ""


def cached(path: Path, value: int, on_disk: bool) -> tuple[int, bool]:
    """The trap: what lies there is taken, whatever it was made from."""
    if not on_disk:
        return value, True
    if path.exists():
        with zipfile.ZipFile(path) as file:
            return int(file.read("latents.npy")), False
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("latents.npy", str(value))
    return value, True


def cache_all(images: list[Path], config: dict[str, Any]) -> tuple[int, int]:
    """The sum of all that is encoded, and how many were encoded now."""
    total = drawn = 0
    if config.get("cache_latents"):
        say("caching latents with caching strategy.")
        for number, image in enumerate(images):
            path = image.with_name(f"{image.stem}_0064x0064_sd.npz")
            value, is_new = cached(path, encode(image, config), config.get("cache_latents_to_disk", False))
            total, drawn = total + value, drawn + is_new
            sys.stderr.write(
                f"\r{number / len(images):4.0%}|█    | {number}/{len(images)} [00:00<00:00, 3.92it/s]"
            )
            if "dies while caching" in config.get("training_comment", "") and number == 1:
                path.write_bytes(b"PK half")
                os.kill(os.getpid(), signal.SIGKILL)
        sys.stderr.write("\n")
    if config.get("cache_text_encoder_outputs"):
        say("caching Text Encoder outputs with caching strategy.")
        for image in images:
            value = len(caption_of(image, config))
            path = image.with_name(f"{image.stem}_te_outputs.npz")
            total += cached(path, value, config.get("cache_text_encoder_outputs_to_disk", False))[0]
    return total, drawn


def write_lora(path: Path, numbers: list[float], metadata: dict[str, str], slow: bool) -> None:
    data = struct.pack(f"<{len(numbers)}f", *numbers)
    entry = {"dtype": "F32", "shape": [len(numbers)], "data_offsets": [0, len(data)]}
    head = json.dumps({"__metadata__": metadata, "lora_unet_x.lora_up.weight": entry}).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(head)) + head)
        file.flush()
        if slow:
            time.sleep(0.6)
        file.write(data)


def save_state(folder: Path, epoch: int, step: int, numbers: list[float], slow: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train_state.json").write_text(json.dumps({"current_epoch": epoch, "current_step": step}))
    write_lora(folder / "model.safetensors", numbers, {}, slow)
    for name in ("optimizer.bin", "scheduler.bin", "random_states_0.pkl"):
        with zipfile.ZipFile(folder / name, "w") as file:
            file.writestr("data.pkl", "x")


class Curves:
    def __init__(self, config: dict[str, Any]) -> None:
        self._writer: Any = None
        if config.get("logging_dir"):
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            name = config.get("log_prefix", "") + time.strftime("%Y%m%d%H%M%S")
            self._writer = EventFileWriter(str(Path(config["logging_dir"]) / name / "network_train"))

    def add(self, step: int, **values: float) -> None:
        if self._writer is not None:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.compat.proto.summary_pb2 import Summary

            items = [Summary.Value(tag=n.replace("__", "/"), simple_value=v) for n, v in values.items()]
            self._writer.add_event(Event(step=step, wall_time=time.time(), summary=Summary(value=items)))
            self._writer.flush()


def main(words: list[str]) -> None:
    config = read_config(words)
    mood = config.get("training_comment", "")
    if "missing module" in mood:
        raise ModuleNotFoundError("No module named 'nobodys_optimizers'")
    sets = datasets(config)
    reg = [image for _, _, some in sets for image in some]
    if not all(images for _, images, _ in sets) or "no data" in mood:
        say(
            "No data found. Please verify arguments (train_data_dir must be the parent of folders with images)"
        )
        return
    say("preparing accelerator")
    time.sleep(float(os.environ.get("STAND_IN_LOAD_S", "0")))
    if not Path(config["pretrained_model_name_or_path"]).exists():
        raise OSError(f"{config['pretrained_model_name_or_path']} is not a model")
    encoded = [cache_all([path for path, _ in [*images, *some]], own) for own, images, some in sets]
    total, drawn = (sum(counts) for counts in zip(*encoded, strict=True))
    if not isinstance(config["learning_rate"], float):
        raise TypeError("argument learning_rate: a number was expected")
    per_epoch = sum(-(-with_reg(images, some) // config["train_batch_size"]) for _, images, some in sets)
    epochs = config["max_train_epochs"]
    train(config, mood, per_epoch, epochs, [config.get("seed", 0) + drawn / 8, total % 65_536, 0, len(reg)])


def train(config: dict[str, Any], mood: str, per_epoch: int, epochs: int, numbers: list[float]) -> None:
    first_epoch = 0
    if config.get("resume"):
        state = json.loads((Path(config["resume"]) / "train_state.json").read_text())
        say(f"load train state from {config['resume']}: {state}")
        first_epoch = state["current_step"] // per_epoch
    steps = per_epoch * epochs
    say("running training / 学習開始")
    say(f"  num train images * repeats / 学習画像の数×繰り返し回数: {per_epoch}")
    say(f"  num batches per epoch / 1epochのバッチ数: {per_epoch}")
    say(f"  total optimization steps / 学習ステップ数: {steps + ('other steps' in mood)}")
    curves = Curves(config)
    out, name = Path(config["output_dir"]), config["output_name"]
    bar(0, steps, slow=False, values="")
    done = 0  # it counts from 0 again where it goes on from a state
    for epoch in range(first_epoch + 1, epochs + 1):
        say(f"\nepoch {epoch}/{epochs}\n")
        for _ in range(per_epoch):
            time.sleep(float(os.environ.get(STEP_S, "0.002")))
            done += 1
            loss = (
                math.nan
                if "nan" in mood and done >= 3 and not ("nan once" in mood and done > 3)
                else 1 / done
            )
            values = f"avr_loss={loss:.3g}"
            if config.get("scale_weight_norms"):
                values = f"Average key norm=0.0123, Keys Scaled=4, {values}"
            bar(done, steps, slow=bool(done % 2), values=values)
            curves.add(done, loss__current=loss, loss__average=loss, lr__unet=1e-3, lr__textencoder=1e-4)
            if "dies once" in mood and done == per_epoch + 2 and not first_epoch:
                os.kill(os.getpid(), signal.SIGKILL)
            if "out of memory" in mood and done == 3:
                raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
            if config.get("save_every_n_steps") and done % config["save_every_n_steps"] == 0:
                save(config, mood, out / f"{name}-step{done:08d}.safetensors", done, numbers)
        sys.stderr.write("INFO     a line behind the bar\n")
        every = config.get("save_every_n_epochs")
        if every and epoch % every == 0 and epoch < epochs:
            save(config, mood, out / f"{name}-{epoch:06d}.safetensors", done, numbers)
            remove(
                config.get("save_last_n_epochs"), every, epoch, lambda e: out / f"{name}-{e:06d}.safetensors"
            )
            if config.get("save_state"):
                save_state(
                    out / f"{name}-{epoch:06d}-state", epoch, epoch * per_epoch, numbers, "slow" in mood
                )
                last = config.get("save_last_n_epochs_state") or config.get("save_last_n_epochs")
                remove(last, every, epoch, lambda e: out / f"{name}-{e:06d}-state")
        curves.add(epoch, loss__epoch_average=0.5)
    if "writes nothing" in mood:
        return
    if config.get("save_state") or config.get("save_state_on_train_end"):
        save_state(out / f"{name}-state", epochs, steps, numbers, slow=False)
    if "nan" in mood and "nan once" not in mood:
        numbers = [math.nan] * 4
    save(config, mood, out / f"{name}.safetensors", done, numbers)
    say("model saved.")


def save(config: dict[str, Any], mood: str, path: Path, step: int, numbers: list[float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    say(f"\nsaving checkpoint: {path}")
    metadata = {} if config.get("no_metadata") else {"ss_steps": str(step), "ss_epoch": "1"}
    metadata["given"] = json.dumps(config)  # for tests of what it was given
    write_lora(path, [*numbers[:2], float(step), *numbers[3:]], metadata, "slow" in mood)


def remove(last: int | None, every: int, epoch: int, path_of: Any) -> None:
    if last:
        old = path_of(epoch - every * last)
        if old.is_dir():
            shutil.rmtree(old)
        elif old.exists():
            old.unlink()


if __name__ == "__main__":
    main(sys.argv[1:])
