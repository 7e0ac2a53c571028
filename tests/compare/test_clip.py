"""The CLIP path with a small model of random weights, saved as a hub's folder is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from train_tools.errors import UsageError

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

    place = tmp_path_factory.mktemp("clip")
    words = ["<pad>", "<end>", "<unk>", "a", "red", "blue", "circle", "square"]
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("$A <end>", special_tokens=[("<end>", 1)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", unk_token="<unk>"
    ).save_pretrained(place)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**small, "vocab_size": len(words), "max_position_embeddings": 8, "eos_token_id": 1,
                     "pad_token_id": 0, "bos_token_id": 1},
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=12,
    )  # fmt: skip
    CLIPModel(config).save_pretrained(place)
    return place


def test_pictures_and_texts_come_into_one_space(folder: Path) -> None:
    from train_tools.compare.scores.clip import Clip

    wide, tall = Image.new("RGB", (90, 40), "red"), Image.new("RGB", (33, 70), "blue")
    with Clip(str(folder)) as clip:
        pictures = clip.pictures([wide, tall, wide])
        texts = clip.texts(["a red circle", "a blue square and much more than eight words hold"])
    assert pictures.shape == (3, 12)
    assert texts.shape == (2, 12)
    assert np.allclose(np.linalg.norm(np.concatenate([pictures, texts]), axis=1), 1, atol=1e-5)
    assert np.allclose(pictures[0], pictures[2], atol=1e-5)
    assert not np.allclose(pictures[0], pictures[1], atol=1e-3)
    assert not np.allclose(texts[0], texts[1], atol=1e-3)
    assert clip.model is None


def test_a_batch_changes_nothing(folder: Path) -> None:
    from train_tools.compare.scores.clip import Clip

    with Clip(str(folder)) as clip:
        together = clip.texts(["a red circle", "blue"])
        alone = clip.texts(["blue"])
    assert np.allclose(together[1], alone[0], atol=1e-5)


def test_the_identity_is_that_of_the_weights(folder: Path, tmp_path: Path) -> None:
    import shutil

    from train_tools.compare.scores.clip import Clip

    moved = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    assert Clip(str(moved)).identity == Clip(str(folder)).identity
    weights = moved / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert Clip(str(moved)).identity != Clip(str(folder)).identity


def test_other_models_are_refused(folder: Path, tmp_path: Path) -> None:
    from train_tools.compare.scores.clip import Clip

    with pytest.raises(UsageError, match="neither a folder nor a hub id"):
        Clip("no such place")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "blip"}), encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(UsageError, match="no CLIP model"):
        Clip(str(tmp_path))
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(UsageError, match="can't be loaded"), Clip(str(tmp_path)):
        pass
