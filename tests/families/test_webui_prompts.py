"""Prompts are read as webuis read them, however long, whatever else is in the batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import narrow, tokenizer
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.webui_prompts import chunks_of, embed

MADE = json.loads((Path(__file__).parent / "webui_chunks.json").read_text(encoding="utf-8"))
LONG = "a red ball on a blue table, " * 12
WEIGHED = "a (red:1.5) ball BREAK [blue] sky"


@pytest.mark.parametrize("text", MADE)
def test_chunks_and_weights_are_the_webuis(text: str) -> None:
    chunks = chunks_of(tokenizer.shared(tokenizer.END), text)
    assert [chunk.ids for chunk in chunks] == [ids for ids, _ in MADE[text]]
    for chunk, (_, weights) in zip(chunks, MADE[text], strict=True):
        assert chunk.weights == pytest.approx(weights, abs=1e-6)


@pytest.fixture(scope="module", params=["sd2", "sdxl"])
def base(request: pytest.FixtureRequest) -> BaseModel:
    torch.set_num_threads(1)
    return narrow.build(KINDS[request.param])


@torch.no_grad()
def test_a_short_text_is_what_it_was(base: BaseModel) -> None:
    told, plain = embed(base, ["a red ball", ""]), base.embed(base.tokens(["a red ball", ""]))
    torch.testing.assert_close(told.hidden, plain.hidden)
    assert told.read is None


@torch.no_grad()
def test_each_chunk_is_encoded_and_weighed_by_itself(base: BaseModel) -> None:
    """sd_emphasis.py: of each encoder the numbers are multiplied, and their mean is put back."""
    told = embed(base, [WEIGHED])
    parts = ["a red ball", "blue sky"]
    plain = base.embed(base.tokens(parts))
    weights = torch.ones(2, 77)
    weights[0, 2], weights[1, 1] = 1.5, 1 / 1.1
    expected = []
    for hidden in plain.hidden.split([one.config.hidden_size for one in base.text_encoders], dim=-1):
        for own, weight in zip(hidden, weights, strict=True):
            made = own * weight[:, None]
            has_mean = made.mean().abs() > 1e-5 * own.abs().mean()
            expected.append(made * (own.mean() / made.mean()) if has_mean else made)
    encoders = [torch.cat(expected[start : start + 2]) for start in range(0, len(expected), 2)]
    torch.testing.assert_close(told.hidden[0], torch.cat(encoders, dim=-1))
    if plain.pooled is not None:
        assert told.pooled is not None
        torch.testing.assert_close(told.pooled, plain.pooled[:1])


@torch.no_grad()
def test_a_text_is_drawn_as_alone_beside_longer_ones(base: BaseModel) -> None:
    texts = ["a red ball", LONG, WEIGHED]
    assert len(chunks_of(base.tokenizers[0], LONG)) == 2
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    together = base.predict(latents, 300, embed(base, texts))
    for index, text in enumerate(texts):
        alone = base.predict(latents[index : index + 1], 300, embed(base, [text]))
        torch.testing.assert_close(together[index : index + 1], alone, rtol=1e-4, atol=1e-5)
    cut = base.predict(latents[1:2], 300, base.embed(base.tokens([LONG])))
    assert (together[1] - cut[0]).abs().max() > 1e-3  # what stands behind 75 tokens counts
