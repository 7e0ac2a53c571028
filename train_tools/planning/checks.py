"""Combinations of values that train, but hardly as meant. Adding a check is adding a function with `@check`.

A function looks at one run and returns what is odd about it in a sentence, or None.
"""

from __future__ import annotations

from train_tools.arguments.dependencies import broken
from train_tools.families.registry import USUAL
from train_tools.planning import base_checks, rate_checks, word_checks
from train_tools.planning.facts import CHECKS, SD_SCRIPTS, Facts, check
from train_tools.planning.findings import Finding, Findings, Severity
from train_tools.planning.images import bucket_counts, bucket_rules

__all__ = ["CHECKS", "Facts", "check", "check_run"]

GUIDE = "the LoRA training guide, https://rentry.org/59xed3"
LION = "Chen et al. 2023, https://arxiv.org/abs/2302.06675"
MIN_SNR = "Hang et al. 2023, https://arxiv.org/abs/2303.09556"
D_ADAPTATION = "Defazio and Mishchenko 2023, https://arxiv.org/abs/2301.07733"
PRODIGY = "Mishchenko and Defazio 2023, https://arxiv.org/abs/2306.06101"
FEWEST_STEPS = 800  # below it little is learnt; about 1000 settles
LARGEST_LION_RATE = 3e-4  # a third to a tenth of AdamW's, which is rarely above 1e-3 for a LoRA
LARGEST_NOISE_OFFSET = 0.1
FEWEST_IMAGES = 10
OTHERS = (base_checks, rate_checks, word_checks)  # they add theirs to CHECKS


def check_run(facts: Facts, findings: Findings) -> None:
    """Adds what is odd about one run."""
    for one in CHECKS:
        for said in one.said(facts):
            findings.add(Finding(one.id, one.severity, said.sentence, said.fix, one.source))
    for problem in broken(facts.values, facts.base.name or USUAL.name):
        severity: Severity = "error" if problem.is_fatal else "warning"
        findings.add(Finding(f"{problem.argument}-alone", severity, problem.sentence, "", SD_SCRIPTS))


@check("alpha-above-dim", "take half the rank, at most the rank", GUIDE)
def alpha_above_dim(run: Facts) -> str | None:
    alpha, rank = run["network_alpha"], run["network_dim"]
    if alpha and rank and alpha > rank:
        return f"network_alpha {alpha:g} is above network_dim {rank}: it learns faster than its learning rate says"
    return None


@check("adaptive-learning-rate", "set learning_rate 1 and leave unet_lr and text_encoder_lr out", PRODIGY)
def adaptive_learning_rate(run: Facts) -> str | None:
    if run.is_adaptive and any(rate < 0.1 for rate in run.rates):
        return f"{run['optimizer_type']} finds its own step size, which learning rates below 0.1 shrink to nothing"
    return None


@check("fixed-learning-rate", "take 1e-4, or an optimizer that finds its own step size", GUIDE)
def fixed_learning_rate(run: Facts) -> str | None:
    is_fixed = not run.is_adaptive and run.optimizer not in ("adafactor", "sgdnesterov", "sgdnesterov8bit")
    if is_fixed and "schedulefree" not in run.optimizer and any(rate >= 0.05 for rate in run.rates):
        return f"a learning rate of {max(run.rates):g} makes {run['optimizer_type']} diverge"
    return None


@check("adaptive-arguments", 'set optimizer_args to "decouple=True weight_decay=0.01"', GUIDE, "advice")
def adaptive_arguments(run: Facts) -> str | None:
    if run.is_adaptive and "decouple" not in run.optimizer_arguments() and run.optimizer != "dadaptlion":
        return f"{run['optimizer_type']} without decouple=True mixes weight decay into its step size"
    return None


@check("prodigy-warmup", "add safeguard_warmup=True to optimizer_args, or set lr_warmup_steps 0", PRODIGY)
def prodigy_warmup(run: Facts) -> str | None:
    careful = run.optimizer_arguments().get("safeguard_warmup", "").lower() == "true"
    if run.optimizer == "prodigy" and run["lr_warmup_steps"] and not careful:
        return "Prodigy overestimates its step size during a warm-up"
    return None


@check("prodigy-full-fp16", "set full_fp16 false, or full_bf16", GUIDE)
def prodigy_full_fp16(run: Facts) -> str | None:
    return "Prodigy mis-tunes its step size in full_fp16" if run["full_fp16"] and run.is_adaptive else None


@check("dadapt-min-snr", "compare with min_snr_gamma 0; guides use 5 with it, too", D_ADAPTATION, "advice")
def dadapt_min_snr(run: Facts) -> str | None:
    if run.optimizer.startswith("dadapt") and run["min_snr_gamma"]:
        return "min_snr_gamma weakens the loss from which D-Adaptation estimates its step size"
    return None


