"""Renders one picture with the webui's own txt2img, inside the webui's process; never a wrong one.

A request is a JSON object with the keys of `RenderRequest`; the answer is a PNG with the webui's infotext in its
`parameters`, and in `train-tools` what was in force (`Made`). Whatever isn't exactly as asked for, the base model, the
sampler, the size or the LoRA, is a HostError, before the picture where that can be told.

Every call was read off the webuis that tests/hosts/doubles name, with their commits.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from train_tools.hosts import modules
from train_tools.hosts.interface import HostError
from train_tools.hosts.webui_applied import cleaned_after_errors, counted
from train_tools.hosts.webui_base import (
    MODEL,
    MODEL_HASH,
    Base,
    put_own_model_back,
    reload_own_vae,
    same_file,
)
from train_tools.hosts.webui_fit import read_layers, refuse_unless_it_fits, targets_of
from train_tools.hosts.webui_kind import kind, version
from train_tools.hosts.webui_lora import placed
from train_tools.hosts.webui_options import NOISE, ZERO_SNR, set_for_a_picture
from train_tools.hosts.webui_picture import (
    AUTOMATIC,
    CLIP_SKIP,
    GUIDED,
    SHIFTED,
    RenderRequest,
    picture,
    refuse_other_prediction,
    schedule,
)

# Settings that would make another picture: "Add network to prompt", and one Neo's pictures by somebody else's computer.
NEVER = {"sd_lora": "None", "forge_model_mode": "local"}
ANSWER = "train-tools"  # the text of the PNG that holds `Made`


@dataclass(frozen=True)
class Made:
    """What a picture was made with. `layers` is how many of the LoRA's were applied, of how many at weights but 0."""

    host: str
    layers: tuple[int, int] | None
    vae: str
    modules: Sequence[str]
    clip_skip: int
    guidance: float | None
    shift: float | None
    unet_dtype: str
    ensd: int
    rng: str


def render(request: Mapping[str, Any]) -> bytes:
    """A PNG. Waits until the webui is idle. Raises HostError in a sentence."""
    wanted = RenderRequest.of(request)
    if modules.part("processing", "process_images") is None or modules.module("sd_models") is None:
        raise HostError("this isn't a webui that can render")
    if modules.part("sd_models", "get_closet_checkpoint_match") is None:
        raise HostError("pictures through this webui aren't supported; render with renderer=diffusers")
    with modules.queue_lock():
        try:
            return _render(wanted)
        finally:
            if wanted.vae is not None:
                reload_own_vae()
            if wanted.last:
                put_own_model_back()


def _render(wanted: RenderRequest) -> bytes:
    layers = read_layers(Path(wanted.lora)) if wanted.lora is not None else []
    sampler, scheduler = schedule(wanted.sampler, wanted.scheduler)
    base = Base(wanted.base_model, wanted.vae, wanted.modules)
    shared: Any = modules.module("shared")
    wishes = {**base.options, CLIP_SKIP: wanted.clip_skip, **NEVER}
    if wanted.zero_snr:
        wishes[NOISE] = ZERO_SNR
    follow = {MODEL: base.names, MODEL_HASH: base.names}
    with contextlib.ExitStack() as stack:
        stack.callback(base.settle)
        stack.enter_context(set_for_a_picture(shared.opts, wishes, follow))
        stack.enter_context(_job(shared.state))
        stack.enter_context(base.loaded())
        refuse_other_prediction(wanted, base.model)
        lora = targets = None
        if wanted.lora is not None:
            lora = stack.enter_context(placed(Path(wanted.lora), layers, wanted.base_model))
            targets = targets_of(base.model, lora.entry, layers)
            refuse_unless_it_fits(layers, targets, wanted.weight_te, wanted.weight_unet)
        stack.enter_context(cleaned_after_errors())
        p = picture(wanted, base.model, lora.name if lora else "", sampler, scheduler)
        stack.enter_context(contextlib.closing(p))
        done = _processed(p)
        state = shared.state
        if state.interrupted or getattr(state, "stopping_generation", False) or state.skipped:
            raise HostError("the picture was interrupted in the webui")
        _refuse_other(wanted, base, p, sampler, scheduler)
        comments = str(done.comments or "")
        of = counted(lora, targets, wanted.weight_te, wanted.weight_unet, comments, base.model)
        return _png(_image(done, wanted), str(done.infotexts[0]), _made(base, p, of))


@contextlib.contextmanager
def _job(state: Any) -> Iterator[None]:
    state.begin(job="train-tools-preview")
    try:
        yield
    finally:
        state.end()


def _processed(p: Any) -> Any:
    try:
        return importlib.import_module("modules.processing").process_images(p)
    except HostError:
        raise
    except Exception as error:  # the webui's own code raises anything
        raise HostError(f"the webui couldn't render: {modules.line_of(error)}") from error


def _refuse_other(
    wanted: RenderRequest, base: Base, p: Any, sampler: str, scheduler: Mapping[str, str]
) -> None:
    """The webui takes its first sampler where it doesn't know one, and its settings' model where ours is gone."""
    loaded = getattr(base.model, "sd_checkpoint_info", None)
    if loaded is None or not same_file(loaded.filename, wanted.base_model):
        there = Path(loaded.filename).name if loaded else "none"
        raise HostError(
            f"the webui rendered with another base model ({there}) than {Path(wanted.base_model).name}"
        )
    if p.sampler_name != sampler or (scheduler and p.scheduler != scheduler["scheduler"]):
        raise HostError(
            f"the webui rendered with {p.sampler_name} {getattr(p, 'scheduler', '')} instead of {sampler}"
        )
    vae = base.in_force()[0]
    if wanted.vae is not None and vae != (Path(wanted.vae).name if wanted.vae else ""):
        raise HostError(
            f"the webui rendered with the VAE {vae or '(its own)'}; was it started with one (--vae-path)?"
        )


def _made(base: Base, p: Any, layers: tuple[int, int] | None) -> Made:
    vae, text_encoders = base.in_force()
    number = getattr(p, "distilled_cfg_scale", None)
    return Made(
        host=f"{kind()} {version()}".strip(),
        layers=layers,
        vae=vae,
        modules=text_encoders,
        clip_skip=int(modules.option(CLIP_SKIP, 1)),
        guidance=number if getattr(base.model, GUIDED, False) else None,
        shift=number if getattr(base.model, SHIFTED, False) else None,
        unet_dtype=str(modules.option("forge_unet_storage_dtype", AUTOMATIC)),
        ensd=int(modules.option("eta_noise_seed_delta", 0) or 0),
        rng=str(modules.option("randn_source", "GPU")),
    )


def _image(done: Any, wanted: RenderRequest) -> Any:
    images: Sequence[Any] = done.images
    if not images:
        raise HostError("the webui gave no picture; look into its log")
    image = images[getattr(done, "index_of_first_image", 0)]
    if image.size != (wanted.width, wanted.height):
        raise HostError(
            f"the webui made {image.size[0]}x{image.size[1]} pixels instead of {wanted.width}x{wanted.height}"
        )
    return image


def _png(image: Any, infotext: str, made: Made) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("parameters", infotext)
    info.add_itxt(ANSWER, json.dumps(asdict(made), ensure_ascii=False))
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=info)
    return file.getvalue()
