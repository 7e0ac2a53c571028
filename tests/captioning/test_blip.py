"""The real BLIP classes of transformers, with a tiny random model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from train_tools import cli  # noqa: E402
from train_tools.captioning.blip import BlipCaptioner  # noqa: E402
from train_tools.captioning.interface import Picture  # noqa: E402
from train_tools.captioning.transformers_model import read_preprocessing  # noqa: E402
from train_tools.errors import UsageError  # noqa: E402
from train_tools.workspace.workspace import Version  # noqa: E402

WORDS = ["a", "red", "green", "blue", "circle", "square", "on", "the", "small", "big", "picture", "of"]
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *WORDS]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blip")
    torch.manual_seed(0)
    text = {
        "vocab_size": len(VOCABULARY),
        "hidden_size": 32,
        "encoder_hidden_size": 32,
        "intermediate_size": 64,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "bos_token_id": VOCABULARY.index("[DEC]"),
        "pad_token_id": 0,
        "eos_token_id": VOCABULARY.index("[CLS]"),
        "sep_token_id": VOCABULARY.index("[SEP]"),
    }
    vision = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "projection_dim": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    config = transformers.BlipConfig(text_config=text, vision_config=vision, projection_dim=16)
    model = transformers.BlipForConditionalGeneration(config)
    with torch.no_grad():  # random weights as they come are too small for the picture to matter
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.5)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def test_captions_hold_words_only_and_depend_on_the_picture_alone(model_folder: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 40, 60, 3), dtype=np.uint8)
    images = [Image.fromarray(array) for array in noise] + [Image.new("RGB", (10, 10), "red")]
    pictures = [Picture(image, "", "") for image in images]
    with BlipCaptioner(str(model_folder), max_tokens=12) as captioner:
        together = captioner.caption(pictures)
        alone = [captioner.caption([picture])[0] for picture in pictures]
    assert together == alone
    assert len(set(together)) > 1
    assert all(together)
    assert {word for text in together for word in text.split()} <= set(WORDS)
    assert captioner.model is None


def test_beam_search(model_folder: Path) -> None:
    with BlipCaptioner(str(model_folder), beams=3, max_tokens=6) as captioner:
        images = (Image.new("RGB", (8, 8)), Image.new("RGB", (9, 9), "red"))
        assert len(captioner.caption([Picture(image, "", "") for image in images])) == 2


def test_preprocessing_is_that_of_the_folder(tmp_path: Path) -> None:
    assert read_preprocessing(tmp_path, 384).width == 384
    data = {"size": {"height": 2, "width": 3}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.5, 1.0]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(data), encoding="utf-8")
    pixels = read_preprocessing(tmp_path, 384).pixels([Image.new("RGB", (9, 9), "white")])
    assert pixels.shape == (1, 3, 2, 3)
    assert np.allclose(pixels[0, :, 0, 0], [2.0, 1.0, 0.5])


def test_as_a_user(processed: Version, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = str(processed.folder.parents[4])
    command = ["dataset", "caption", "zorb", "v1", "--root", root, "--set", f"model={model_folder}", "--json"]
    assert cli.main(command) == 0
    document = json.loads(capsys.readouterr().out)
    assert [written["name"] for written in document["written"]] == ["00002-0-b.png", "00003-0-c.png"]
    assert document["kept"] == 1
    for written in document["written"]:
        path = (processed.processed / "10_zorb" / written["name"]).with_suffix(".txt")
        assert path.read_text(encoding="utf-8").strip() == written["caption"]
        assert written["caption"].startswith("zorb")


def test_a_missing_or_damaged_model_says_so(tmp_path: Path, model_folder: Path) -> None:
    with (
        pytest.raises(UsageError, match="neither a folder nor a hub id"),
        BlipCaptioner(str(tmp_path / "none")),
    ):
        pass
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no config\.json"), BlipCaptioner(str(tmp_path / "empty")):
        pass
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for path in model_folder.iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    (damaged / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UsageError, match="can't be loaded"), BlipCaptioner(str(damaged)):
        pass
    (damaged / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    with pytest.raises(UsageError, match=r"no BLIP model \(model_type bert"), BlipCaptioner(str(damaged)):
        pass
