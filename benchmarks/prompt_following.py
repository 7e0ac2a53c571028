"""How often the shipped base model draws, and the captioner says, what it should on scenes it never saw."""

from __future__ import annotations

from train_tools.families.loading import load
from train_tools.small_models import base_model_file, captioner_folder, evaluate
from train_tools.small_models.train_captioner import score

PROMPTS = 200


def main() -> None:
    base = load(base_model_file())
    model = evaluate.Model(base.vae, base.unet, base.text_encoders[0], base.tokenizers[0])
    print(
        f"base model, {PROMPTS} held-out prompts: {evaluate.score(model, evaluate.held_out_scenes(PROMPTS))}"
    )
    print(f"captioner, {PROMPTS} held-out scenes: {score(captioner_folder(), PROMPTS)}")


if __name__ == "__main__":
    main()
