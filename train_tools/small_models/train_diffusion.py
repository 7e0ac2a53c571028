"""Trains the shipped base model's UNet and text encoder on scenes in the trained VAE's latents.

    python -m train_tools.small_models.train_diffusion --work DIR --minutes 90

Goes on where an earlier start stopped: the state in DIR counts.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from train_tools.base_model import tokenizer
from train_tools.base_model.architecture import LATENT_SCALE, SCHEDULER

from . import architecture, evaluate, scenes, train_vae, training_loop

SCENES = 14_000
PROMPTS = 32  # captions in a batch
DRAWS = 2  # noises and timesteps for each caption's latent; shares the text encoder's work
LEARNING_RATE = 1.2e-3
MIN_SNR_GAMMA = 5.0  # Hang et al. 2023, https://arxiv.org/abs/2303.09556
SHORT_CAPTIONS = 0.25  # share of captions without size and place
UNCONDITIONAL = 0.1  # share of captions left empty, for classifier-free guidance
# Short captions end before this token. Most of the training reads no further (the text
# encoder is causal, so these outputs are the true ones); the last part reads all 77.
SHORT_CONTEXT = 24
FULL_CONTEXT_SHARE = 0.15
STATE = "diffusion.pt"


def trained_scenes(count: int, rng: random.Random) -> list[scenes.Scene]:
    found: list[scenes.Scene] = []
    while len(found) < count:
        scene = scenes.sample(rng, two_objects=0.12)
        if not scenes.is_held_out(scene):
            found.append(scene)
    return found


@torch.no_grad()
def encode(vae: AutoencoderKL, chosen: list[scenes.Scene], rng: random.Random) -> torch.Tensor:
    """Latents (count, 4, 8, 8) of one drawing of each scene."""
    latents = []
    for start in range(0, len(chosen), 64):
        batch = evaluate.to_tensor([scenes.draw(s, rng) for s in chosen[start : start + 64]])
        with torch.autocast("cpu", torch.bfloat16):
            mean = vae.encode(batch).latent_dist.mean
        latents.append(mean.float() * LATENT_SCALE)
    return torch.cat(latents)


def draw_noise(
    latents: torch.Tensor, alphas: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Noise, timesteps and noisy latents; stratified, so that every batch sees all noise levels alike."""
    count = len(latents)
    steps = ((torch.arange(count) + torch.rand(count)) / count * len(alphas)).long()[torch.randperm(count)]
    noise = torch.randn_like(latents)
    signal = alphas[steps].view(-1, 1, 1, 1)
    return noise, steps, signal.sqrt() * latents + (1 - signal).sqrt() * noise


@dataclass
class Data:
    """Latents of the scenes, and the tokens of their full, short and empty captions."""

    latents: torch.Tensor
    full: torch.Tensor
    short: torch.Tensor
    empty: torch.Tensor

    def batch(self, context: int) -> tuple[torch.Tensor, torch.Tensor]:
        """PROMPTS latents and the first `context` tokens of a caption of each."""
        picked = torch.randint(len(self.latents), (PROMPTS,))
        # Detail words are optional in a prompt, so they are left out of some captions.
        ids = torch.where(torch.rand(PROMPTS, 1) < SHORT_CAPTIONS, self.short[picked], self.full[picked])
        ids = torch.where(torch.rand(PROMPTS, 1) < UNCONDITIONAL, self.empty, ids)
        return self.latents[picked], ids[:, :context]


def read_data(work: Path, vae: AutoencoderKL, words: CLIPTokenizer) -> Data:
    """Draws and encodes the scenes, or takes the latents that an earlier start left in `work`."""
    rng = random.Random(0)
    chosen = trained_scenes(SCENES, rng)
    cache = work / "latents.pt"
    if not cache.is_file():
        training_loop.save_state(cache, {"latents": encode(vae, chosen, rng)})

    def ids(texts: list[str]) -> torch.Tensor:
        return words(texts, padding="max_length", return_tensors="pt").input_ids

    prompts = [scenes.prompt(scene) for scene in chosen]
    return Data(
        latents=torch.load(cache, weights_only=True)["latents"],
        full=ids(prompts),
        short=ids([prompt.split(",")[0] for prompt in prompts]),
        empty=ids([""]),
    )


class Trainer:
    """UNet and text encoder, trained together, with the average of their weights."""

    def __init__(self, path: Path) -> None:
        self.path = path
        text = CLIPTextModel(CLIPTextConfig(**architecture.TEXT_ENCODER))
        self.modules: dict[str, nn.Module] = {"unet": UNet2DConditionModel(**architecture.UNET), "text": text}
        self.parameters = [p for m in self.modules.values() for p in m.parameters()]
        self.optimizer = torch.optim.AdamW(
            self.parameters, LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.average = training_loop.Average(self.modules, 0.999)
        names = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule")
        noise_levels = DDPMScheduler(**{name: SCHEDULER[name] for name in names})
        self.alphas = noise_levels.alphas_cumprod

    def resume(self) -> float:
        """Seconds that earlier starts have spent; their state is taken over."""
        if not self.path.is_file():
            return 0.0
        state = torch.load(self.path, weights_only=True)
        for name, module in self.modules.items():
            module.load_state_dict(state["live"][name])
            self.average.modules[name].load_state_dict(state["average"][name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.steps = state["steps"]
        return float(state["spent_s"])

    def keep(self, spent_s: float) -> None:
        state = {
            "live": {name: m.state_dict() for name, m in self.modules.items()},
            "average": {name: m.state_dict() for name, m in self.average.modules.items()},
            "optimizer": self.optimizer.state_dict(),
            "steps": self.average.steps,
            "spent_s": spent_s,
        }
        training_loop.save_state(self.path, state)

    def step(self, latents: torch.Tensor, ids: torch.Tensor, factor: float) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * factor
        embeddings = self.modules["text"](ids).last_hidden_state.repeat_interleave(DRAWS, 0)
        noise, steps, noisy = draw_noise(latents.repeat_interleave(DRAWS, 0), self.alphas)
        predicted = self.modules["unet"](noisy, steps, embeddings).sample
        snr = self.alphas[steps] / (1 - self.alphas[steps])
        weight = snr.clamp(max=MIN_SNR_GAMMA) / snr
        loss = (weight * (predicted - noise).pow(2).mean((1, 2, 3))).mean()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.average.update()
        return loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    words = tokenizer.shared()
    vae = AutoencoderKL(**architecture.VAE)
    vae.load_state_dict(torch.load(arguments.work / train_vae.STATE, weights_only=True)["vae"])
    data = read_data(arguments.work, vae, words)
    trainer = Trainer(arguments.work / STATE)
    budget = training_loop.Budget(arguments.minutes, trainer.resume())
    recent = 0.0
    for factor in budget:
        whole = budget.spent_s > (1 - FULL_CONTEXT_SHARE) * budget.seconds
        recent += trainer.step(*data.batch(77 if whole else SHORT_CONTEXT), factor)
        done = trainer.average.steps
        if done % 100 == 0:
            print(f"{budget.spent_s:.0f} s step {done} loss {recent / 100:.4f}", flush=True)
            recent = 0.0
        if done % 500 == 0:
            trainer.keep(budget.spent_s)
        if done % 1000 == 0:
            averaged = trainer.average.modules
            model = evaluate.Model(vae, averaged["unet"], averaged["text"], words)
            print(evaluate.score(model, evaluate.held_out_scenes(40)), flush=True)
    trainer.keep(budget.spent_s)


if __name__ == "__main__":
    main()
