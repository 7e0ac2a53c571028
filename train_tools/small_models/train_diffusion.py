"""Trains the shipped base model's UNet and text encoder on scenes in the trained VAE's latents.

    python -m train_tools.small_models.train_diffusion --work DIR --minutes 90

Goes on where an earlier start stopped: the state in DIR counts.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from train_tools.families.stable_diffusion import tokenizer
from train_tools.families.stable_diffusion.latents import SCALE, SCHEDULER

from . import architecture, evaluate, scenes, train_vae, training_loop

SCENES = 16_000
PROMPTS = 32  # captions in a batch
DRAWS = 2  # noises and timesteps for each caption's latent; shares the text encoder's work
LEARNING_RATE = 1.2e-3
MIN_SNR_GAMMA = 5.0  # Hang et al. 2023, https://arxiv.org/abs/2303.09556
SHORT_CAPTIONS = 0.25  # share of captions without size and place
UNCONDITIONAL = 0.1  # share of captions left empty, for classifier-free guidance
# Share of captions with words before them that say nothing, and with such words behind them:
# a user's trigger word must not take the sentence away from a model that knew none.
STRANGE_WORDS = 0.25
# Short captions end before this token. Most of the training reads no further (the text
# encoder is causal, so these outputs are the true ones); the finish reads all 77.
SHORT_CONTEXT = 24
FINISH_SHARE = 0.15  # of the time
# Every second batch of the finish has pictures of twice the width, fewer of them, so that a LoRA
# can be trained and previewed at that width too.
WIDE_SCENES, WIDE_PROMPTS = 1_000, 10
STATE = "diffusion.pt"


@torch.no_grad()
def encode(vae: AutoencoderKL, chosen: list[scenes.Scene], rng: random.Random, width: int) -> torch.Tensor:
    """Latents (count, 4, width / 8, width / 8) of one drawing of each scene."""
    latents = []
    for start in range(0, len(chosen), 64):
        batch = evaluate.to_tensor([scenes.draw(s, rng, width) for s in chosen[start : start + 64]])
        with torch.autocast("cpu", torch.bfloat16):
            mean = vae.encode(batch).latent_dist.mean
        latents.append(mean.float() * SCALE)
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


class Captions:
    """The captions of some scenes as tokens, whole and without details."""

    def __init__(self, words: CLIPTokenizer, chosen: list[scenes.Scene]) -> None:
        texts = [scenes.prompt(scene) for scene in chosen]
        self.whole = words(texts, add_special_tokens=False).input_ids
        self.short = words([t.split(",")[0] for t in texts], add_special_tokens=False).input_ids
        self.begin, self.end = words.bos_token_id, words.eos_token_id
        self.comma = words(",", add_special_tokens=False).input_ids
        self.rng = random.Random(1)

    def draw(self, index: int) -> list[int]:
        """A caption of scene `index` as training sees it this time: whole, short, empty, or with strange words."""
        if self.rng.random() < UNCONDITIONAL:
            return []
        ids = (self.short if self.rng.random() < SHORT_CAPTIONS else self.whole)[index]
        if self.rng.random() < STRANGE_WORDS:
            ids = [*self._strange(), *self.comma, *ids]
        if self.rng.random() < STRANGE_WORDS:
            ids = [*ids, *self.comma, *self._strange()]
        return ids

    def _strange(self) -> list[int]:
        return [self.rng.randrange(self.begin) for _ in range(self.rng.randint(1, 3))]

    def batch(self, picked: list[int], context: int) -> torch.Tensor:
        """Token ids (len(picked), context), padded as Stable Diffusion 1 pads."""
        rows = [[self.begin, *self.draw(index)] for index in picked]
        return torch.tensor([row + [self.end] * (context - len(row)) for row in rows])


@dataclass
class Data:
    """Latents of scenes, and their captions."""

    latents: torch.Tensor
    captions: Captions

    def batch(self, count: int, context: int) -> tuple[torch.Tensor, torch.Tensor]:
        picked = torch.randint(len(self.latents), (count,))
        return self.latents[picked], self.captions.batch(picked.tolist(), context)


def read_data(work: Path, vae: AutoencoderKL, words: CLIPTokenizer, count: int, width: int) -> Data:
    """Draws and encodes scenes, or takes the latents that an earlier start left in `work`."""
    rng = random.Random(width)
    chosen = [scenes.sample_trained(rng, two_objects=0.12) for _ in range(count)]
    cache = work / f"latents-{width}.pt"
    if not cache.is_file():
        training_loop.save_state(cache, {"latents": encode(vae, chosen, rng, width)})
    return Data(torch.load(cache, weights_only=True)["latents"], Captions(words, chosen))


def batches(
    normal: Data, wide: Data, budget: training_loop.Budget
) -> Iterator[tuple[float, tuple[torch.Tensor, torch.Tensor]]]:
    """The learning-rate factor and the batch of each step."""
    for number, factor in enumerate(budget):
        if budget.spent_s < (1 - FINISH_SHARE) * budget.seconds:
            yield factor, normal.batch(PROMPTS, SHORT_CONTEXT)
        elif number % 2:
            yield factor, wide.batch(WIDE_PROMPTS, 77)
        else:
            yield factor, normal.batch(PROMPTS, 77)


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
    normal = read_data(arguments.work, vae, words, SCENES, architecture.WIDTH)
    wide = read_data(arguments.work, vae, words, WIDE_SCENES, 2 * architecture.WIDTH)
    trainer = Trainer(arguments.work / STATE)
    budget = training_loop.Budget(arguments.minutes, trainer.resume())
    recent = 0.0
    for factor, batch in batches(normal, wide, budget):
        recent += trainer.step(*batch, factor)
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
