"""What ships is small, whole, and does what its card says on a few prompts; the benchmark asks 200."""

from __future__ import annotations

from train_tools.families.loading import load
from train_tools.small_models import base_model_file, captioner_folder, evaluate
from train_tools.small_models.train_captioner import score


def size(*paths: object) -> int:
    return sum(p.stat().st_size for p in paths)  # type: ignore[attr-defined]


def test_weights_are_small() -> None:
    assert size(base_model_file()) <= 24_000_000
    assert size(*captioner_folder().iterdir()) <= 8_000_000


def test_the_base_model_follows_prompts_it_never_saw() -> None:
    base = load(base_model_file())
    model = evaluate.Model(base.vae, base.unet, base.text_encoders[0], base.tokenizers[0])
    shares = evaluate.score(model, evaluate.held_out_scenes(24, seed=3))
    assert shares["background"] >= 0.9, shares
    assert shares["colour"] >= 0.9, shares
    assert shares["shape"] >= 0.9, shares


def test_the_captioner_names_what_it_never_saw() -> None:
    shares = score(captioner_folder(), 40)
    assert shares["background"] >= 0.9, shares
    assert shares["colour"] >= 0.9, shares
    assert shares["shape"] >= 0.9, shares
