"""What a file or folder is, from its head alone: as people have them, whole, damaged, of another kind."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from execution.fake_engine import write_safetensors

from train_tools.base_model.convert import convert
from train_tools.families import registry
from train_tools.families.detect import detect, told
from train_tools.families.interface import Found
from train_tools.families.known import KNOWN
from train_tools.families.registry import FAMILIES
from train_tools.small_models import base_model_file

Shapes = Mapping[str, Sequence[int]]
UNET = "model.diffusion_model."
TO_TEXT = "transformer_blocks.0.attn2.to_k.weight"
SD1_TEXT = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
VAE: Shapes = {"first_stage_model.decoder.conv_in.weight": (4, 4, 3, 3)}
SD1: Shapes = {f"{UNET}input_blocks.1.1.{TO_TEXT}": (8, 768), SD1_TEXT: (4, 8), **VAE}
SD2: Shapes = {
    f"{UNET}input_blocks.1.1.{TO_TEXT}": (8, 1024),
    "cond_stage_model.model.ln_final.weight": (8,),
    **VAE,
}
XL: Shapes = {
    f"{UNET}input_blocks.4.1.{TO_TEXT}": (8, 2048), f"{UNET}label_emb.0.0.weight": (2, 2816),
    "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight": (8,),
    "conditioner.embedders.1.model.ln_final.weight": (8,), **VAE,
}  # fmt: skip


def of(tmp_path: Path, shapes: Shapes, metadata: Mapping[str, str] | None = None) -> Found:
    file = tmp_path / "model.safetensors"
    write_safetensors(file, shapes, metadata or {})
    return detect(file)


@pytest.mark.parametrize(
    ("shapes", "family", "version"),
    [
        (SD1, "sd1", ""),
        (SD2, "sd2", ""),
        (XL, "sdxl", ""),
        ({**SD1, f"{UNET}input_blocks.1.1.{TO_TEXT}": (8, 64)}, "sd1", ""),  # narrow, as the one that ships
        ({f"{UNET}joint_blocks.0.context_block.attn.qkv.weight": (8, 8)}, "sd3", ""),
        ({f"{UNET}joint_blocks.0.context_block.attn.ln_k.weight": (8,)}, "sd3", "3.5 large"),
        ({f"{UNET}joint_blocks.0.context_block.attn.qkv.weight": (8, 8),
          f"{UNET}joint_blocks.0.x_block.attn2.ln_k.weight": (8,)}, "sd3", "3.5 medium"),
        ({"double_blocks.0.img_attn.qkv.weight": (8, 8), "time_in.in_layer.weight": (8, 8),
          "guidance_in.in_layer.bias": (8,)}, "flux", "dev"),
        ({f"{UNET}double_blocks.0.img_attn.qkv.weight": (8, 8), f"{UNET}time_in.in_layer.weight": (8, 8)},
         "flux", "schnell"),
        ({"transformer_blocks.0.attn.add_k_proj.bias": (8,), "single_transformer_blocks.0.attn.to_k.bias": (8,)},
         "flux", ""),
        ({"double_blocks.0.img_attn.qkv.weight": (8, 8), "distilled_guidance_layer.in_proj.weight": (8, 8)},
         "chroma", ""),
        ({"cap_embedder.1.weight": (2304, 4), "layers.0.attention.qkv.weight": (8, 8)}, "lumina", ""),
        ({"byt5_in.fc1.weight": (8, 8), "txt_in.individual_token_refiner.blocks.0.norm1.weight": (8,),
          "double_blocks.0.img_attn_qkv.weight": (8, 8)}, "hunyuan_image", ""),
        ({"llm_adapter.blocks.0.cross_attn.q_proj.weight": (8, 8), "blocks.0.mlp.layer1.weight": (8, 8)}, "anima", ""),
        ({"net.llm_adapter.blocks.0.cross_attn.q_proj.weight": (8, 8),
          "net.blocks.0.adaln_modulation_self_attn.1.weight": (8, 8)}, "anima", ""),
    ],
)  # fmt: skip
def test_families(tmp_path: Path, shapes: Shapes, family: str, version: str) -> None:
    found = of(tmp_path, shapes)
    assert found.fault is None
    assert found.family is not None
    assert (found.family.name, found.version, found.prediction) == (family, version, "")


@pytest.mark.parametrize(
    ("shapes", "title"),
    [
        ({"cap_embedder.1.weight": (3840, 4), "layers.0.attention.qkv.weight": (8, 8)}, "Z-Image"),
        ({"double_blocks.0.img_attn.qkv.weight": (8, 8), "double_stream_modulation_img.lin.weight": (8, 8)}, "FLUX.2"),
        ({"transformer_blocks.0.img_mod.1.weight": (8, 8), "txt_norm.weight": (8,)}, "Qwen-Image"),
        ({f"{UNET}transformer_blocks.0.attn.to_q.weight": (8, 8), f"{UNET}txt_norm.weight": (8,)}, "Qwen-Image"),
        ({"txtfusion.projector.weight": (8, 8), "blocks.0.attn.wq.weight": (8, 8)}, "Krea 2"),
        ({"blocks.0.cross_attn.norm_k.weight": (8,), "head.modulation": (1, 2, 8)}, "Wan"),
        ({"double_stream_blocks.0.block.attn1.to_q.weight": (8, 8)}, "HiDream"),
        ({"add_embedding.linear_1.weight": (8, 5632), "encoder_hid_proj.weight": (8, 4096)}, "Kolors"),
        ({"adaln_single.emb.timestep_embedder.linear_1.bias": (8,), "pos_embed.proj.weight": (8, 4, 2, 2),
          "scale_shift_table": (2, 8)}, "PixArt"),
        ({"adaln_single.emb.timestep_embedder.linear_1.bias": (8,), "patchify_proj.weight": (8, 8)}, "LTX-Video"),
        ({"clip_txt_mapper.weight": (8, 8), "clf.1.weight": (8, 8)}, "Stable Cascade"),
        ({"double_blocks.0.img_attn_qkv.weight": (8, 8), "txt_in.individual_token_refiner.blocks.0.norm1.weight": (8,)},
         "HunyuanVideo"),
        ({"double_layers.0.attn.w1q.weight": (8, 8)}, "AuraFlow"),
        ({"net.blocks.0.adaln_modulation_self_attn.1.weight": (8, 8)}, "Cosmos"),
        ({**XL, "edm_mean": (4,)}, "Playground"),
        ({f"{UNET}input_blocks.4.1.{TO_TEXT}": (8, 1280), "conditioner.embedders.0.model.ln_final.weight": (8,), **VAE},
         "refiner"),
        ({**XL, f"{UNET}input_blocks.7.1.transformer_blocks.3.norm1.weight": (8,)}, "SSD-1B"),
    ],
)  # fmt: skip
def test_families_that_others_train(tmp_path: Path, shapes: Shapes, title: str) -> None:
    fault = of(tmp_path, shapes).fault
    assert fault is not None
    assert fault.kind == "not-trained"
    assert title in fault.what
    assert "can train it" in fault.instead


@pytest.mark.parametrize(
    ("shapes", "what"),
    [
        ({"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (8, 8)}, "a LoRA"),
        ({"double_blocks.0.img_attn.qkv.lora_A.weight": (8, 8)}, "a LoRA"),
        ({"transformer.blocks.0.self_attn.q.lora_B.default.weight": (8, 8)}, "a LoRA"),
        ({"lycoris_blocks_0.hada_w1_a": (8, 8)}, "a LoRA or LyCORIS"),
        ({"lora_unet_x.lokr_w1": (8, 8)}, "a LoRA or LyCORIS"),
        ({f"control_model.input_blocks.1.1.{TO_TEXT}": (8, 768)}, "a ControlNet"),
        ({"controlnet_cond_embedding.conv_in.weight": (8, 3, 3, 3), f"down_blocks.0.attentions.0.{TO_TEXT}": (8, 768)},
         "a ControlNet"),
        ({"emb_params": (4, 768)}, "an embedding"),
        ({"clip_l": (4, 768), "clip_g": (4, 1280)}, "an embedding"),
        ({"decoder.conv_in.weight": (8, 4, 3, 3), "encoder.conv_in.weight": (8, 3, 3, 3)}, "a VAE"),
        (VAE, "a VAE"),
        ({"conv_first.weight": (8, 3, 3, 3), "body.0.rdb1.conv1.weight": (8, 8, 3, 3)}, "an upscaler"),
        ({"text_model.encoder.layers.0.mlp.fc1.weight": (8, 8)}, "a text encoder"),
        ({"encoder.block.0.layer.0.SelfAttention.q.weight": (8, 8), "shared.weight": (8, 8)}, "a text encoder"),
        ({"model.layers.0.self_attn.q_proj.weight": (8, 8)}, "a text encoder"),
        ({f"{UNET}input_blocks.4.1.{TO_TEXT}": (8, 2048), f"{UNET}label_emb.0.0.weight": (2, 2816)}, "a UNet alone"),
        ({f"down_blocks.1.attentions.0.{TO_TEXT}": (8, 2048), "add_embedding.linear_1.weight": (8, 2816)},
         "a UNet alone"),
        ({name: shape for name, shape in SD1.items() if name != SD1_TEXT}, "without its text encoder"),
        ({**SD1, f"{UNET}input_blocks.0.0.weight": (8, 9, 3, 3)}, "an inpainting model"),
        ({**XL, f"{UNET}input_blocks.0.0.weight": (8, 8, 3, 3)}, "edits pictures"),
        ({**SD2, f"{UNET}input_blocks.0.0.weight": (8, 5, 3, 3)}, "sees depth"),
        ({"double_blocks.0.img_attn.qkv.weight": (8, 8), "img_in.weight": (8, 384)}, "FLUX.1 Fill"),
        ({"double_blocks.0.img_attn.qkv.weight": (8, 1),
          "double_blocks.0.img_attn.qkv.weight.quant_state.bitsandbytes__nf4": (8,)}, "NF4"),
        ({"double_blocks.0.img_attn.qkv.weight": (8, 8), "double_blocks.0.img_attn.qkv.weight_scale": (1,)},
         "scaled fp8"),
        ({"joint_blocks.0.context_block.attn.qkv.weight": (8, 8)}, "names that sd-scripts doesn't read"),
        ({f"{UNET}llm_adapter.blocks.0.cross_attn.q_proj.weight": (8, 8)}, "names that sd-scripts doesn't read"),
        ({"transformer_blocks.0.attn.to_qkv.qweight": (8, 8), "transformer_blocks.0.attn.to_qkv.wscales": (8,)},
         "SVDQuant"),
    ],
)  # fmt: skip
def test_other_kinds_of_files(tmp_path: Path, shapes: Shapes, what: str) -> None:
    fault = of(tmp_path, shapes).fault
    assert fault is not None
    assert fault.kind == "foreign"
    assert what in fault.what
    assert fault.instead


def test_what_nobody_knows_is_said_unless_a_person_does(tmp_path: Path) -> None:
    found = of(tmp_path, {"something.else": (1,)})
    assert found.fault is not None
    assert (found.name, found.fault.kind) == ("", "unknown")
    assert told(found, "sdxl").name == "sdxl"
    assert told(found, "sdxl").fault is None
    assert told(found, "") == found


def test_a_vae_that_is_missing_is_told(tmp_path: Path) -> None:
    found = of(tmp_path, {name: shape for name, shape in SD1.items() if name not in VAE})
    assert (found.fault, [part.argument for part in found.missing]) == (None, ["vae"])
    assert told(found, "sd1") == found


def test_novelais_names_are_those_of_a_whole_model(tmp_path: Path) -> None:
    shapes = {name.replace("text_model.", ""): shape for name, shape in SD1.items()}
    found = of(tmp_path, shapes)
    assert (found.name, found.fault, found.missing) == ("sd1", None, ())


def test_what_a_model_predicts_and_says(tmp_path: Path) -> None:
    assert of(tmp_path, XL, {"modelspec.prediction_type": "v"}).prediction == "v"
    assert of(tmp_path, XL, {"modelspec.prediction_type": "epsilon"}).prediction == "epsilon"
    noob = of(tmp_path, {**XL, "v_pred": (), "ztsnr": ()})
    assert (noob.prediction, noob.zero_snr) == ("v", True)
    (tmp_path / "model.yaml").write_text('model:\n  params:\n    parameterization: "v"\n')
    assert of(tmp_path, SD1).prediction == "v"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "empty"),
        (b"\0" * 4096, "filled with zeros"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>" * 20, "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 2132625894\n", "a Git LFS pointer"),
        (b'{"error":"Invalid username or password."}', "a text"),
        (b"Entry not found", "a text"),
        (b"GGUF\3\0\0\0" + bytes(64), "a GGUF file"),
        (b"Rar!\x1a\x07\x01\x00" + bytes(64), "a RAR archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "a picture"),
        (bytes(range(1, 200)), "whose start is lost"),
    ],
)  # fmt: skip
def test_what_was_saved_under_a_models_name(tmp_path: Path, content: bytes, what: str) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(content)
    fault = detect(file).fault
    assert fault is not None
    assert what in fault.what
    # A person who names the family doesn't make it whole.
    assert (told(detect(file), "sd1").fault is None) == (fault.kind != "damaged")


@pytest.mark.parametrize("kept", [0.999, 0.5, 0.01])
def test_a_file_that_is_cut_off(tmp_path: Path, kept: float) -> None:
    data = base_model_file().read_bytes()
    file = tmp_path / "model.safetensors"
    file.write_bytes(data[: int(len(data) * kept)])
    fault = detect(file).fault
    assert fault is not None
    assert f"cut off: {file.stat().st_size:,} of" in fault.what
    assert detect(base_model_file()).fault is None


def test_a_change_of_the_file_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"")
    assert detect(file).fault is not None
    write_safetensors(file, SD1, {})
    assert detect(file).name == "sd1"


# Pickles


def tensors(shapes: Shapes) -> dict[str, torch.Tensor]:
    return OrderedDict(
        (name, torch.zeros(tuple(shape), dtype=torch.float16)) for name, shape in shapes.items()
    )


class Runs:
    """What an evil pickle does: it runs a program where it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_ckpt_is_read_by_its_head(tmp_path: Path, is_legacy: bool) -> None:
    file = tmp_path / "model.ckpt"
    content = {"epoch": 3, "state_dict": tensors(SD2), "callbacks": {}}
    torch.save(content, file, _use_new_zipfile_serialization=not is_legacy)
    found = detect(file)
    assert (found.title, found.fault) == ("Stable Diffusion 2", None)
    torch.save({"lora_unet_x.lora_up.weight": torch.zeros(2, 2)}, file)
    assert "a LoRA" in detect(file).fault.what  # type: ignore[union-attr]


