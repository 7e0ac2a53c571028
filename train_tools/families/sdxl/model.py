"""Stable Diffusion XL as it is loaded, told texts and asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from train_tools.families.sdxl.family import FAMILY
from train_tools.families.stable_diffusion.base import BaseModel, Conditioning, Sizes
from train_tools.families.stable_diffusion.encoders import TextEncoder
from train_tools.families.stable_diffusion.latents import FACTOR, SCALE_XL


class StableDiffusionXL(BaseModel):
    """Two text encoders, whose vectors stand side by side, and a UNet that is told sizes and the whole text."""

    family = FAMILY
    pipeline = "StableDiffusionXLPipeline"
    encoders: ClassVar[tuple[TextEncoder, ...]] = (
        TextEncoder("text_encoder", "tokenizer", "conditioner.embedders.0.transformer."),
        TextEncoder(
            "text_encoder_2", "tokenizer_2", "conditioner.embedders.1.model.",
            is_open=True, is_projected=True, filled_by="!",
        ),
    )  # fmt: skip
    index: ClassVar[Mapping[str, Any]] = {"force_zeros_for_empty_prompt": False}
    latent_scale = SCALE_XL
    narrow = Sizes((32, 64, 128), (0, 2, 10), ((64, 12), (128, 32)))
    head_width = 64

    def embed(self, ids: Sequence[Tensor], clip_skip: int = 1) -> Conditioning:
        """The layer before the last of each, without the last norm, whatever `clip_skip` says: it was trained so."""
        del clip_skip
        hidden = []
        for encoder, numbers in zip(self.text_encoders, ids, strict=True):
            found = encoder(numbers.to(encoder.device), output_hidden_states=True)
            hidden.append(found.hidden_states[-2])
        return Conditioning(torch.cat(hidden, dim=-1), found.text_embeds)  # of the second, at the text's end

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor | float,
        conditioning: Conditioning,
        sizes: Tensor | None = None,
    ) -> Tensor:
        if sizes is None:
            side = [FACTOR * length for length in latents.shape[2:]]
            sizes = torch.tensor([*side, 0, 0, *side]).expand(len(latents), -1)
        assert conditioning.pooled is not None
        told = {"text_embeds": conditioning.pooled.to(self.dtype), "time_ids": sizes.to(self.device)}
        return self.ask(latents, timesteps, conditioning, added_cond_kwargs=told)
