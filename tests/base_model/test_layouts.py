"""Both layouts hold the same model, and others can read them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from diffusers import StableDiffusionPipeline
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from safetensors.torch import load_file, save_file
from small_base import random_base
from transformers import CLIPTextConfig, CLIPTokenizer

from train_tools.base_model import convert
from train_tools.errors import UsageError
from train_tools.families.loading import load
from train_tools.families.stable_diffusion.base import BaseModel


@pytest.fixture(scope="module")
def base() -> BaseModel:
    return random_base()


@pytest.fixture(scope="module")
def checkpoint(base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "小模型.safetensors"
    convert.write_checkpoint(base, path)
    return path


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    states = one.state_dict(), other.state_dict()
    return states[0].keys() == states[1].keys() and all(
        torch.equal(states[0][name].half(), states[1][name].half()) for name in states[0]
    )


def test_a_checkpoint_file_gives_the_model_back(base: BaseModel, checkpoint: Path) -> None:
    found = load(checkpoint)
    assert found.name == "小模型"
    assert same(found.unet, base.unet)
    assert same(found.vae, base.vae)
    assert same(found.text_encoders[0], base.text_encoders[0])
    # What no tensor's shape tells stands in the .yaml.
    assert found.unet.config["attention_head_dim"] == 2
    assert found.text_encoders[0].config.num_attention_heads == 4


def test_diffusers_own_conversion_agrees(base: BaseModel, checkpoint: Path) -> None:
    state = load_file(checkpoint)
    unet = convert_ldm_unet_checkpoint(dict(state), dict(base.unet.config))
    vae = convert_ldm_vae_checkpoint(dict(state), dict(base.vae.config))
    for converted, module in ((unet, base.unet), (vae, base.vae)):
        expected = module.state_dict()
        assert converted.keys() == expected.keys()
        assert all(torch.equal(converted[n], expected[n].half()) for n in expected)


def test_a_folder_opens_in_a_diffusers_pipeline_and_turns_back_into_the_same_file(
    base: BaseModel, checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    convert.convert(checkpoint, folder)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    assert same(pipeline.unet, base.unet)
    assert pipeline.tokenizer("a red circle")["input_ids"] == [49406, 320, 736, 7117, 49407]
    convert.convert(folder, tmp_path / "back.safetensors")
    there, back = load_file(checkpoint), load_file(tmp_path / "back.safetensors")
    assert there.keys() == back.keys()
    assert all(torch.equal(there[n], back[n]) for n in there)


def test_the_webuis_configuration_says_the_sizes(base: BaseModel, checkpoint: Path) -> None:
    parameters = yaml.safe_load(checkpoint.with_suffix(".yaml").read_text(encoding="utf-8"))["model"][
        "params"
    ]
    unet = parameters["unet_config"]["params"]
    assert (unet["model_channels"], unet["channel_mult"], unet["num_heads"]) == (32, [1, 1, 2, 2], 2)
    assert unet["context_dim"] == base.text_encoders[0].config.hidden_size
    assert parameters["first_stage_config"]["params"]["ddconfig"]["ch"] == 32


def test_a_file_for_the_webui_names_its_text_encoder_wherever_the_webui_is_started(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    converted = tmp_path / "models" / "小.safetensors"
    written = convert.convert(checkpoint, Path("models") / converted.name)
    assert [(tmp_path / path).exists() for path in written] == [True] * 3
    assert converted.is_file()
    model = yaml.safe_load(converted.with_suffix(".yaml").read_text(encoding="utf-8"))["model"]["params"]
    folder = Path(model["cond_stage_config"]["params"]["version"])
    assert folder == tmp_path / "models" / "小-text"
    words = CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    assert words("a red circle")["input_ids"] == [49406, 320, 736, 7117, 49407]
    assert CLIPTextConfig.from_pretrained(folder, local_files_only=True).hidden_size == 64
    assert same(load(converted).unet, load(checkpoint).unet)
    # Moved as a whole, it is still itself for us.
    (tmp_path / "models").rename(tmp_path / "elsewhere")
    assert load(tmp_path / "elsewhere" / converted.name).text_encoders[0].config.num_attention_heads == 4


def test_keys_are_those_of_stable_diffusion_1(checkpoint: Path) -> None:
    names = set(load_file(checkpoint))
    for name in (
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
        "model.diffusion_model.middle_block.1.norm.weight",
        "model.diffusion_model.output_blocks.5.2.conv.weight",
        "model.diffusion_model.output_blocks.2.1.conv.weight",
        "first_stage_model.decoder.up.3.upsample.conv.weight",
        "first_stage_model.encoder.mid.attn_1.q.weight",
        "cond_stage_model.transformer.text_model.final_layer_norm.weight",
    ):
        assert name in names


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda p: None, "is missing"),
        (lambda p: p.write_bytes(b"<html>not a model"), "is a web page"),
        (lambda p: save_file({"lora_unet_x.alpha": torch.ones(1)}, p), "is a LoRA"),
        (
            lambda p: save_file({"conditioner.embedders.1.model.a": torch.ones(1)}, p),
            "lacks model.diffusion_model",
        ),
        (lambda p: save_file({"weight": torch.ones(1)}, p), "of no family"),
    ],
)
def test_what_is_no_base_model_is_refused_in_words(write: object, said: str, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write(path)  # type: ignore[operator]
    with pytest.raises(UsageError, match=said):
        load(path)


def test_nothing_is_overwritten(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "other.yaml").write_text("mine", encoding="utf-8")
    for name in ("mine", "other.safetensors"):
        with pytest.raises(UsageError, match="exists already"):
            convert.convert(checkpoint, tmp_path / name)
    assert (tmp_path / "other.yaml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "other.safetensors").exists()
