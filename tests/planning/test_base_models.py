"""Plans on base models as people have them: what can't be trained is refused before anything is queued."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from execution.fake_engine import base_file, make_version, settings, write_safetensors
from safetensors.torch import load_file, save_file

from train_tools.base_model.convert import convert
from train_tools.errors import UsageError
from train_tools.execution.train import refuse_impossible
from train_tools.planning.findings import Finding
from train_tools.planning.plan import Plan, make_plan
from train_tools.small_models import base_model_file
from train_tools.workspace.workspace import Version

UNET = "model.diffusion_model."
XL = {
    f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (8, 2048),
    "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight": (8,),
    "conditioner.embedders.1.model.ln_final.weight": (8,),
    "first_stage_model.decoder.conv_in.weight": (4, 4, 3, 3),
}


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return make_version(tmp_path)


def plan_on(version: Version, base: Path, **changes: str) -> Plan:
    model = {"pretrained_model_name_or_path": str(base), "min_bucket_reso": "64", "bucket_reso_steps": "64"}
    return make_plan(version, settings(version.root, **{**model, **changes}))


def errors(plan: Plan) -> list[Finding]:
    return [finding for finding in plan.findings if finding.severity == "error"]


def header(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Path:
    write_safetensors(path, shapes, {})
    return path


@pytest.mark.parametrize(
    ("content", "sentence", "fix"),
    [
        (b"", "is empty", "download it again"),
        (b"<!doctype html><html>login</html>", "is a web page", "log in"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\n",
            "is a Git LFS pointer",
            "git lfs pull",
        ),
        (b"GGUF\3\0\0\0" + bytes(64), "is a GGUF file", "safetensors file in fp16"),
    ],
)
def test_files_that_hold_no_model(version: Version, content: bytes, sentence: str, fix: str) -> None:
    base = version.root / "mine.safetensors"
    base.write_bytes(content)
    plan = plan_on(version, base)
    (error,) = errors(plan)
    assert f"the base model mine {sentence}" in error.sentence
    assert fix in error.fix
    assert plan.runs_to_train == []
    with pytest.raises(UsageError, match="1 of 1 runs can't be trained"):
        refuse_impossible(plan)


@pytest.mark.parametrize(
    ("shapes", "sentence", "fix"),
    [
        ({"lora_unet_x.lora_up.weight": (8, 8)}, "is a LoRA or LyCORIS, not a base model", "network_weights"),
        ({"cap_embedder.1.weight": (3840, 4)}, "family Z-Image, which isn't trained here", "musubi-tuner"),
        ({"something.else": (1,)}, "is of no family that is known here", "the setting family"),
        ({name: shape for name, shape in XL.items() if not name.startswith(("conditioner", "first"))},
         "is a UNet alone", "whole checkpoint"),
    ],
)  # fmt: skip
def test_models_that_arent_trained_here(
    version: Version, shapes: Mapping[str, tuple[int, ...]], sentence: str, fix: str
) -> None:
    plan = plan_on(version, header(version.root / "mine.safetensors", shapes))
    (error,) = errors(plan)
    assert sentence in error.sentence
    assert fix in error.fix
    assert plan.runs_to_train == []
    assert "size-guessed" not in [finding.id for finding in plan.findings]


def test_a_person_may_say_the_family(version: Version) -> None:
    base = header(version.root / "mine.safetensors", {"something.else": (1,)})
    plan = plan_on(version, base, family="sd1")
    assert errors(plan) == []
    (run,) = plan.runs_to_train
    assert (run.engine, run.arguments["family"]) == ("packed", "sd1")
    # A file that says what it is needs no word, and stays the run that it was.
    (own,) = plan_on(version, base_file(version.root), family="sd1").runs
    assert "family" not in own.arguments
    assert own.digest == plan_on(version, base_file(version.root)).runs[0].digest
    with pytest.raises(UsageError, match="there is no family 'sd4'"):
        plan_on(version, base, family="sd4")


def test_a_model_without_vae(version: Version) -> None:
    tensors = load_file(base_model_file())
    base, vae = version.root / "novae.safetensors", version.root / "vae.safetensors"
    save_file({n: t for n, t in tensors.items() if not n.startswith("first_stage_model.")}, base)
    save_file(
        {
            n.removeprefix("first_stage_model."): t
            for n, t in tensors.items()
            if n.startswith("first_stage_model.")
        },
        vae,
    )
    plan = plan_on(version, base)
    (error,) = errors(plan)
    assert error.sentence == "the base model novae has no VAE"
    assert "set vae to that file" in error.fix
    with pytest.raises(UsageError, match="has no VAE"):
        refuse_impossible(plan)
    given = plan_on(version, base, vae=str(vae))
    assert errors(given) == []
    assert [run.engine for run in given.runs_to_train] == ["packed"]
    # sd-scripts builds the VAE from the checkpoint before it looks at --vae.
    (other,) = plan_on(version, base, vae=str(vae), engine="sd-scripts").runs
    assert any("even where vae is given" in reason for reason in other.reasons)


def test_further_files_that_a_family_needs(version: Version) -> None:
    flux = {"double_blocks.0.img_attn.qkv.weight": (8, 8), "time_in.in_layer.weight": (8, 8)}
    plan = plan_on(version, header(version.root / "flux.safetensors", flux), mixed_precision="bf16")
    needed = {error.sentence.partition(",")[0]: error.fix for error in errors(plan)}
    assert set(needed) == {"FLUX.1 needs clip_l", "FLUX.1 needs t5xxl", "FLUX.1 needs ae"}
    assert "t5xxl_fp16.safetensors" in needed["FLUX.1 needs t5xxl"]
    assert "models/text_encoders" in needed["FLUX.1 needs t5xxl"]


@pytest.mark.parametrize(
    "name", ["vae", "network_weights", "base_weights", "conditioning_data_dir", "sample_prompts"]
)
def test_files_that_arent_there(version: Version, name: str) -> None:
    plan = plan_on(version, base_file(version.root), **{name: str(version.root / "gone.safetensors")})
    assert any(f"{name}: there is no" in error.sentence for error in errors(plan))


def test_files_that_are_something_else(version: Version) -> None:
    lora = header(version.root / "lora.safetensors", {"lora_unet_x.lora_up.weight": (8, 8)})
    base = base_file(version.root)
    said = [e.sentence for e in errors(plan_on(version, base, vae=str(lora)))]
    assert said == ["vae names lora, which is a LoRA or LyCORIS, not a base model"]
    said = [e.sentence for e in errors(plan_on(version, base, network_weights=str(base)))]
    assert said == ["network_weights names base, which is no LoRA"]
    assert errors(plan_on(version, base, network_weights=str(lora))) == []
    lora.write_bytes(lora.read_bytes()[:-4])
    (error,) = errors(plan_on(version, base, network_weights=str(lora)))
    assert "is cut off" in error.sentence


def test_velocity(version: Version) -> None:
    noob = header(version.root / "noob.safetensors", {**XL, "v_pred": (), "ztsnr": ()})
    flags = {"v_parameterization": "true", "zero_terminal_snr": "true"}
    for given in ({}, flags):  # what the file says needn't be set
        plan = plan_on(version, noob, **given)
        ids = {finding.id for finding in plan.findings}
        assert not {"velocity-flag", "zero-snr-flag", "velocity-unsaid"} & ids
        (run,) = plan.runs
        assert run.arguments["v_parameterization"] is run.arguments["zero_terminal_snr"] is True
    against = dict.fromkeys(flags, "false")
    ids = {finding.id for finding in plan_on(version, noob, **against).findings}
    assert {"velocity-flag", "zero-snr-flag"} <= ids
    write_safetensors(noob, XL, {"modelspec.prediction_type": "epsilon"})
    assert "noise-flag" in {finding.id for finding in plan_on(version, noob, **flags).findings}


def test_a_folder_with_variants_is_trained_by_packed_alone(version: Version) -> None:
    folder = version.root / "model"
    convert(base_model_file(), folder)
    for file in folder.glob("*/*.safetensors"):
        file.rename(file.with_name(file.name.replace(".safetensors", ".fp16.safetensors")))
    plan = plan_on(version, folder)
    assert [run.engine for run in plan.runs_to_train] == ["packed"]
    assert "size-guessed" not in [finding.id for finding in plan.findings]
    (run,) = plan_on(version, folder, engine="sd-scripts").runs
    assert any("holds only fp16 files" in reason for reason in run.reasons)
    (folder / "tokenizer" / "vocab.json").unlink()
    (error,) = errors(plan_on(version, folder))
    assert "tokenizer has no vocabulary" in error.sentence
