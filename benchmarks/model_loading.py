"""Memory and time for loading a base model of Stable Diffusion XL's true size.

python -m benchmarks.model_loading [FILE] [--dtype fp16]

Without a file one is made whose numbers are all zero: it is 6.9 GB long and takes no room on the disk. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from train_tools.base_model.convert import original_tensors
from train_tools.base_model.writing import head_of
from train_tools.families.sdxl.model import StableDiffusionXL
from train_tools.families.stable_diffusion.base import Sizes
from train_tools.families.stable_diffusion.narrow import without_memory

TRUE = Sizes((320, 640, 1280), (0, 2, 10), ((768, 12), (1280, 32)), (128, 256, 512, 512))
TORCH_NAMES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}
MEASURE = """
import json, sys, time
from pathlib import Path
import torch
from train_tools.families.loading import load
from train_tools.families.stable_diffusion import tokenizer

def memory(name):
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith(name))
    return int(line.split()[1]) * 1024

tokenizer.shared(), tokenizer.shared("!")
before = memory("VmRSS:")
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
started = time.monotonic()
model = load(Path(sys.argv[1]), dtype=getattr(torch, sys.argv[2]))
seconds = time.monotonic() - started
tensors = [t for m in (model.unet, model.vae, *model.text_encoders) for t in m.state_dict().values()]
print(json.dumps({
    "model": sum(t.nbytes for t in tensors), "largest": max(t.nbytes for t in tensors), "seconds": seconds,
    "peak": memory("VmHWM:") - before, "kept": memory("VmRSS:") - before,
}))
"""


def hollow(path: Path, sizes: Sizes = TRUE) -> Path:
    """A checkpoint of Stable Diffusion XL of such sizes, full of zeros that aren't on the disk."""
    unet, vae, *texts = without_memory(StableDiffusionXL, sizes)
    model = StableDiffusionXL("hollow", unet, vae, tuple(texts), ())
    head, length = head_of(original_tensors(model))
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + length)
    return path


def measured(path: Path, dtype: str = "float16") -> dict[str, float]:
    """In a process of its own, in bytes: the model, its largest tensor, and the peak above what the libraries take."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), dtype], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", help="a checkpoint; left out: one of zeros")
    parser.add_argument("--dtype", choices=TORCH_NAMES, default="fp16", help="that it is loaded in")
    parser.add_argument("--narrow", action="store_true", help="of the tests' sizes instead of the true ones")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = arguments.file or hollow(
            Path(folder) / "sdxl.safetensors", StableDiffusionXL.narrow if arguments.narrow else TRUE
        )
        found = measured(file, TORCH_NAMES[arguments.dtype])
    for name in ("model", "largest", "peak", "kept"):
        print(f"{name:8} {found[name] / 1e6:9.1f} MB")
    print(f"peak above the model's own size: {(found['peak'] - found['model']) / 1e6:.1f} MB")
    print(f"{found['seconds']:.1f} s")


if __name__ == "__main__":
    main()
