"""Rows: how the error is measured, which noise is added, and what is held back to validate."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, depends, flag, row
from train_tools.families.registry import FLOWS, UNETS

HUBER = depends("loss_type", "huber", "smooth_l1", is_fatal=False, because="the other losses don't read it")

ROWS: tuple[Argument, ...] = (
    row("min_snr_gamma", "float", None, ours=5, reason="learns faster and more evenly over the noise levels",
        minimum=0, short="snr", acts_in=UNETS),
    row("noise_offset", "float", None, minimum=0, maximum=1, short="no", acts_in=UNETS,
        excludes=depends("multires_noise_iterations", is_fatal=False,
            because="both change the noise's low frequencies; choose one")),
    flag("noise_offset_random_strength", short="nors", acts_in=UNETS,
        needs=depends("noise_offset", is_fatal=False, because="it says how far the offset goes")),
    row("adaptive_noise_scale", "float", None, short="ans", importance="expert", acts_in=UNETS,
        needs=depends("noise_offset", because="it is added to that")),
    row("multires_noise_iterations", "int", None, minimum=0, short="mni", importance="expert", acts_in=UNETS),
    row("multires_noise_discount", "float", 0.3, minimum=0, maximum=1, short="mnd", importance="expert",
        acts_in=UNETS,
        needs=depends("multires_noise_iterations", is_fatal=False, because="there are no levels without it")),
    row("ip_noise_gamma", "float", None, minimum=0, short="ip", importance="expert"),
    flag("ip_noise_gamma_random_strength", short="iprs", importance="expert",
        needs=depends("ip_noise_gamma", is_fatal=False, because="it says how strong the noise gets")),
    flag("debiased_estimation_loss", short="deb", acts_in=UNETS),
    flag("zero_terminal_snr", short="ztsnr", acts_in=UNETS,
        needs=depends("v_parameterization", is_fatal=False,
            because="a model that predicts noise learns nothing from pure noise")),
    flag("scale_v_pred_loss_like_noise_pred", short="vscale", acts_in=UNETS,
        needs=depends("v_parameterization", because="it is about models that predict velocity")),
    row("v_pred_like_loss", "float", None, minimum=0, short="vlike", importance="expert", acts_in=UNETS,
        excludes=depends("v_parameterization", because="it is about models that predict noise")),
    row("loss_type", "str", "l2", choices=("l1", "l2", "huber", "smooth_l1"), short="loss", importance="expert",
        needs=depends("huber_schedule", "constant", "exponential", when=("huber", "smooth_l1"), families=FLOWS,
            because="snr needs noise levels of another kind")),
    row("huber_schedule", "str", "snr", choices=("constant", "exponential", "snr"), short="hubs", needs=HUBER),
    row("huber_c", "float", 0.1, minimum=0, short="hubc", needs=HUBER),
    row("huber_scale", "float", 1.0, minimum=0, short="hubsc", importance="expert", needs=HUBER),
    row("prior_loss_weight", "float", 1.0, minimum=0, short="plw"),
    flag("masked_loss", short="mask"),
    row("min_timestep", "int", None, minimum=0, maximum=999, short="mint", importance="expert",
        acts_in=(*UNETS, "sd3")),
    row("max_timestep", "int", None, minimum=1, maximum=1000, short="maxt", importance="expert",
        acts_in=(*UNETS, "sd3")),
    # Validation
    row("validation_split", "float", 0.0, minimum=0, maximum=1, short="vsplit"),
    row("validation_seed", "int", None, minimum=0, importance="expert"),
    row("validate_every_n_epochs", "int", None, minimum=1, importance="expert", not_an_axis="it only measures"),
    row("validate_every_n_steps", "int", None, minimum=1, importance="expert", not_an_axis="it only measures"),
    row("max_validation_steps", "int", None, minimum=1, importance="expert", not_an_axis="it only measures"),
)  # fmt: skip