@pytest.mark.parametrize("is_legacy", [False, True])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, is_legacy: bool) -> None:
    file, mark = tmp_path / "model.ckpt", tmp_path / "it was run"
    content = {"state_dict": tensors(SD1), "hook": Runs(mark)}
    torch.save(content, file, _use_new_zipfile_serialization=not is_legacy)
    fault = detect(file).fault
    assert fault is not None
    assert "would run Python code" in fault.what
    assert not mark.exists()


def test_an_ending_that_says_another_format(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    torch.save(tensors(SD1), file)
    assert "a pickle that is called .safetensors" in detect(file).fault.what  # type: ignore[union-attr]
    file.rename(tmp_path / "model.ckpt")
    assert detect(tmp_path / "model.ckpt").fault is None
    write_safetensors(tmp_path / "other.ckpt", SD1, {})
    assert "rename it to .safetensors" in detect(tmp_path / "other.ckpt").fault.instead  # type: ignore[union-attr]
    torch.save(tensors({"double_blocks.0.img_attn.qkv.weight": (8, 8)}), tmp_path / "flux.pt")
    assert "from a safetensors file" in detect(tmp_path / "flux.pt").fault.what  # type: ignore[union-attr]


def test_other_pickles(tmp_path: Path) -> None:
    file = tmp_path / "thing.pt"
    parameters = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.zeros(4, 768))})
    for content, what in (
        ({"string_to_token": {"*": 265}, "string_to_param": parameters}, "an embedding"),
        ({"params_ema": {"conv_first.weight": torch.zeros(8, 3, 3, 3)}}, "an upscaler"),
        (
            {768: ({"linear.weight": torch.zeros(8, 8)}, {"linear.weight": torch.zeros(8, 8)})},
            "a hypernetwork",
        ),
        ({"state_dict": {"decoder.conv_in.weight": torch.zeros(8, 4, 3, 3)}}, "a VAE"),
    ):
        torch.save(content, file)
        fault = detect(file).fault
        assert fault is not None
        assert what in fault.what


