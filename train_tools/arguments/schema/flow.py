"""Rows: how the flow-matching families (SD3, FLUX.1 and later) draw and weigh their noise levels."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, row
from train_tools.families.registry import FLOWS, FLUXES

SAMPLINGS = ("sigma", "uniform", "sigmoid", "shift", "flux_shift")
WITH_SAMPLING = tuple(name for name in FLOWS if name != "sd3")
PREDICTING = (*FLUXES, "lumina", "hunyuan_image")

ROWS: tuple[Argument, ...] = (
    row("timestep_sampling", "str", "sigmoid", short="ts", families=WITH_SAMPLING,
        choices=(*SAMPLINGS, "nextdit_shift"),
        family_choices={name: SAMPLINGS for name in WITH_SAMPLING if name != "lumina"}
        | {"lumina": (*SAMPLINGS[:4], "nextdit_shift", "flux_shift")},
        sd_defaults={"flux": "sigma", "chroma": "sigma", "hunyuan_image": "sigma", "lumina": "shift"}),
    row("discrete_flow_shift", "float", 1.0, minimum=0, short="shift", families=WITH_SAMPLING,
        sd_defaults={"flux": 3.0, "chroma": 3.0, "hunyuan_image": 5.0, "lumina": 6.0}),
    row("sigmoid_scale", "float", 1.0, minimum=0, short="sigs", families=WITH_SAMPLING),
    row("training_shift", "float", 1.0, minimum=0, short="tshift", families=("sd3",)),
    row("model_prediction_type", "str", "sigma_scaled", short="mpt",
        choices=("raw", "additive", "sigma_scaled"), families=PREDICTING,
        sd_defaults={"hunyuan_image": "raw", "lumina": "raw"}),
    row("weighting_scheme", "str", "uniform", short="ws", families=FLOWS,
        choices=("sigma_sqrt", "logit_normal", "mode", "cosmap", "none", "uniform")),
    row("logit_mean", "float", 0.0, families=FLOWS, importance="expert"),
    row("logit_std", "float", 1.0, minimum=0, families=FLOWS, importance="expert"),
    row("mode_scale", "float", 1.29, families=FLOWS, importance="expert"),
)  # fmt: skip
