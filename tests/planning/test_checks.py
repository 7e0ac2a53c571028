"""Every check speaks up for the values that it is about, and for no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from train_tools.arguments.table import ARGUMENTS
from train_tools.families.interface import Fault, Found, Part, Prediction
from train_tools.families.registry import BY_NAME, family_named
from train_tools.planning.checks import CHECKS, Facts, check_run
from train_tools.planning.findings import Finding, Findings
from train_tools.planning.images import Dataset, DatasetImage

FINE = {name: argument.default for name, argument in ARGUMENTS.items()}


def facts(
    steps: int = 1000,
    images: int = 20,
    base: str = "sd1",
    prediction: Prediction = "",
    zero_snr: bool = False,
    fault: Fault | None = None,
    missing: tuple[Part, ...] = (),
    **values: Any,
) -> Facts:
    pictures = tuple(DatasetImage(Path(f"{i}.png"), (512, 512), 1) for i in range(images))
    found = Found(
        family_named(base) if base else None,
        prediction=prediction,
        zero_snr=zero_snr,
        fault=fault,
        missing=missing,
    )
    return Facts({**FINE, **values}, steps, Dataset(pictures, ""), found)


def found(run: Facts) -> list[Finding]:
    findings = Findings()
    check_run(run, findings)
    return list(findings.all())


VAE = Part("VAE", (), "vae")
LYCORIS = {"network_module": "lycoris.kohya"}
DYLORA = {"network_module": "networks.dylora"}
PRODIGY = {"optimizer_type": "Prodigy", "learning_rate": 1.0, "optimizer_args": ["decouple=True"]}
# Check -> what it must speak up for, and what is next to that and must pass in silence.
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("alpha-above-dim", {"network_dim": 8, "network_alpha": 9}, {"network_dim": 8, "network_alpha": 8}),
    ("adaptive-learning-rate", {**PRODIGY, "learning_rate": 1e-4}, PRODIGY),
    ("adaptive-learning-rate", {**PRODIGY, "text_encoder_lr": 1e-5}, {**PRODIGY, "text_encoder_lr": 0.5}),
    ("fixed-learning-rate", {"learning_rate": 1.0}, {"optimizer_type": "Adafactor", "learning_rate": 1.0,
                                                    "optimizer_args": ["relative_step=False"]}),
    ("adaptive-arguments", {**PRODIGY, "optimizer_args": None}, PRODIGY),
    ("masked-without-masks", {"masked_loss": True}, {"masked_loss": True, "alpha_mask": True}),
    ("prodigy-warmup", {**PRODIGY, "lr_warmup_steps": 10},
     {**PRODIGY, "lr_warmup_steps": 10, "optimizer_args": ["decouple=True", "safeguard_warmup=True"]}),
    ("prodigy-full-fp16", {**PRODIGY, "full_fp16": True}, {**PRODIGY, "full_bf16": True}),
    ("dadapt-min-snr", {**PRODIGY, "optimizer_type": "DAdaptAdam"},
     {**PRODIGY, "optimizer_type": "DAdaptAdam", "min_snr_gamma": 0.0}),
    ("adafactor-rates", {"optimizer_type": "Adafactor"},
     {"optimizer_type": "Adafactor", "optimizer_args": ["relative_step=False"]}),
    ("lion-learning-rate", {"optimizer_type": "Lion", "learning_rate": 1e-3},
     {"optimizer_type": "Lion", "learning_rate": 1e-4}),
    ("warmup-too-long", {"lr_warmup_steps": 501}, {"lr_warmup_steps": 500}),
    ("warmup-too-long", {"lr_warmup_steps": 0.6}, {"lr_warmup_steps": 0.1}),
    ("sdxl-fp16-vae", {"base": "sdxl", "mixed_precision": "fp16"},
     {"base": "sdxl", "mixed_precision": "fp16", "vae": __file__}),
    ("base-model", {"fault": Fault("foreign", "a LoRA", "choose a base model")}, {}),
    ("base-parts", {"missing": (VAE,)}, {"missing": (VAE,), "vae": __file__}),
    ("encoders-inside", {"base": "sd3"}, {"base": "sd3", "missing": BY_NAME["sd3"].parts}),
    ("encoders-inside", {"base": "sd3", "missing": BY_NAME["sd3"].parts[2:]}, {"base": "sdxl"}),
    ("further-files", {"base": "flux", "clip_l": __file__, "ae": __file__},
     {"base": "flux", "clip_l": __file__, "ae": __file__, "t5xxl": __file__}),
    ("further-files", {"base": "anima", "vae": __file__}, {"base": "sd3"}),
    ("missing-file", {"vae": "/nowhere/vae.pt"}, {"vae": __file__}),
    ("missing-file", {"base_weights": [__file__, "/nowhere/x.safetensors"]}, {"base_weights": [__file__]}),
    ("missing-file", {"sample_prompts": "/nowhere/prompts.txt"}, {"console_log_file": "/nowhere/new.log"}),
    ("other-file", {"vae": __file__}, {"vae": "/nowhere/vae.pt"}),
    ("family-flag", {"base": "sd2"}, {"base": "sd2", "v2": True}),
    ("family-flag", {"v2": True}, {"base": "", "v2": True}),
    ("velocity-flag", {"prediction": "v"}, {"prediction": "v", "v_parameterization": True}),
    ("noise-flag", {"prediction": "epsilon", "v_parameterization": True}, {"prediction": "epsilon"}),
    ("velocity-unsaid", {"v_parameterization": True}, {"prediction": "v", "v_parameterization": True}),
    ("velocity-of-v2", {"base": "sd2", "v2": True}, {"base": "sd2", "v2": True, "prediction": "epsilon"}),
    ("zero-snr-flag", {"zero_snr": True}, {"zero_snr": True, "zero_terminal_snr": True}),
    ("words", {"network_args": ["null"]}, {"network_args": ["conv_dim=4"]}),
    ("words", {"optimizer_args": ["weight_decay"]}, {"optimizer_args": ["weight_decay=0.1", "betas=0.9,0.99"]}),
    ("words", {"optimizer_args": ["weight_decay=0.1,"]}, {"optimizer_args": ["betas=(0.9, 0.99)"]}),
    ("words", {"optimizer_args": ["weight_decay=0.1,betas=0.9"]}, {"network_args": ["block_dims=" + "4," * 24 + "4"]}),
    ("words", {"optimizer_args": ["decouple=true"]}, {"optimizer_args": ["decouple=True"]}),
    ("words", {"lr_scheduler_args": ["T_max="]}, {"lr_scheduler_args": ["T_max=100"]}),
    ("network-words", {"network_args": ["conv_dim=four"]}, {"network_args": ["conv_dim=4", "conv_alpha=0.5"]}),
    ("network-words", {"network_args": ["block_dims=4,4,4"]}, {"network_args": ["down_lr_weight=sine+.2"]}),
    ("network-words-unread", {"network_args": ["conv_dims=4"]}, {"network_args": ["rank_dropout=0.1"]}),
    ("algorithm", {**LYCORIS, "network_args": ["algo=lokrr"]}, {**LYCORIS, "network_args": ["algo=LoKr"]}),
    ("lycoris-preset", {**LYCORIS, "network_args": ["preset=all"]}, {**LYCORIS, "network_args": ["preset=attn-mlp"]}),
    ("lycoris-preset", {**LYCORIS, "network_args": ["preset=all"]}, {**LYCORIS, "network_args": ["preset=unet-only"]}),
    ("lycoris-finds-nothing", {**LYCORIS, "base": "anima"}, {**LYCORIS, "base": "flux"}),
    ("lycoris-finds-nothing", {**LYCORIS, "base": "lumina", "network_args": ["preset=attn-mlp"]},
     {**LYCORIS, "base": "lumina", "network_args": [f"preset={__file__}"]}),
    ("lycoris-finds-nothing", {**LYCORIS, "base": "flux", "network_args": ["preset=unet-convblock-only"]},
     {**LYCORIS, "base": "sdxl", "network_args": ["preset=unet-convblock-only"]}),
    ("lycoris-finds-nothing",
     {**LYCORIS, "base": "sd3", "network_args": ["preset=attn-only"], "network_train_unet_only": True},
     {**LYCORIS, "base": "sd3", "network_args": ["preset=attn-only"]}),
    ("lycoris-finds-nothing", {**LYCORIS, "base": "hunyuan_image", "network_args": ["preset=attn-only"]},
     {**LYCORIS, "base": "hunyuan_image", "network_args": ["preset=attn-mlp"]}),
    ("dylora-of-two-texts", {**DYLORA, "base": "sdxl"}, {**DYLORA, "base": "sdxl", "network_train_unet_only": True}),
    ("dylora-of-two-texts", {**DYLORA, "base": "sdxl"}, {**DYLORA, "base": "sd2"}),
    ("words-of-lycoris", {"network_args": ["algo=loha"]}, {**LYCORIS, "network_args": ["algo=loha"]}),
    ("rates-differ", {**PRODIGY, "text_encoder_lr": 0.5},
     {**PRODIGY, "text_encoder_lr": 0.5, "network_train_unet_only": True}),
    ("rates-differ", {**PRODIGY, "optimizer_type": "DAdaptAdam", "network_args": ["loraplus_lr_ratio=4"]},
     {"network_args": ["loraplus_lr_ratio=4"]}),
    ("rates-differ", {**PRODIGY, "network_args": ["mid_lr_weight=0.5"]}, {**PRODIGY, "text_encoder_lr": 0.0}),
    ("rates-differ", {**PRODIGY, "optimizer_type": "prodigyopt.Prodigy", "unet_lr": 0.5},
     {**PRODIGY, "optimizer_type": "prodigyplus.ProdigyPlusScheduleFree", "unet_lr": 0.5}),
    ("nothing-learns", {"learning_rate": 0.0}, {"learning_rate": 0.0, "unet_lr": 1e-4}),
    ("part-without-rate", {"learning_rate": 0.0, "unet_lr": 1e-4},
     {"learning_rate": 0.0, "unet_lr": 1e-4, "network_train_unet_only": True}),
    ("alpha-zero", {"network_alpha": 0.0}, {"network_alpha": 1.0}),
    ("sizes-alike", {"resolution": "512,512+768,768", "bucket_no_upscale": True}, {"resolution": "512,512+768,768"}),
    ("clip-skip-ignored", {"base": "sdxl", "clip_skip": 2}, {"clip_skip": 2}),
    ("few-steps", {"steps": 399, "train_batch_size": 2}, {"steps": 400, "train_batch_size": 2}),
    ("few-images", {"images": 9}, {"images": 10}),
    ("large-rank", {"network_dim": 129}, {"network_dim": 128}),
    ("large-rank", {"base": "sdxl", "network_dim": 33}, {"base": "sdxl", "network_dim": 32}),
    ("batch-above-bucket", {"train_batch_size": 21}, {"train_batch_size": 20}),
    ("large-noise-offset", {"noise_offset": 0.2}, {"noise_offset": 0.1}),
    ("min-snr-low", {"min_snr_gamma": 0.5}, {"min_snr_gamma": 0.0}),
    ("loha-rank", {"network_args": ["algo=loha"], "network_dim": 64, "network_alpha": 1.0},
     {"network_args": ["algo=locon"], "network_dim": 64}),
    ("face-range", {"face_crop_aug_range": "4,2"}, {"face_crop_aug_range": "2,4"}),
    ("lokr-needs-care", {"network_args": ["algo=lokr", "factor=4"]}, {"network_args": None}),
]  # fmt: skip


@pytest.mark.parametrize(("identity", "odd", "fine"), CASES)
def test_each_check(identity: str, odd: dict[str, Any], fine: dict[str, Any]) -> None:
    said = next((f for f in found(facts(**odd)) if f.id == identity), None)
    assert said is not None
    assert said.sentence
    assert said.fix
    assert said.source
    assert said.runs == 1
    assert identity not in [f.id for f in found(facts(**fine))]


def test_no_check_is_left_out() -> None:
    assert {check.id for check in CHECKS} == {identity for identity, _, _ in CASES}
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_the_defaults_are_never_odd() -> None:
    assert found(facts()) == []


def test_what_many_runs_share_is_said_once_warnings_first() -> None:
    findings = Findings()
    for dim in (4, 4, 129):
        check_run(facts(images=9, network_dim=dim, network_alpha=float(dim + 1)), findings)
    told = [(f.id, f.runs) for f in findings.all()]
    assert told == [("alpha-above-dim", 2), ("alpha-above-dim", 1), ("few-images", 3), ("large-rank", 1)]