def test_broken_pickles(tmp_path: Path) -> None:
    file = tmp_path / "model.ckpt"
    torch.save({"state_dict": tensors(SD1)}, file)
    data = file.read_bytes()
    bomb = pickle.PROTO + b"\2" + pickle.NONE + pickle.LONG_BINPUT + b"\xff\xff\xff\x7f" + pickle.STOP
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    for content in (
        data[:-200],
        data[: len(data) // 2],
        b"\x80\x02",
        bomb,
        (tmp_path / "other.zip").read_bytes(),
    ):
        file.write_bytes(content)
        fault = detect(file).fault
        assert fault is not None
        assert fault.kind == "damaged"


# Diffusers' folders


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diffusers") / "model"
    convert(base_model_file(), folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """A copy by links, of which a file may be taken away or written anew."""
    for file in whole.rglob("*"):
        if file.is_file():
            target = tmp_path / "model" / file.relative_to(whole)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(file)
    return tmp_path / "model"


def test_a_whole_folder(folder: Path) -> None:
    found = detect(folder)
    assert (found.title, found.fault, found.variant, found.prediction) == (
        "Stable Diffusion 1",
        None,
        "",
        "epsilon",
    )
    assert [file.parent.name for file in found.files] == ["unet", "text_encoder"]


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        (("tokenizer/vocab.json", "tokenizer/merges.txt"), "tokenizer has no vocabulary"),
        (("tokenizer/merges.txt",), "tokenizer has no vocabulary"),
        (("unet/diffusion_pytorch_model.safetensors",), "its part unet holds no weights"),
        (("vae/diffusion_pytorch_model.safetensors",), "its part vae holds no weights"),
        (("text_encoder/model.safetensors",), "text_encoder holds no weights"),
        (("unet/config.json",), "unet has no config.json"),
        (("scheduler/scheduler_config.json",), "scheduler has no scheduler_config.json"),
    ],
)
def test_what_is_missing_in_a_folder(folder: Path, gone: tuple[str, ...], what: str) -> None:
    for name in gone:
        (folder / name).unlink()
    fault = detect(folder).fault
    assert fault is not None
    assert fault.kind == "damaged"
    assert what in fault.what


