"""Combinations of values that train, but hardly as meant. Adding a check is adding a function with `@check`.

A function looks at one run and returns what is odd about it in a sentence, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from train_tools.arguments.base_family import UNKNOWN, BaseFamily
from train_tools.arguments.dependencies import broken
from train_tools.arguments.families import FAMILIES
from train_tools.planning.findings import Finding, Findings, Severity
from train_tools.planning.images import Dataset, bucket_counts, bucket_rule

GUIDE = "the LoRA training guide, https://rentry.org/59xed3"
SD_SCRIPTS = "sd-scripts"
LION = "Chen et al. 2023, https://arxiv.org/abs/2302.06675"
MIN_SNR = "Hang et al. 2023, https://arxiv.org/abs/2303.09556"
D_ADAPTATION = "Defazio and Mishchenko 2023, https://arxiv.org/abs/2301.07733"
PRODIGY = "Mishchenko and Defazio 2023, https://arxiv.org/abs/2306.06101"
FEWEST_STEPS = 800  # below it little is learnt; about 1000 settles
LARGEST_RANK = 128
LARGEST_LION_RATE = 3e-4  # a third to a tenth of AdamW's, which is rarely above 1e-3 for a LoRA
LARGEST_NOISE_OFFSET = 0.1
FEWEST_IMAGES = 10


@dataclass(frozen=True)
class Facts:
    """`values` are a run's complete arguments, `steps` all its optimizer steps."""

    values: Mapping[str, Any]
    steps: int
    dataset: Dataset
    base: BaseFamily

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)

    @property
    def optimizer(self) -> str:
        return str(self["optimizer_type"] or "").lower()

    @property
    def is_adaptive(self) -> bool:
        """Optimizers that find their own step size: D-Adaptation and Prodigy."""
        return self.optimizer.startswith(("dadapt", "prodigy"))

    @property
    def rates(self) -> list[float]:
        """The learning rates of the parts that are trained."""
        given = [self["learning_rate"], self["unet_lr"], self["text_encoder_lr"]]
        return [float(rate) for rate in given if rate is not None]

    def trains(self, algorithm: str) -> bool:
        """Whether the network is this one of LyCORIS."""
        words = self["network_args"] or ()
        return f"algo={algorithm}" in [str(word).replace(" ", "") for word in words]

    def optimizer_arguments(self) -> dict[str, str]:
        words = self["optimizer_args"] or ()
        return {name: value for name, _, value in (str(word).partition("=") for word in words)}


@dataclass(frozen=True)
class Check:
    id: str
    severity: Severity
    fix: str
    source: str
    look: Callable[[Facts], str | None]


CHECKS: list[Check] = []


def check(
    identity: str, fix: str, source: str, severity: Severity = "warning"
) -> Callable[[Callable[[Facts], str | None]], Callable[[Facts], str | None]]:
    def keep(look: Callable[[Facts], str | None]) -> Callable[[Facts], str | None]:
        CHECKS.append(Check(identity, severity, fix, source, look))
        return look

    return keep


def check_run(facts: Facts, findings: Findings) -> None:
    """Adds what is odd about one run."""
    for one in CHECKS:
        sentence = one.look(facts)
        if sentence:
            findings.add(Finding(one.id, one.severity, sentence, one.fix, one.source))
    for problem in broken(facts.values, facts.base.name or "sd"):
        severity: Severity = "error" if problem.is_fatal else "warning"
        findings.add(Finding(f"{problem.argument}-alone", severity, problem.sentence, "", SD_SCRIPTS))


@check("alpha-above-dim", "take half the rank, at most the rank", GUIDE)
def alpha_above_dim(run: Facts) -> str | None:
    alpha, rank = run["network_alpha"], run["network_dim"]
    if alpha > rank:
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
        run.base.name == "sdxl"
        and run["mixed_precision"] == "fp16"
        and not (run["vae"] or run["no_half_vae"])
    ):
        return "SDXL's own VAE makes black or broken latents in fp16"
    return None


@check("v2-flag", "set v2 as the base model needs it", SD_SCRIPTS)
def v2_flag(run: Facts) -> str | None:
    if run.base.name == "sd" and run.base.is_v2 and not run["v2"]:
        return "the base model is Stable Diffusion 2, and v2 is not set"
    if run.base.name == "sd" and not run.base.is_v2 and run["v2"]:
        return "v2 is set, and the base model is Stable Diffusion 1"
    return None


@check("velocity-flag", "set v_parameterization true", "the base model's own metadata")
def velocity_flag(run: Facts) -> str | None:
    if run.base.predicts_velocity and not run["v_parameterization"]:
        return "the base model says that it predicts velocity, and v_parameterization is not set"
    return None


@check("clip-skip-ignored", "leave clip_skip out", SD_SCRIPTS, "advice")
def clip_skip_ignored(run: Facts) -> str | None:
    if run["clip_skip"] and run.base.name not in ("sd", UNKNOWN):
        return f"clip_skip does nothing on {FAMILIES[run.base.name].title}"
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
    limit = LARGEST_RANK // 4 if run.base.name == "sdxl" else LARGEST_RANK
    rank = run["network_dim"]
    return f"network_dim {rank} is more than nearly any subject needs" if rank > limit else None


@check("batch-above-bucket", "a smaller batch, or fewer bucket sizes", SD_SCRIPTS, "advice")
def batch_above_bucket(run: Facts) -> str | None:
    counts = bucket_counts(run.dataset, bucket_rule(run.values))
    small = sum(count < run["train_batch_size"] for count in counts.values())
    if small:
        return f"{small} of {len(counts)} bucket(s) hold fewer images than one batch of {run['train_batch_size']}"
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
