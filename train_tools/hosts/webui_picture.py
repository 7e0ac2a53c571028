"""One picture as it is asked for, and as the webui's own processing describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from train_tools.hosts import modules
from train_tools.hosts.interface import HostError
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
    the model's own, None as it is set. `guidance` (distilled) and `shift`: None as the webui's class has them.
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
    asked = {GUIDED: wanted.guidance, SHIFTED: wanted.shift}
    found: dict[str, float] = {}
    for mark, value in asked.items():
        if value is None:
            continue
        if not (hasattr(processing.StableDiffusionProcessingTxt2Img, NUMBER) and getattr(model, mark, False)):
            what = "distilled guidance" if mark == GUIDED else "shift"
            raise HostError(f"this webui takes no {what} for this base model; leave it empty")
        found[NUMBER] = value
    return found
