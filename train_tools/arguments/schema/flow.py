"""Rows: how the flow-matching families (SD3, FLUX.1 and later) draw and weigh their noise levels."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, row
from train_tools.families.registry import FLOWS, FLUXES

SAMPLINGS = ("sigma", "uniform", "sigmoid", "shift", "flux_shift")
WITH_SAMPLING = tuple(name for name in FLOWS if name != "sd3")
PREDICTING = (*FLUXES, "lumina", "hunyuan_image")

ROWS: tuple[Argument, ...] = (
    row("timestep_sampling", "str", "sigmoid",
        "How noise levels are drawn: shift suits FLUX.1, sigmoid Chroma.",
        "时间步的抽样方式:FLUX.1 常用 shift,Chroma 常用 sigmoid。", short="ts", families=WITH_SAMPLING,
        choices=(*SAMPLINGS, "nextdit_shift"),
        family_choices={name: SAMPLINGS for name in WITH_SAMPLING if name != "lumina"}
        | {"lumina": (*SAMPLINGS[:4], "nextdit_shift", "flux_shift")},
        sd_defaults={"flux": "sigma", "chroma": "sigma", "hunyuan_image": "sigma", "lumina": "shift"}),
    row("discrete_flow_shift", "float", 1.0,
        "How far noise levels are moved towards much noise; not read with sigmoid and uniform.",
        "将时间步移向强噪声的程度;sigmoid 与 uniform 时无效。", minimum=0, short="shift", families=WITH_SAMPLING,
        sd_defaults={"flux": 3.0, "chroma": 3.0, "hunyuan_image": 5.0, "lumina": 6.0}),
    row("sigmoid_scale", "float", 1.0,
        "Spread of the noise levels that sigmoid draws; larger reaches the ends more often.",
        "sigmoid 抽样的宽度;越大越常取到两端。", minimum=0, short="sigs", families=WITH_SAMPLING),
    row("training_shift", "float", 1.0,
        "How far SD3's noise levels are moved towards much noise.", "SD3 时间步移向强噪声的程度。", minimum=0,
        short="tshift", families=("sd3",)),
    row("model_prediction_type", "str", "sigma_scaled",
        "How the model's output is read; raw is usual.", "模型输出的解释方式;常用 raw。", short="mpt",
        choices=("raw", "additive", "sigma_scaled"), families=PREDICTING,
        sd_defaults={"hunyuan_image": "raw", "lumina": "raw"}),
    row("weighting_scheme", "str", "uniform",
        "How noise levels are weighed; in SD3 and with timestep_sampling sigma also how they are drawn.",
        "时间步的加权方式;SD3 及 timestep_sampling 为 sigma 时也决定抽样。", short="ws", families=FLOWS,
        choices=("sigma_sqrt", "logit_normal", "mode", "cosmap", "none", "uniform")),
    row("logit_mean", "float", 0.0,
        "Mean of weighting_scheme logit_normal.", "weighting_scheme 为 logit_normal 时的均值。", families=FLOWS,
        importance="expert"),
    row("logit_std", "float", 1.0,
        "Spread of weighting_scheme logit_normal.", "weighting_scheme 为 logit_normal 时的标准差。", minimum=0,
        families=FLOWS, importance="expert"),
    row("mode_scale", "float", 1.29,
        "Scale of weighting_scheme mode.", "weighting_scheme 为 mode 时的系数。", families=FLOWS,
        importance="expert"),
)  # fmt: skip
