"""Trains the shipped base model's autoencoder on scenes and on broader pictures.

python -m train_tools.small_models.train_vae --work DIR --minutes 20
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional as F

from train_tools.families.stable_diffusion.latents import SCALE

from . import architecture, scenes, textures, training_loop

BATCH = 8
# The first part goes to quarters of pictures: more steps for the same work.
CROP, CROP_SHARE, CROP_BATCH = 32, 0.25, 24
LEARNING_RATE = 1.5e-3
KL_WEIGHT = 2e-4  # per latent number; keeps the latents smooth without blurring edges
POOL = 10_000
STATE = "vae.pt"


def pictures(count: int, rng: random.Random) -> torch.Tensor:
    """`count` pictures as uint8 (count, 3, 64, 64): scenes and broader ones, half each."""
    drawn = [
        scenes.draw(scenes.sample(rng, 0.2), rng) if i % 2 else textures.picture(rng) for i in range(count)
    ]
    return torch.from_numpy(np.stack([np.asarray(p) for p in drawn])).permute(0, 3, 1, 2).contiguous()


def crop(batch: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """The same random CROP x CROP window of every picture, in steps of a latent's 8 pixels."""
    x, y = (8 * rng.randrange((batch.shape[-1] - CROP) // 8 + 1) for _ in range(2))
    return batch[..., y : y + CROP, x : x + CROP]


def augment(batch: torch.Tensor, rng: random.Random) -> torch.Tensor:
    """Cheap variety: mirrored, turned, with channels exchanged or inverted."""
    if rng.random() < 0.5:
        batch = batch.flip(-1)
    batch = batch.rot90(rng.randrange(4), (-2, -1))
    if rng.random() < 0.5:
        batch = batch[:, rng.sample(range(3), 3)]
    return -batch if rng.random() < 0.2 else batch


def edges(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x[..., 1:] - x[..., :-1], x[..., 1:, :] - x[..., :-1, :]


def loss_of(vae: AutoencoderKL, batch: torch.Tensor) -> torch.Tensor:
    posterior = vae.encode(batch).latent_dist
    decoded = vae.decode(posterior.sample()).sample.float()
    difference = F.l1_loss(decoded, batch) + 2 * F.mse_loss(decoded, batch)
    sharpness = sum(F.l1_loss(a, b) for a, b in zip(edges(decoded), edges(batch), strict=True))
    mean, logvar = posterior.mean.float(), posterior.logvar.float()
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
    return difference + 0.5 * sharpness + KL_WEIGHT * kl


@torch.no_grad()
def psnr(vae: AutoencoderKL, batch: torch.Tensor) -> float:
    decoded = vae.decode(vae.encode(batch).latent_dist.mean).sample.clamp(-1, 1)
    error = ((decoded - batch) / 2).pow(2).mean((1, 2, 3))
    return float((-10 * error.log10()).mean())


@torch.no_grad()
def whiten(vae: AutoencoderKL, batch: torch.Tensor) -> None:
    """Makes the latents uncorrelated with a standard deviation of 1 / SCALE.

    Folded into the 1x1 convolutions around the latent, so the pictures stay the same and
    Stable Diffusion's constant scale stays valid.
    """
    assert vae.quant_conv is not None and vae.post_quant_conv is not None
    latents = vae.encode(batch).latent_dist.mean
    flat = latents.permute(1, 0, 2, 3).flatten(1).double()
    centre = flat.mean(1, keepdim=True)
    values, vectors = torch.linalg.eigh(torch.cov(flat))
    # ZCA: the whitening nearest to the identity, so that channels keep their meaning.
    to_white = vectors @ torch.diag(values.rsqrt()) @ vectors.T / SCALE
    from_white = torch.linalg.inv(to_white)
    quant, post = vae.quant_conv, vae.post_quant_conv
    weight, bias = quant.weight.double()[:4, :, 0, 0], quant.bias.double()[:4]
    quant.weight[:4] = (to_white @ weight)[..., None, None].float()
    quant.bias[:4] = (to_white @ (bias - centre[:, 0])).float()
    quant.bias[4:] += 2 * to_white.diagonal().log().float()
    weight = post.weight.double()[:, :, 0, 0]
    post.bias += (weight @ centre[:, 0]).float()
    post.weight.copy_((weight @ from_white)[..., None, None].float())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--resume", action="store_true", help="go on from the weights in the work folder")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    rng = random.Random(0)
    pool = pictures(POOL, rng)
    test = pictures(256, random.Random(1)).float() / 127.5 - 1
    vae = AutoencoderKL(**architecture.VAE)
    path = arguments.work / STATE
    if arguments.resume:
        vae.load_state_dict(torch.load(path, weights_only=True)["vae"])
    optimizer = torch.optim.AdamW(vae.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    average = training_loop.Average({"vae": vae}, 0.998)

    def keep(step: int) -> None:
        vae_average = average.modules["vae"]
        print(
            f"step {step} psnr {psnr(vae_average, test):.2f} dB, scenes {psnr(vae_average, test[1::2]):.2f}",
            flush=True,
        )
        training_loop.save_state(path, {"vae": vae_average.state_dict()})

    budget = training_loop.Budget(arguments.minutes)
    for step, factor in enumerate(budget):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * factor
        cropping = not arguments.resume and budget.spent_s < CROP_SHARE * budget.seconds
        chosen = pool[torch.randint(len(pool), (CROP_BATCH if cropping else BATCH,))].float() / 127.5 - 1
        if cropping:
            chosen = crop(chosen, rng)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(vae, augment(chosen, rng))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        average.update()
        if step % 100 == 0:
            print(f"{budget.spent_s:.0f} s step {step} loss {loss.item():.4f}", flush=True)
        if step % 500 == 499:
            keep(step)
    whiten(average.modules["vae"], pictures(1000, rng)[1::2].float() / 127.5 - 1)
    keep(step)


if __name__ == "__main__":
    main()
