"""Every check speaks up for the values that it is about, and for no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from train_tools.arguments.base_family import BaseFamily
from train_tools.arguments.table import ARGUMENTS
from train_tools.planning.checks import CHECKS, Facts, check_run
from train_tools.planning.findings import Finding, Findings
from train_tools.planning.images import Dataset, DatasetImage

FINE = {name: argument.default for name, argument in ARGUMENTS.items()}


def facts(
    steps: int = 1000,
    images: int = 20,
    base: str = "sd",
    is_v2: bool = False,
    velocity: bool = False,
    **values: Any,
) -> Facts:
    pictures = tuple(DatasetImage(Path(f"{i}.png"), (512, 512), 1) for i in range(images))
    return Facts({**FINE, **values}, steps, Dataset(pictures, ""), BaseFamily(base, is_v2, velocity))


def found(run: Facts) -> list[Finding]:
    findings = Findings()
    check_run(run, findings)
    return list(findings.all())


PRODIGY = {"optimizer_type": "Prodigy", "learning_rate": 1.0, "optimizer_args": ["decouple=True"]}
# Check -> what it must speak up for, and what is next to that and must pass in silence.
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("alpha-above-dim", {"network_dim": 8, "network_alpha": 9}, {"network_dim": 8, "network_alpha": 8}),
    ("adaptive-learning-rate", {**PRODIGY, "learning_rate": 1e-4}, PRODIGY),
    ("adaptive-learning-rate", {**PRODIGY, "text_encoder_lr": 1e-5}, {**PRODIGY, "text_encoder_lr": 0.5}),
    ("fixed-learning-rate", {"learning_rate": 1.0}, {"optimizer_type": "Adafactor", "learning_rate": 1.0,
                                                    "optimizer_args": ["relative_step=False"]}),
    ("adaptive-arguments", {**PRODIGY, "optimizer_args": None}, PRODIGY),
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
     {"base": "sdxl", "mixed_precision": "fp16", "vae": "fix.safetensors"}),
    ("v2-flag", {"is_v2": True}, {"is_v2": True, "v2": True}),
    ("v2-flag", {"v2": True}, {"base": "", "v2": True}),
    ("velocity-flag", {"velocity": True}, {"velocity": True, "v_parameterization": True}),
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