def test_files_of_a_folder_that_are_pointers_or_say_too_little(folder: Path) -> None:
    def rewritten(name: str, text: str) -> str:
        (folder / name).unlink()
        (folder / name).write_text(text)
        fault = detect(folder).fault
        return fault.what if fault else ""

    config = json.loads((folder / "text_encoder/config.json").read_text())
    less = {name: value for name, value in config.items() if name != "num_attention_heads"}
    assert "doesn't say num_attention_heads" in rewritten("text_encoder/config.json", json.dumps(less))
    assert rewritten("text_encoder/config.json", json.dumps(config)) == ""
    assert "no vocabulary" in rewritten(
        "tokenizer/vocab.json", "version https://git-lfs.github.com/spec/v1\n"
    )
    assert "is a Git LFS pointer" in rewritten(
        "unet/diffusion_pytorch_model.safetensors", "version https://git-lfs.github.com/spec/v1\n"
    )


def test_variants_and_shards(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    variant = weights.rename(weights.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert (detect(folder).variant, detect(folder).fault) == ("fp16", None)
    variant.rename(weights.with_name("diffusion_pytorch_model-00001-of-00002.safetensors"))
    fault = detect(folder).fault
    assert fault is not None
    assert "1 of 2 files of unet are missing" in fault.what
    write_safetensors(
        weights.with_name("diffusion_pytorch_model-00002-of-00002.safetensors"), {"x": (1,)}, {}
    )
    assert detect(folder).fault is None


def test_velocity_in_a_folder(folder: Path) -> None:
    file = folder / "scheduler" / "scheduler_config.json"
    config = json.loads(file.read_text())
    file.unlink()
    file.write_text(json.dumps({**config, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True}))
    assert (detect(folder).prediction, detect(folder).zero_snr) == ("v", True)


def test_an_sdxl_folder_needs_both_text_encoders(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.unlink()
    block = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    write_safetensors(weights, {block: (8, 2048), "add_embedding.linear_1.weight": (8, 2816)}, {})
    assert detect(folder).name == "sdxl"
    assert "its part text_encoder_2" in str(detect(folder).fault)


def test_edm_and_code_in_a_folder(folder: Path) -> None:
    schedule = folder / "scheduler" / "scheduler_config.json"
    config = json.loads(schedule.read_text())
    schedule.unlink()
    schedule.write_text(json.dumps({**config, "_class_name": "EDMDPMSolverMultistepScheduler"}))
    assert "Playground" in str(detect(folder).fault)
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    torch.save(
        {"x": torch.zeros(1), "hook": Runs(folder / "run")}, folder / "vae" / "diffusion_pytorch_model.bin"
    )
    assert "would run Python code" in str(detect(folder).fault)


def test_folders_of_other_pipelines(tmp_path: Path) -> None:
    def of_class(name: str) -> str:
        (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
        fault = detect(tmp_path).fault
        assert fault is not None
        return fault.what

    assert "Qwen-Image" in of_class("QwenImageEditPlusPipeline")
    assert "FLUX.2" in of_class("Flux2KleinPipeline")
    assert "Z-Image" in of_class("ZImagePipeline")
    assert "Wan" in of_class("WanPipeline")
    assert "diffusers' FancyNewPipeline" in of_class("FancyNewPipeline")


def test_flux_in_a_folder_is_what_sd_scripts_reads(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    transformer = tmp_path / "transformer"
    transformer.mkdir()
    (transformer / "config.json").write_text('{"_class_name": "FluxTransformer2DModel"}')
    for number in (1, 2, 3):
        assert detect(tmp_path).fault is not None
        file = transformer / f"diffusion_pytorch_model-0000{number}-of-00003.safetensors"
        write_safetensors(file, {f"transformer_blocks.{number - 1}.attn.add_k_proj.bias": (8,)}, {})
    found = detect(tmp_path)
    assert (found.name, found.fault) == ("flux", None)


def test_folders_that_are_no_model(tmp_path: Path) -> None:
    def what(path: Path) -> str:
        fault = detect(path).fault
        assert fault is not None
        return f"{fault.what}; {fault.instead}"

    assert "an empty folder" in what(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    assert "without a model" in what(tmp_path)
    write_safetensors(tmp_path / "good.safetensors", SD1, {})
    assert "choose one of its files, as good.safetensors" in what(tmp_path)


def test_part_of_a_folder(folder: Path) -> None:
    fault = detect(folder / "unet").fault
    assert fault is not None
    assert "one part of a diffusers folder" in fault.what


def test_all_families_are_built_alike() -> None:
    folder = Path(registry.__file__).parent
    folders = {path.parent.name for path in folder.glob("*/family.py")}
    assert folders == {family.name for family in FAMILIES}
    assert len(folders) == len(FAMILIES)
    for family in FAMILIES:
        assert family.marks, family.name
        assert family.training.network_modules, family.name
        assert family.pictures.side % family.pictures.step == 0, family.name

    assert all(known.trainers and (known.marks or known.classes) for known in KNOWN)
