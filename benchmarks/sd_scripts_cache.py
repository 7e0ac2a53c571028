"""A grid with sd-scripts: images encoded once for all runs, against each run encoding them for itself.

TRAIN_TOOLS_SD_SCRIPTS=… python -m benchmarks.sd_scripts_cache [--base-model FILE] [--images 16] [--side 256] [--runs 3]

Without a base model one of Stable Diffusion 1.5's size is made, of random weights: they cost as much (4 GB on the disk,
about 8 GB of memory).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextConfig, CLIPTextModel

from train_tools.arguments.config_file import dumps
from train_tools.engines.sd_scripts.command import command, variables
from train_tools.engines.sd_scripts.config import Places, staged
from train_tools.engines.sd_scripts.family import family_of
from train_tools.engines.sd_scripts.process import Process
from train_tools.engines.sd_scripts.tokenizers import tokenizers_for
from train_tools.environment.sd_scripts_place import sd_scripts_folder
from train_tools.errors import UsageError
from train_tools.execution.train import train
from train_tools.planning.expand import PlannedRun
from train_tools.planning.plan import Plan, make_plan
from train_tools.workspace.workspace import Version, Workspace


def random_model(folder: Path) -> Path:
    """With the layers of Stable Diffusion 1.5, as its configuration files give them; the classes' defaults are its."""
    vae_widths = (128, 256, 512, 512)
    StableDiffusionPipeline(
        vae=AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=vae_widths, layers_per_block=2,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12,
            )
        ),
        unet=UNet2DConditionModel(sample_size=64, cross_attention_dim=768),
        scheduler=DDIMScheduler(steps_offset=1, clip_sample=False), tokenizer=None, safety_checker=None,
        feature_extractor=None, requires_safety_checker=False,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def make_version(root: Path, images: int, side: int) -> Version:
    workspace = Workspace(root)
    workspace.create_project("benchmark")
    version = workspace.create_version("benchmark", "v1")
    folder = version.processed / "1_noise"
    folder.mkdir(parents=True)
    for number in range(images):
        Image.effect_noise((side, side), 64).convert("RGB").save(folder / f"{number:05d}.png")
    return version


def plan_of(version: Version, base_model: Path, runs: int, side: int) -> Plan:
    settings = {
        "pretrained_model_name_or_path": str(base_model), "resolution": str(side), "min_bucket_reso": "64",
        "max_train_epochs": "1", "train_batch_size": "8", "mixed_precision": "no", "network_dim": "4",
        "learning_rate": ",".join(f"{number + 1}e-4" for number in range(runs)),
    }  # fmt: skip
    return make_plan(version, settings, "sd-scripts")


def seconds_together(version: Version, plan: Plan) -> float:
    """Through the engine; the encoding that all share is counted."""
    begin = time.monotonic()
    for result in train(version, plan, lambda _run, _event: None):
        if result.error:
            raise UsageError(result.error)
    return time.monotonic() - begin


def seconds_alone(run: PlannedRun, checkout: Path, work: Path) -> float:
    """The real script, which keeps what it encodes in memory."""
    family = family_of(run.arguments)
    tokenizers = tokenizers_for(run.arguments, family.name, work / "tokenizers")
    places = Places(work / run.name, work / "logs", f"{run.run_id}-", tokenizers=tokenizers)
    config = work / f"{run.run_id}.toml"
    config.write_text(dumps(staged(run.arguments, places), family), encoding="utf-8")
    precision = str(run.arguments["mixed_precision"])
    begin = time.monotonic()
    process = Process(
        command(checkout, family.script, config, 1, precision), checkout, variables(os.environ, is_local=True)
    )
    while process.next_items(1.0) is not None:
        pass
    if process.exit_code():
        raise UsageError(f"sd-scripts ended with code {process.exit_code()}")
    return time.monotonic() - begin


def processor_seconds() -> float:
    """Of all processes that have ended; on a busy machine it says more than the clock. 0 on Windows."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-model", type=Path)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--side", type=int, default=256, help="of the images, in pixels")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    checkout = sd_scripts_folder()
    if checkout is None:
        raise UsageError("set TRAIN_TOOLS_SD_SCRIPTS to a checkout of sd-scripts")
    with tempfile.TemporaryDirectory() as folder:
        version = make_version(Path(folder) / "root", arguments.images, arguments.side)
        base_model = arguments.base_model or random_model(Path(folder) / "sd15")
        plan = plan_of(version, base_model.absolute(), arguments.runs, arguments.side)
        work = Path(folder) / "alone"
        work.mkdir()
        begin = processor_seconds()
        alone = sum(seconds_alone(run, checkout, work) for run in plan.runs)
        between = processor_seconds()
        together = seconds_together(version, plan)
        end = processor_seconds()
    print(f"{arguments.runs} runs, {arguments.images} images of {arguments.side} px")
    for name, seconds, of_processor in (
        ("each encodes for itself", alone, between - begin),
        ("encoded once", together, end - between),
    ):
        print(f"{name}: {seconds:.1f} s, {of_processor:.1f} s of a processor core")


if __name__ == "__main__":
    main()
