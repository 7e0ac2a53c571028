"""Trains the shipped captioner: transformers' BLIP class, a few words, scenes drawn here.

python -m train_tools.small_models.train_captioner --work DIR --minutes 10
python -m train_tools.small_models.train_captioner --work DIR --minutes 0      (only measures)
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import torch
from PIL import Image
from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

from . import architecture, scenes, textures, training_loop
from .evaluate import held_out_scenes, to_tensor

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BATCH = 48
LEARNING_RATE = 1e-3
POOL = 12_000
DECORATED = 0.3  # share of pictures with clutter on them, so that a user's pictures don't confuse it
MEAN = STD = [0.5, 0.5, 0.5]


def vocabulary() -> list[str]:
    return [
        *SPECIAL,
        *sorted({"a", "an", "on", "background", "left", "of"} | set(scenes.COLOURS) | set(scenes.SHAPES)),
    ]


def caption(scene: scenes.Scene) -> str:
    """What the captioner says of a scene: things and background, no sizes or places."""
    return scenes.prompt(scene).split(",")[0]


def configuration() -> BlipConfig:
    words = vocabulary()
    shared = {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 4}
    text = {
        **shared,
        "vocab_size": len(words),
        "encoder_hidden_size": 128,
        "projection_dim": 128,
        "max_position_embeddings": 64,
        "pad_token_id": words.index("[PAD]"),
        "bos_token_id": words.index("[CLS]"),
        "eos_token_id": words.index("[SEP]"),
        "sep_token_id": words.index("[SEP]"),
    }
    vision = {**shared, "image_size": architecture.WIDTH, "patch_size": 8, "projection_dim": 128}
    return BlipConfig(text_config=text, vision_config=vision, projection_dim=128)


def write_tokenizer(folder: Path) -> BertTokenizer:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary()) + "\n", encoding="utf-8")
    words = BertTokenizer(str(folder / "vocab.txt"))
    words.save_pretrained(folder)
    return words


def picture(scene: scenes.Scene, rng: random.Random) -> Image.Image:
    drawn = scenes.draw(scene, rng)
    if rng.random() < DECORATED:
        # A little of something else over the scene: stripes, dots or a face in the thing's middle.
        mask = Image.new("L", drawn.size, 0)
        x, y = rng.randrange(16, 40), rng.randrange(16, 40)
        mask.paste(255, (x, y, x + rng.randrange(4, 14), y + rng.randrange(4, 14)))
        drawn.paste(textures.picture(rng), (0, 0), mask)
    return drawn


def train(work: Path, minutes: float) -> None:
    torch.manual_seed(0)
    rng = random.Random(0)
    words = write_tokenizer(work)
    chosen = [scenes.sample_trained(rng, two_objects=0.15) for _ in range(POOL)]
    pixels = (to_tensor([picture(s, rng) for s in chosen]) * 127.5 + 127.5).byte()
    encoded = words([caption(s) for s in chosen], padding=True, return_tensors="pt")
    ids, mask = encoded.input_ids, encoded.attention_mask
    labels = ids.masked_fill(mask == 0, -100)
    model = BlipForConditionalGeneration(configuration())
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    average = training_loop.Average({"model": model}, 0.995)
    for step, factor in enumerate(training_loop.Budget(minutes)):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * factor
        picked = torch.randint(len(ids), (BATCH,))
        batch = pixels[picked].float() / 127.5 - 1
        # Other lights: the captioner must not depend on exact colours.
        batch = (batch * (1 + 0.1 * torch.randn(BATCH, 1, 1, 1)) + 0.05 * torch.randn(BATCH, 3, 1, 1)).clamp(
            -1, 1
        )
        loss = model(
            pixel_values=batch, input_ids=ids[picked], attention_mask=mask[picked], labels=labels[picked]
        ).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update()
        if step % 100 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)
    average.modules["model"].half().save_pretrained(work)
    preprocessing = {"size": {"height": 64, "width": 64}, "image_mean": MEAN, "image_std": STD}
    (work / "preprocessor_config.json").write_text(json.dumps(preprocessing, indent=2), encoding="utf-8")


def score(folder: Path, count: int = 200) -> dict[str, float]:
    """Share of held-out scenes (0 … 1) whose caption names the right colour, shape and background."""
    from train_tools.captioning.blip import BlipCaptioner
    from train_tools.captioning.interface import Picture

    rng = random.Random(3)
    wanted = held_out_scenes(count, seed=11)
    with BlipCaptioner(str(folder)) as captioner:
        captions = captioner.caption([Picture(scenes.draw(s, rng), "", "") for s in wanted])
    pairs = list(zip(wanted, captions, strict=True))
    return {
        "colour": sum(s.things[0].colour in c.split(" on ")[0].split() for s, c in pairs) / count,
        "shape": sum(s.things[0].shape in c.split() for s, c in pairs) / count,
        "background": sum(f"{s.background} background" in c for s, c in pairs) / count,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    if arguments.minutes:
        train(arguments.work, arguments.minutes)
    print(score(arguments.work))


if __name__ == "__main__":
    main()
