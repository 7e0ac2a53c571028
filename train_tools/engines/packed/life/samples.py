"""Sample pictures while a pack is trained: what sample_prompts asks for, for all runs at once, in `<run>/sample/`.

They are drawn as previews are, texts with their weights, under the names that sd-scripts gives them.
"""

from __future__ import annotations

import inspect
import random
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diffusers
from PIL import Image

from train_tools.engines.packed.base.precision import computing
from train_tools.engines.packed.config import RunConfig
from train_tools.engines.packed.life.sample_prompts import Prompt, read_prompts
from train_tools.engines.packed.step.pack import Pack
from train_tools.errors import TrainToolsError, is_out_of_memory
from train_tools.families.stable_diffusion import memory, weighted_texts
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning
from train_tools.families.stable_diffusion.denoising import Wish, draw
from train_tools.families.stable_diffusion.latents import SCHEDULER

FOLDER = "sample"
SEEDS = 2**32
DDIM: tuple[str, Mapping[str, Any]] = (
    "DDIMScheduler",
    {name: SCHEDULER[name] for name in ("clip_sample", "set_alpha_to_one")},
)
SOLVER = "DPMSolverMultistepScheduler"
# sd-scripts' name, without `k_` -> diffusers' class and its options.
SAMPLERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "ddim": DDIM,
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
    "lms": ("LMSDiscreteScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpm_2": ("KDPM2DiscreteScheduler", {}),
    "dpm_2_a": ("KDPM2AncestralDiscreteScheduler", {}),
    "dpmsolver": (SOLVER, {"algorithm_type": "dpmsolver", "final_sigmas_type": "sigma_min"}),
    "dpmsolver++": (SOLVER, {"algorithm_type": "dpmsolver++"}),
    "dpmsingle": ("DPMSolverSinglestepScheduler", {}),
}
WITH_NOISE = ("euler_a", "dpm_2_a")


@dataclass(frozen=True)
class Frame:
    """What all pictures of a batch share."""

    size: tuple[int, int]
    steps: int
    sampler: str


def is_due(config: RunConfig, epoch: int, step: int, *, ends_epoch: bool) -> bool:
    """sample_every_n_epochs counts where both are given."""
    if config.sample_prompts is None:
        return False
    if step == 0:
        return config.sample_at_first
    if config.sample_every_n_epochs:
        return ends_epoch and epoch % config.sample_every_n_epochs == 0
    return bool(config.sample_every_n_steps) and step % config.sample_every_n_steps == 0


def name_of(config: RunConfig, when: int, number: int, seed: int | None) -> str:
    """Of the prompt `number`; `when` is the epoch or, where samples are drawn by steps, the step."""
    place = f"e{when:06d}" if config.sample_every_n_epochs else f"{when:06d}"
    end = "" if seed is None else f"_{seed}"
    return f"{config.output_name}_{place}_{number:02d}_{time.strftime('%Y%m%d%H%M%S')}{end}.png"


def draw_samples(pack: Pack, due: Mapping[int, int]) -> dict[int, list[Path] | str]:
    """Of the runs that are due, by their place in the pack, with what their files' names say of when.

    The new files of each, or why there are none: training goes on without.
    """
    done: dict[int, list[Path] | str] = {}
    prompts: dict[int, list[Prompt]] = {}
    for index in due:
        config = pack.configs[index]
        assert config.sample_prompts is not None
        try:
            prompts[index] = read_prompts(config.sample_prompts, config.sample_sampler)
        except TrainToolsError as error:
            done[index] = str(error)
    try:
        with _Studio(pack) as studio:
            for number in range(max(map(len, prompts.values()), default=0)):
                wanted = {index: own[number] for index, own in prompts.items() if number < len(own)}
                for index, picture in studio.pictures(wanted):
                    config = pack.configs[index]
                    name = name_of(config, due[index], number, wanted[index].seed)
                    found = done.setdefault(index, [])
                    assert isinstance(found, list)
                    found.append(_saved(picture, config.folder / FOLDER / name))
    except (TrainToolsError, OSError, MemoryError, RuntimeError) as error:
        # Whatever it is, it isn't worth a night's training.
        reason = str(error)
        if is_out_of_memory(error):
            reason = (
                "there isn't enough memory for samples of this size beside the training; ask for smaller ones"
            )
        done.update(dict.fromkeys(prompts, reason))
    return done


class _Studio:
    """Draws with the pack's runs as they are now; what it brings onto the GPU leaves it again."""

    def __init__(self, pack: Pack) -> None:
        self._pack = pack
        self._base: BaseModel = pack.base
        self._before = [
            (module, module.device, module.dtype) for module in (*self._base.text_encoders, self._base.vae)
        ]

    def __enter__(self) -> _Studio:
        # Decoders overflow in half precision on some models.
        self._base.vae.to(self._base.device).float()
        return self

    def __exit__(self, *_: object) -> None:
        for module, device, dtype in self._before:
            if (module.device, module.dtype) != (device, dtype):
                module.to(device, dtype)
        if self._base.device.type == "cuda":
            memory.emptied()

    def pictures(self, wanted: Mapping[int, Prompt]) -> list[tuple[int, Image.Image]]:
        """All runs go through the base together; of those that nothing is wanted of, the picture is thrown away."""
        found = []
        frames: dict[Frame, dict[int, Prompt]] = {}
        for index, prompt in wanted.items():
            frame = Frame((prompt.width, prompt.height), prompt.steps, prompt.sampler)
            frames.setdefault(frame, {})[index] = prompt
        for frame, of_runs in frames.items():
            spare = next(iter(of_runs.values()))
            rows = [[_wish(of_runs.get(index, spare))] for index in range(len(self._pack.configs))]
            scheduler, with_noise = _scheduler(frame, self._base.noise)
            with self._pack.measured(), computing(self._pack.configs[0], self._base.device):
                pictures = draw(self._base, rows, frame.size, scheduler, self._embed, with_noise=with_noise)
            found += [(index, pictures[index]) for index in of_runs]
        return found

    def _embed(self, texts: Sequence[str]) -> Conditioning:
        longest = weighted_texts.length(self._base, texts)
        return weighted_texts.embed(self._base, texts, longest, self._pack.configs[0].clip_skip)


def _wish(prompt: Prompt) -> Wish:
    seed = random.SystemRandom().randrange(SEEDS) if prompt.seed is None else prompt.seed
    return Wish(prompt.prompt, prompt.negative_prompt, seed, prompt.scale)


def _scheduler(frame: Frame, noise: Mapping[str, Any]) -> tuple[Any, bool]:
    """One that isn't known is ddim, as in sd-scripts; and whether it draws noise."""
    name = frame.sampler.removeprefix("k_")
    kind, options = SAMPLERS.get(name, DDIM)
    known = dict(noise)
    if known.pop("rescale_betas_zero_snr", False):
        kind, options = DDIM  # which begins without signal
        known |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    made = getattr(diffusers, kind)
    taken = inspect.signature(made.__init__).parameters
    with warnings.catch_warnings():  # some hand NumPy tensors, thousands of times
        warnings.simplefilter("ignore")
        scheduler = made(**{**{name: value for name, value in known.items() if name in taken}, **options})
        scheduler.set_timesteps(frame.steps)
    return scheduler, name in WITH_NOISE


def _saved(picture: Image.Image, file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    picture.save(file)
    return file
