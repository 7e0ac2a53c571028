"""One picture as it is asked for, and as the webui's own processing describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from train_tools.hosts import modules
from train_tools.hosts.interface import HostError, ModelRefusedError
from train_tools.hosts.webui_lora import without_networks

CLIP_SKIP = "CLIP_stop_at_last_layers"
AUTOMATIC = "Automatic"
# Forge's kind: the number that is guidance or shift, and the model's marks of which.
NUMBER, GUIDED, SHIFTED = "distilled_cfg_scale", "use_distilled_cfg_scale", "use_shift"


@dataclass(frozen=True)
class RenderRequest:
    """Paths are absolute; `lora` None renders the base model alone. `clip_skip` is 1 for the last layer.

    `scheduler` is the webui's label of it. After the `last` picture of a series the webui's own model is loaded again.
    `vae`: a path, "" for the model's own, None as the webui has it set. `modules`: paths of text encoders, empty for
    the model's own, None as it is set. `guidance` (distilled) and `shift`: None as the webui's class has them; those
    that `may_lack` names are left out where the webui takes none. `prediction` "v" and `zero_snr` are what is known of
    the base model.
    """

    base_model: str
    lora: str | None
    weight_unet: float
    weight_te: float
    prompt: str
    negative_prompt: str
    seed: int
    steps: int
    cfg_scale: float
    sampler: str
    scheduler: str
    clip_skip: int
    width: int
    height: int
    last: bool = False
    vae: str | None = None
    modules: Sequence[str] | None = None
    guidance: float | None = None
    shift: float | None = None
    may_lack: Sequence[str] = ()
    prediction: str = ""
    zero_snr: bool = False

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> RenderRequest:
        """Raises HostError for a key that is unknown or missing."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(request) - known):
            raise HostError(
                f"a render request has no {', '.join(unknown)}; is Train Tools the same in both places?"
            )
        try:
            return cls(**request)
        except TypeError as error:
            raise HostError(f"the render request lacks something ({error})") from error


def schedule(sampler: str, scheduler: str) -> tuple[str, dict[str, str]]:
    """The sampler's name and, where the webui has schedulers, the argument that names one."""
    labels = [str(s.label) for s in modules.part("sd_schedulers", "schedulers") or []]
    if not labels and scheduler != AUTOMATIC:
        sampler = f"{sampler} {scheduler}"
    names = [str(s.name) for s in modules.part("sd_samplers", "all_samplers") or []]
    if sampler not in names:
        raise HostError(f"the webui has no sampler {sampler!r}; there are: {', '.join(names)}")
    if labels and scheduler not in labels:
        raise HostError(f"the webui has no scheduler {scheduler!r}; there are: {', '.join(labels)}")
    return sampler, {"scheduler": scheduler} if labels else {}


def picture(wanted: RenderRequest, model: Any, lora: str, sampler: str, scheduler: Mapping[str, str]) -> Any:
    """The webui's own description of a picture."""
    processing: Any = modules.module("processing")

    class Picture(processing.StableDiffusionProcessingTxt2Img):  # type: ignore[misc]
        """Of the size that is asked for, or none: webuis round before they begin."""

        def init(self, *arguments: Any, **named: Any) -> None:
            step = getattr(processing, "opt_f", 8)
            made = (self.width // step * step, self.height // step * step)
            if made != (wanted.width, wanted.height):
                raise HostError(
                    f"this webui makes {made[0]}x{made[1]} pixels where {wanted.width}x{wanted.height} are asked for; "
                    "ask for what it makes"
                )
            super().init(*arguments, **named)

    tag = f" <lora:{lora}:{wanted.weight_te}:{wanted.weight_unet}>" if lora else ""
    p = Picture(
        prompt=without_networks(wanted.prompt) + tag,
        negative_prompt=without_networks(wanted.negative_prompt),
        seed=wanted.seed,
        steps=wanted.steps,
        cfg_scale=wanted.cfg_scale,
        width=wanted.width,
        height=wanted.height,
        sampler_name=sampler,
        restore_faces=False,
        tiling=False,
        do_not_save_samples=True,
        do_not_save_grid=True,
        **scheduler,
        **_guidance(wanted, model, processing),
    )
    # Conditionings are kept by prompt and tag, across a LoRA that wasn't found and is now.
    p.cached_c, p.cached_uc = [None, None], [None, None]
    runner = modules.part("scripts", "ScriptRunner")
    if runner is not None:  # none of the webui's scripts; reForge asks for the list of them in any case
        p.scripts, p.script_args = runner(), []
    return p


def _guidance(wanted: RenderRequest, model: Any, processing: Any) -> dict[str, float]:
    """Forge's kind has one number for both: FLUX's distilled guidance, other models' shift."""
    asked = (("guidance", GUIDED, wanted.guidance), ("shift", SHIFTED, wanted.shift))
    found: dict[str, float] = {}
    for name, mark, value in asked:
        if value is None:
            continue
        if not (hasattr(processing.StableDiffusionProcessingTxt2Img, NUMBER) and getattr(model, mark, False)):
            if name in wanted.may_lack:
                continue
            what = "distilled guidance" if mark == GUIDED else "shift"
            raise HostError(f"this webui takes no {what} for this base model; leave it empty")
        found[NUMBER] = value
    return found


def refuse_other_prediction(wanted: RenderRequest, model: Any) -> None:
    """Raises ModelRefusedError where the webui takes the loaded model for one that predicts noise, and it doesn't."""
    if wanted.prediction == "v" and _predicts_velocity(model) is False:
        raise ModelRefusedError(
            f"the webui takes {Path(wanted.base_model).name} for a model that predicts noise, and it predicts "
            "velocity; put the .yaml that says so beside it"
        )


def _predicts_velocity(model: Any) -> bool | None:
    """None where it can't be told. Forge and Neo have a predictor, reForge and Classic a class of their own for it."""
    unet = getattr(getattr(model, "forge_objects", None), "unet", None)
    inner = getattr(unet, "model", None)
    if (predictor := getattr(inner, "predictor", None)) is not None:
        return bool(predictor.prediction_type == "v_prediction")
    if (sampling := getattr(inner, "model_sampling", None)) is not None:
        return "V_PREDICTION" in [kind.__name__ for kind in type(sampling).__mro__]
    named = getattr(model, "parameterization", None)
    return None if named is None else bool(named == "v")
