"""Intake and processing of photo-like JPEGs, against a loop over all pixels in one thread.

The loop is what sd-webui-train-tools does with each upload, written anew: every pixel is asked in Python whether
it is transparent, then the image is encoded, decoded and scaled to 512 x 512 as the webui's preprocess does. It
takes seconds for each image, so few are enough. Each stage runs in a process of its own, which tells its peak
memory and the cores it used (processor seconds by seconds on the wall).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from train_tools.dataset.intake import ADDED, add
from train_tools.dataset.parallel import worker_count
from train_tools.dataset.process import process
from train_tools.dataset.settings import DatasetSettings
from train_tools.workspace.workspace import Version, Workspace

SHAPE = (4, 3)
STAGES = ("intake", "process", "process again", "loop")


def main() -> None:
    arguments = parse()
    if arguments.stage:
        print(json.dumps(measure(arguments.stage, arguments.folder, arguments.loop_images)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_all(folder / "pictures", arguments.images, arguments.megapixels)
        workspace = Workspace(folder / "outputs")
        workspace.create_project("bench")
        workspace.create_version("bench", "v1")
        print(f"{arguments.images} images of {arguments.megapixels:g} megapixels, {worker_count()} threads")
        wall, busy = {}, {}  # seconds an image
        for stage in STAGES:
            result = in_own_process(stage, folder, arguments.loop_images)
            wall[stage] = result["seconds"] / result["images"]
            busy[stage] = wall[stage] * result["cores"]
            print(
                f"{stage:14} {1 / wall[stage]:8.2f} images/s  {result['cores']:5.2f} cores  "
                f"{result['peak_mb']:6.0f} MB peak  ({result['images']} images in {result['seconds']:.1f} s)"
            )
        times = [taken["loop"] / (taken["intake"] + taken["process"]) for taken in (wall, busy)]
        print(f"an image takes the loop {times[0]:.1f}x as long as intake and processing together,")
        print(f"and {times[1]:.1f}x the processor time, which other programs on the machine don't change")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--loop-images", type=int, default=2, help="how many the loop over pixels does")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def draw_all(folder: Path, count: int, megapixels: float) -> None:
    """One scene, moved and tinted a little differently for each file, as JPEG of quality 92."""
    folder.mkdir()
    unit = (megapixels * 1e6 / (SHAPE[0] * SHAPE[1])) ** 0.5
    size = round(SHAPE[0] * unit), round(SHAPE[1] * unit)
    rng = np.random.default_rng(0)
    coarse, fine = (rng.integers(0, 256, (h, w, 3), dtype=np.uint8) for w, h in ((16, 12), (400, 300)))
    scaled = (Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC) for noise in (coarse, fine))
    scene = np.asarray(Image.blend(*scaled, 0.3))
    for number in range(count):
        moved = np.roll(scene, (37 * number, 101 * number), axis=(0, 1)) // 2 + np.uint8(number % 100)
        Image.fromarray(moved).save(folder / f"{number:05d}.jpg", quality=92)


def in_own_process(stage: str, folder: Path, loop_images: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.dataset_intake", "--stage", stage, "--folder", str(folder)]
    command += ["--loop-images", str(loop_images)]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def measure(stage: str, folder: Path, loop_images: int) -> dict[str, float]:
    version = Workspace(folder / "outputs").version("bench", "v1")
    wall, busy = time.perf_counter(), time.process_time()
    images = run(stage, folder / "pictures", version, loop_images)
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    return {"images": images, "seconds": wall, "cores": busy / wall, "peak_mb": peak_memory() / 1e6}


def run(stage: str, pictures: Path, version: Version, loop_images: int) -> int:
    if stage == "intake":
        return len(add(version, [pictures]).of(ADDED))
    if stage == "loop":
        return loop_over_pixels(sorted(pictures.iterdir())[:loop_images])
    return process(version, DatasetSettings()).images


def loop_over_pixels(paths: list[Path]) -> int:
    import cv2

    for path in paths:
        image = cv2.imdecode(np.fromfile(path, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
        for row in range(image.shape[0]):
            for column in range(image.shape[1]):
                pixel = image[row, column]
                if len(pixel) == 4 and pixel[3] != 255:
                    share = pixel[3] / 255
                    image[row, column] = [*(int(c * share + 255 * (1 - share)) for c in pixel[:3]), 255]
        _, encoded = cv2.imencode(path.suffix, image)
        with Image.open(io.BytesIO(encoded.tobytes())) as opened:
            opened.convert("RGB").resize((512, 512), Image.Resampling.LANCZOS).save(io.BytesIO(), "PNG")
    return len(paths)


def peak_memory() -> int:
    """Bytes that this process held at most."""
    if os.name == "nt":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


if __name__ == "__main__":
    main()
