"""Latents as pictures: a few at once, and one in tiles where memory is short."""

from __future__ import annotations

import torch
from PIL import Image
from torch import Tensor

from train_tools.errors import is_out_of_memory
from train_tools.families.stable_diffusion import memory
from train_tools.families.stable_diffusion.base import BaseModel

DECODED_AT_ONCE = 2**18  # pixels; the decoder needs far more memory for each than the UNet
BYTES_A_PIXEL = 6000  # that a decoder of the usual widths takes in fp32; 4100 and 5400 measured


def decode(base: BaseModel, latents: Tensor) -> list[Image.Image]:
    """Latents (count, 4, h, w) as RGB pictures of 8h x 8w pixels."""
    at_once = max(1, DECODED_AT_ONCE // (64 * latents.shape[2] * latents.shape[3]))
    pictures = []
    for latent in latents.split(at_once):
        pixels = ((_decoded(base, latent).clamp(-1, 1) + 1) * 127.5).round().byte()
        pictures += [Image.fromarray(p) for p in pixels.permute(0, 2, 3, 1).cpu().numpy()]
    return pictures


def _decoded(base: BaseModel, latent: Tensor) -> Tensor:
    """Tiles overlap, and their seams are blended: nearly the same picture, with the memory of one tile."""
    vae = base.vae
    pixels = 64 * latent.shape[0] * latent.shape[2] * latent.shape[3]
    widest = vae.config["block_out_channels"][0] / 128
    if pixels * BYTES_A_PIXEL * widest * vae.dtype.itemsize / 4 <= memory.free(vae.device):
        try:
            return base.decode(latent)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
    # Not inside `except`: the error keeps what filled the memory.
    memory.emptied()
    vae.enable_tiling()
    try:
        return torch.cat([base.decode(one) for one in latent.split(1)])
    finally:
        vae.disable_tiling()