@check("adafactor-rates", "add relative_step=False to optimizer_args to use the learning rate", SD_SCRIPTS)
def adafactor_rates(run: Facts) -> str | None:
    relative = run.optimizer_arguments().get("relative_step", "True").lower() == "true"
    if run.optimizer == "adafactor" and relative:
        return "Adafactor with relative_step ignores learning_rate and lr_scheduler"
    return None


@check("lion-learning-rate", "take a third to a tenth of AdamW's rate", LION)
def lion_learning_rate(run: Facts) -> str | None:
    highest = max(run.rates, default=0.0)
    if run.optimizer in ("lion", "lion8bit", "pagedlion8bit") and highest > LARGEST_LION_RATE:
        return f"a learning rate of {highest:g} is high for Lion, whose every step has full length"
    return None


@check("warmup-too-long", "take a tenth of the steps, as in lr_warmup_steps 0.1", GUIDE)
def warmup_too_long(run: Facts) -> str | None:
    warmup = run["lr_warmup_steps"] or 0
    steps = warmup * run.steps if warmup < 1 else warmup
    if steps > run.steps / 2:
        return f"the warm-up takes {steps:g} of {run.steps} steps"
    return None


@check("sdxl-fp16-vae", "set vae to sdxl-vae-fp16-fix, no_half_vae true, or mixed_precision bf16", GUIDE)
def sdxl_fp16_vae(run: Facts) -> str | None:
    if (
        run.base.family is not None
        and run.base.family.training.halves_break
        and run["mixed_precision"] == "fp16"
        and not (run["vae"] or run["no_half_vae"])
    ):
        return "SDXL's own VAE makes black or broken latents in fp16"
    return None


@check("few-steps", "more epochs or repeats; about 1000 steps settle", GUIDE, "advice")
def few_steps(run: Facts) -> str | None:
    # The guide's figure is for one image a step.
    seen = run.steps * run["train_batch_size"]
    return f"{seen} images seen is little to learn from" if seen < FEWEST_STEPS else None


@check("few-images", "30 to 100 are usual for a character, more for a style", GUIDE, "advice")
def few_images(run: Facts) -> str | None:
    count = len(run.dataset.images)
    return f"{count} images are few" if count < FEWEST_IMAGES else None


@check("large-rank", "64 holds most subjects; on SDXL a quarter of that", GUIDE, "advice")
def large_rank(run: Facts) -> str | None:
    limit = (run.base.family or USUAL).training.largest_rank
    rank = run["network_dim"]
    return f"network_dim {rank} is more than nearly any subject needs" if rank > limit else None


@check("batch-above-bucket", "a smaller batch, or fewer bucket sizes", SD_SCRIPTS, "advice")
def batch_above_bucket(run: Facts) -> str | None:
    trained = run.dataset.trained(run.values)
    counts = [n for rule in bucket_rules(run.values) for n in bucket_counts(trained, rule).values()]
    small = sum(count < run["train_batch_size"] for count in counts)
    if small:
        return f"{small} of {len(counts)} bucket(s) hold fewer images than one batch of {run['train_batch_size']}"
    return None


@check("sizes-alike", "take larger images, or leave the larger size out", SD_SCRIPTS, "advice")
def sizes_alike(run: Facts) -> str | None:
    """Nothing is made larger with bucket_no_upscale, so a small image is the same at all sizes."""
    rules = bucket_rules(run.values)
    images = run.dataset.images
    alike = sum(len({rule.bucket_of(image.size) for rule in rules}) < len(rules) for image in images)
    return f"{alike} of {len(images)} images are trained alike at several sizes" if alike else None


@check("masked-without-masks", "set alpha_mask, or conditioning_data_dir with masks", SD_SCRIPTS)
def masked_without_masks(run: Facts) -> str | None:
    if run["masked_loss"] and not run["alpha_mask"] and not run["conditioning_data_dir"]:
        return "masked_loss has no masks: all of each image is learned"
    return None


@check("large-noise-offset", "take 0.05, at most 0.1", GUIDE)
def large_noise_offset(run: Facts) -> str | None:
    offset = run["noise_offset"] or 0
    return f"noise_offset {offset:g} makes pictures too contrasty" if offset > LARGEST_NOISE_OFFSET else None


@check("min-snr-low", "5 is usual; a larger value changes less", MIN_SNR, "advice")
def min_snr_low(run: Facts) -> str | None:
    gamma = run["min_snr_gamma"] or 0
    return f"min_snr_gamma {gamma:g} leaves little to learn from clear images" if 0 < gamma < 1 else None


@check("loha-rank", "32 is usual for LoHa, and more memory is needed", GUIDE, "advice")
def loha_rank(run: Facts) -> str | None:
    if run.trains("loha") and run["network_dim"] > 32:
        return f"LoHa of rank {run['network_dim']} is large: its rank counts squared"
    return None


@check("lokr-needs-care", "train LoKr at several learning rates and compare", GUIDE, "advice")
def lokr_needs_care(run: Facts) -> str | None:
    return "LoKr is very sensitive to its learning rate" if run.trains("lokr") else None
