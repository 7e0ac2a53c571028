"""Trains the shipped base model's UNet and text encoder on scenes in the trained VAE's latents.

    python -m train_tools.small_models.train_diffusion --work DIR --minutes 90

Goes on where an earlier start stopped: the state in DIR counts.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

from train_tools.base_model import tokenizer

from . import architecture, evaluate, scenes, train_vae, training_loop

SCENES = 16_000
PROMPTS = 32  # captions in a batch
DRAWS = 2  # noises and timesteps for each caption's latent; shares the text encoder's work
LEARNING_RATE = 1.2e-3
MIN_SNR_GAMMA = 5.0  # Hang et al. 2023, https://arxiv.org/abs/2303.09556
UNCONDITIONAL = 0.1  # share of captions left empty, for classifier-free guidance
# Short captions end before this token. Most of the training reads no further (the text
# encoder is causal, so these outputs are the true ones); the last part reads all 77.
SHORT_CONTEXT = 24
FULL_CONTEXT_SHARE = 0.25
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
        latents.append(mean.float() * architecture.LATENT_SCALE)
    return torch.cat(latents)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rng = random.Random(0)
    words = tokenizer.shared()
    vae = AutoencoderKL(**architecture.VAE)
    vae.load_state_dict(torch.load(arguments.work / train_vae.STATE, weights_only=True)["vae"])
    chosen = trained_scenes(SCENES, rng)
    cache = arguments.work / "latents.pt"
    if not cache.is_file():
        training_loop.save_state(cache, {"latents": encode(vae, chosen, rng)})
    latents = torch.load(cache, weights_only=True)["latents"]
    print(f"latents: mean {latents.mean():.3f}, standard deviation {latents.std():.3f}", flush=True)
    tokens = words([scenes.prompt(s) for s in chosen], padding="max_length", return_tensors="pt").input_ids
    # Detail words are optional in a prompt, so they are left out of half the captions.
    plain = words([scenes.prompt(s).split(",")[0] for s in chosen], padding="max_length", return_tensors="pt").input_ids
    empty = words([""], padding="max_length", return_tensors="pt").input_ids

    unet = UNet2DConditionModel(**architecture.UNET)
    text = CLIPTextModel(CLIPTextConfig(**architecture.TEXT_ENCODER))
    modules = {"unet": unet, "text": text}
    parameters = [p for m in modules.values() for p in m.parameters()]
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    average = training_loop.Average(modules, 0.999)
    path = arguments.work / STATE
    spent = 0.0
    if path.is_file():
        state = torch.load(path, weights_only=True)
        for name, module in modules.items():
            module.load_state_dict(state["live"][name])
            average.modules[name].load_state_dict(state["average"][name])
        optimizer.load_state_dict(state["optimizer"])
        average.steps, spent = state["steps"], state["spent_s"]
    noise_levels = DDPMScheduler(**{k: v for k, v in architecture.SCHEDULER.items() if k.startswith(("beta", "num"))})
    alphas = noise_levels.alphas_cumprod
    budget = training_loop.Budget(arguments.minutes, spent)
    batch = PROMPTS * DRAWS

    def keep() -> None:
        average_state = {n: m.state_dict() for n, m in average.modules.items()}
        live = {n: m.state_dict() for n, m in modules.items()}
        training_loop.save_state(path, {
            "live": live, "average": average_state, "optimizer": optimizer.state_dict(),
            "steps": average.steps, "spent_s": budget.spent_s,
        })

    recent = 0.0
    for factor in budget:
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * factor
        context = 77 if budget.spent_s > (1 - FULL_CONTEXT_SHARE) * budget.seconds else SHORT_CONTEXT
        picked = torch.randint(len(latents), (PROMPTS,))
        ids = torch.where(torch.rand(PROMPTS, 1) < 0.25, plain[picked], tokens[picked])
        ids = torch.where(torch.rand(PROMPTS, 1) < UNCONDITIONAL, empty, ids)[:, :context]
        embeddings = text(ids).last_hidden_state.repeat_interleave(DRAWS, 0)
        clean = latents[picked].repeat_interleave(DRAWS, 0)
        noise = torch.randn_like(clean)
        # Stratified timesteps: every batch sees all noise levels alike.
        steps = ((torch.arange(batch) + torch.rand(batch)) / batch * len(alphas)).long()[torch.randperm(batch)]
        signal = alphas[steps].view(-1, 1, 1, 1)
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        predicted = unet(noisy, steps, embeddings).sample
        snr = alphas[steps] / (1 - alphas[steps])
        weight = snr.clamp(max=MIN_SNR_GAMMA) / snr
        loss = (weight * (predicted - noise).pow(2).mean((1, 2, 3))).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        average.update()
        recent += loss.item()
        if average.steps % 100 == 0:
            print(f"{budget.spent_s:.0f} s step {average.steps} loss {recent / 100:.4f}", flush=True)
            recent = 0.0
        if average.steps % 500 == 0:
            keep()
        if average.steps % 1000 == 0:
            model = evaluate.Model(vae, average.modules["unet"], average.modules["text"], words)
            print(evaluate.score(model, evaluate.held_out_scenes(40)), flush=True)
    keep()


if __name__ == "__main__":
    main()
