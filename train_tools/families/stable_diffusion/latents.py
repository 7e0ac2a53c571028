"""The latents of Stable Diffusion: their scale, and the noise that is put on them."""

from __future__ import annotations

from typing import Any

CHANNELS = 4
FACTOR = 8  # pixels of a picture's side to one of its latents'
SCALE = 0.18215  # of 1 and 2
SCALE_XL = 0.13025
# Arguments of diffusers' schedulers, the same for 1, 2 and XL.
NOISE: dict[str, Any] = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
    "steps_offset": 1,
}
SCHEDULER: dict[str, Any] = {**NOISE, "clip_sample": False, "set_alpha_to_one": False}  # DDIM
