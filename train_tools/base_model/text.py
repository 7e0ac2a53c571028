"""Prompts and captions as the UNet reads them: tokens through the CLIP text encoder."""

from __future__ import annotations

from torch import Tensor

from .load import BaseModel


def tokens(base: BaseModel, texts: list[str]) -> Tensor:
    """Token ids (count, 77); longer texts are cut, as Stable Diffusion 1 reads no more."""
    encoded = base.tokenizer(texts, padding="max_length", truncation=True, max_length=77, return_tensors="pt")
    ids: Tensor = encoded.input_ids
    return ids


def embed(base: BaseModel, ids: Tensor, clip_skip: int = 1) -> Tensor:
    """Hidden states (count, 77, width) of the layer that `clip_skip` names; 1 is the last."""
    ids = ids.to(base.text_encoder.device)
    if clip_skip <= 1:
        last: Tensor = base.text_encoder(ids).last_hidden_state
        return last
    layers = base.text_encoder(ids, output_hidden_states=True).hidden_states
    # transformers 5 dropped the `text_model` level that transformers 4 has.
    inner = getattr(base.text_encoder, "text_model", base.text_encoder)
    normed: Tensor = inner.final_layer_norm(layers[-clip_skip])
    return normed
