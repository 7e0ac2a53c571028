"""How often the shipped base model draws, and the captioner says, what it should on scenes it never saw."""

from __future__ import annotations

import argparse

from train_tools.families.loading import load
from train_tools.small_models import base_model_file, captioner_folder, evaluate
from train_tools.small_models.train_captioner import score

PROMPTS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=PROMPTS)
    count = parser.parse_args().prompts
    base = load(base_model_file())
    model = evaluate.Model(base.vae, base.unet, base.text_encoders[0], base.tokenizers[0])
    print(f"base model, {count} held-out prompts: {evaluate.score(model, evaluate.held_out_scenes(count))}")
    print(f"captioner, {count} held-out scenes: {score(captioner_folder(), count)}")


if __name__ == "__main__":
    main()
