"""A base model of one of the families with a UNet, as whoever trains and draws uses it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from train_tools.families.interface import Family
from train_tools.families.stable_diffusion.encoders import TextEncoder
from train_tools.families.stable_diffusion.latents import NOISE

# What a folder's index says of a model that shows every picture.
NO_CHECKER: Mapping[str, Any] = {
    "safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False,
}  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """`widths` of the UNet's levels, `depths` the transformer blocks on each, `texts` width and layers of the encoders,
    `vae` the widths of its levels.
    """

    widths: tuple[int, ...]
    depths: tuple[int, ...]
    texts: tuple[tuple[int, int], ...]
    vae: tuple[int, ...] = (32, 32, 64, 64)


@dataclass(frozen=True)
class Conditioning:
    """What texts tell a UNet: each word's vector, `hidden` (count, 77, width), and, where the UNet looks at it, the
    whole text's, `pooled` (count, width). `read` (count, 77) is 0 for vectors that it doesn't look at.
    """

    hidden: Tensor
    pooled: Tensor | None = None
    read: Tensor | None = None

    def __len__(self) -> int:
        return len(self.hidden)

    def __getitem__(self, rows: Any) -> Conditioning:
        """Those of some texts; `rows` as of a tensor, several."""
        return self._each(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> Conditioning:
        return self._each(lambda tensor: tensor.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Conditioning:
        parts = (None if part is None else change(part) for part in (self.pooled, self.read))
        return Conditioning(change(self.hidden), *parts)

    @property
    def bytes(self) -> int:
        size: int = self.hidden.nbytes + (0 if self.pooled is None else self.pooled.nbytes)
        return size

    @staticmethod
    def joined(parts: Sequence[Conditioning]) -> Conditioning:
        """One after another."""
        pooled = [part.pooled for part in parts if part.pooled is not None]
        return Conditioning(torch.cat([part.hidden for part in parts]), torch.cat(pooled) if pooled else None)


@dataclass(frozen=True)
class BaseModel:
    """Frozen and in evaluation mode. A family's own class says what differs.

    `heads` is the number of heads in each attention of the UNet, `head_width` how wide each is; one of them is told.
    """

    family: ClassVar[Family]
    encoders: ClassVar[tuple[TextEncoder, ...]]
    pipeline: ClassVar[str]  # diffusers' class
    index: ClassVar[Mapping[str, Any]] = {}  # what else stands in the index of its folder
    webui_text: ClassVar[str] = ""  # the webui's text encoder, where it takes one of any size
    latent_scale: ClassVar[float]
    narrow: ClassVar[Sizes]  # of a model that fits a test, with all layers that the family has
    heads: ClassVar[int] = 0
    head_width: ClassVar[int] = 0

    name: str
    unet: Any  # UNet2DConditionModel
    vae: Any  # AutoencoderKL
    text_encoders: tuple[Any, ...]  # CLIPTextModel, CLIPTextModelWithProjection
    tokenizers: tuple[Any, ...]  # CLIPTokenizer, one for each text encoder
    prediction: Literal["epsilon", "v"] = "epsilon"
    zero_snr: bool = False

    @property
    def device(self) -> torch.device:
        device: torch.device = self.unet.device
        return device

    @property
    def dtype(self) -> torch.dtype:
        dtype: torch.dtype = self.unet.dtype
        return dtype

    @property
    def noise(self) -> Mapping[str, Any]:
        """The noise that it was trained on, as arguments of diffusers' schedulers."""
        told: dict[str, Any] = {**NOISE}
        if self.prediction == "v":
            told["prediction_type"] = "v_prediction"
        if self.zero_snr:
            told["rescale_betas_zero_snr"] = True
        return told

    def to(self, device: torch.device, dtype: torch.dtype, vae_dtype: torch.dtype | None = None) -> BaseModel:
        for module in (self.unet, *self.text_encoders):
            module.to(device=device, dtype=dtype)
        self.vae.to(device=device, dtype=vae_dtype or dtype)
        return self

    def tokens(self, texts: Sequence[str]) -> tuple[Tensor, ...]:
        """Numbers of tokens (count, 77) for each text encoder; longer texts are cut, as it reads no more."""
        encoded = (
            words(list(texts), padding="max_length", truncation=True, max_length=77, return_tensors="pt")
            for words in self.tokenizers
        )
        return tuple(one.input_ids for one in encoded)

    def embed(self, ids: Sequence[Tensor], clip_skip: int = 1) -> Conditioning:
        """Of `tokens`. `clip_skip` names the layer of the text encoder; 1 is the last."""
        (encoder,) = self.text_encoders
        return Conditioning(hidden_states(encoder, ids[0], clip_skip))

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor | float,
        conditioning: Conditioning,
        sizes: Tensor | None = None,
    ) -> Tensor:
        """What the UNet says of noisy latents (count, 4, h, w) at timesteps (count,) or one: noise or velocity.

        `sizes` (count, 6) are each picture's original height and width, the crop's top and left, and the height and
        width that it is to have, in pixels. Only some families are told them; None: those of a whole picture.
        """
        del sizes  # told to those that were trained with them
        return self.ask(latents, timesteps, conditioning)

    def ask(
        self, latents: Tensor, timesteps: Tensor | float, conditioning: Conditioning, **more: Any
    ) -> Tensor:
        """The UNet, in its own precision; `more` are further arguments of diffusers' UNet."""
        hidden = conditioning.hidden.to(self.dtype)
        if conditioning.read is not None:
            more["encoder_attention_mask"] = conditioning.read
        found: Tensor = self.unet(latents.to(self.dtype), timesteps, hidden, **more).sample
        return found

    def encode_image(self, pixels: Tensor, noise: Tensor | None = None) -> Tensor:
        """Latents (count, 4, h / 8, w / 8), fp32, of pixels (count, 3, h, w), -1 … 1.

        With noise of their shape a sample of what the encoder says, else its mean.
        """
        found = self.vae.encode(pixels.to(self.vae.device, self.vae.dtype)).latent_dist
        latents: Tensor = found.mean
        if noise is not None:
            latents = latents + found.std * noise.to(latents)
        return latents.float() * self.latent_scale

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (count, 3, 8 h, 8 w), about -1 … 1, fp32."""
        pixels: Tensor = self.vae.decode(
            latents.to(self.vae.device, self.vae.dtype) / self.latent_scale
        ).sample
        return pixels.float()


def hidden_states(encoder: Any, ids: Tensor, clip_skip: int) -> Tensor:
    """(count, 77, width) of the layer that `clip_skip` names, behind the last norm, as sd-scripts and the webui do."""
    ids = ids.to(encoder.device)
    if clip_skip <= 1:
        last: Tensor = encoder(ids).last_hidden_state
        return last
    layers = encoder(ids, output_hidden_states=True).hidden_states
    # transformers 5 dropped the `text_model` level that transformers 4 has.
    inner = getattr(encoder, "text_model", encoder)
    normed: Tensor = inner.final_layer_norm(layers[-clip_skip])
    return normed
