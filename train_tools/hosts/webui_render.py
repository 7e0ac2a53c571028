"""Renders one picture with the webui's own txt2img, inside the webui's process; never a wrong one.

A request is a JSON object with the keys of `RenderRequest`; the answer is a PNG with the webui's infotext in its
`parameters`. Whatever isn't exactly as asked for, the base model, the sampler or the LoRA, is a HostError.

Every call was read off AUTOMATIC1111 v1.10.1 and Forge dfdcbab6, and is written down in tests/hosts/render_double.py.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from train_tools.hosts.interface import HostError
from train_tools.hosts.webui_lora import Placed, placed, refuse_unless_applied, without_networks

CLIP_SKIP = "CLIP_stop_at_last_layers"
ALWAYS_ADDED_LORA = "sd_lora"  # the webui's own "Add network to prompt"
AUTOMATIC = "Automatic"


@dataclass(frozen=True)
class RenderRequest:
    """Paths are absolute; `lora` None renders the base model alone. `clip_skip` is 1 for the last layer.

    `scheduler` is the webui's label of it. After the `last` picture of a series the webui's own model is loaded again.
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


def render(request: Mapping[str, Any]) -> bytes:
    """A PNG. Waits until the webui is idle. Raises HostError in a sentence."""
    wanted = RenderRequest.of(request)
    host = _Host()
    with host.queue_lock:
        try:
            image, infotext = _render(host, wanted)
        finally:
            if wanted.last:
                host.put_model_back()
    return _png(image, infotext)


def _render(host: _Host, wanted: RenderRequest) -> tuple[Any, str]:
    info = host.checkpoint(wanted.base_model)
    sampler, scheduler = host.schedule(wanted.sampler, wanted.scheduler)
    with contextlib.ExitStack() as stack:
        lora: Placed | None = None
        if wanted.lora is not None:
            lora = stack.enter_context(placed(Path(wanted.lora), wanted.base_model, host.lora_folder()))
        stack.enter_context(host.settings_kept(override := host.override(info, wanted)))
        stack.enter_context(host.job())
        tag = f" <lora:{lora.name}:{wanted.weight_te}:{wanted.weight_unet}>" if lora else ""
        p = host.processing.StableDiffusionProcessingTxt2Img(
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
            override_settings=override,
            **scheduler,
        )
        stack.enter_context(contextlib.closing(p))
        # Conditionings are kept by prompt and tag, across a LoRA that wasn't found and is now.
        p.cached_c, p.cached_uc = [None, None], [None, None]
        try:
            done = host.processing.process_images(p)
        except Exception as error:  # the webui's own code raises anything
            raise HostError(f"the webui couldn't render: {_line(error)}") from error
        if host.is_interrupted():
            raise HostError("the picture was interrupted in the webui")
        _refuse_other_model(host, wanted)
        _refuse_other_schedule(p, sampler, scheduler)
        refuse_unless_applied(
            lora, wanted.weight_te, wanted.weight_unet, str(done.comments or ""), host.model()
        )
        return _image(done, wanted), str(done.infotexts[0])


class _Host:
    """The webui's modules, as they are now."""

    def __init__(self) -> None:
        try:
            self.shared = importlib.import_module("modules.shared")
            self.processing = importlib.import_module("modules.processing")
            self.sd_models = importlib.import_module("modules.sd_models")
            self.sd_samplers = importlib.import_module("modules.sd_samplers")
            self.queue_lock = importlib.import_module("modules.call_queue").queue_lock
        except ImportError as error:
            raise HostError(f"this isn't a webui that can render ({error})") from error
        try:
            self._sd_schedulers: Any = importlib.import_module("modules.sd_schedulers")
        except ImportError:
            self._sd_schedulers = None  # before version 1.9

    def checkpoint(self, base_model: str) -> Any:
        """The webui's entry of the file; looks for new files once."""
        for attempt in range(2):
            for info in list(self.sd_models.checkpoints_list.values()):
                if _same_file(info.filename, base_model):
                    return info
            if not attempt:
                self.sd_models.list_models()
        raise HostError(
            f"the webui doesn't have the base model {base_model}; put it into its models folder, or render with "
            "renderer=diffusers"
        )

    def schedule(self, sampler: str, scheduler: str) -> tuple[str, dict[str, str]]:
        """The sampler's name and, where the webui has schedulers, the argument that names one."""
        labels = [str(s.label) for s in self._sd_schedulers.schedulers] if self._sd_schedulers else []
        if not labels and scheduler != AUTOMATIC:
            sampler = f"{sampler} {scheduler}"
        names = [str(s.name) for s in self.sd_samplers.all_samplers]
        if sampler not in names:
            raise HostError(f"the webui has no sampler {sampler!r}; there are: {', '.join(names)}")
        if labels and scheduler not in labels:
            raise HostError(f"the webui has no scheduler {scheduler!r}; there are: {', '.join(labels)}")
        return sampler, {"scheduler": scheduler} if labels else {}

    def lora_folder(self) -> Path:
        folder = getattr(self.shared.cmd_opts, "lora_dir", None)
        if not folder:
            raise HostError("the webui's Lora extension is off, so a LoRA can't be rendered; switch it on")
        return Path(folder)

    def override(self, info: Any, wanted: RenderRequest) -> dict[str, Any]:
        """Settings for this picture alone."""
        wishes = {"sd_model_checkpoint": info.title, CLIP_SKIP: wanted.clip_skip, ALWAYS_ADDED_LORA: "None"}
        return {name: value for name, value in wishes.items() if name in self.shared.opts.data_labels}

    @contextlib.contextmanager
    def settings_kept(self, override: Mapping[str, Any]) -> Iterator[None]:
        """The webui puts them back by itself; not where it fails before it begins."""
        opts = self.shared.opts
        before = {name: opts.data[name] for name in override if name in opts.data}
        try:
            yield
        finally:
            for name, value in before.items():
                if opts.data.get(name) != value:
                    opts.set(name, value, run_callbacks=False)

    @contextlib.contextmanager
    def job(self) -> Iterator[None]:
        self.shared.state.begin(job="train-tools-preview")
        try:
            yield
        finally:
            self.shared.state.end()

    def is_interrupted(self) -> bool:
        state = self.shared.state
        return bool(state.interrupted or getattr(state, "stopping_generation", False) or state.skipped)

    def model(self) -> Any:
        """The loaded model, without loading one."""
        return self.sd_models.model_data.sd_model

    def put_model_back(self) -> None:
        """The one of the webui's settings. Forge loads it with its next picture."""
        chosen = self.sd_models.get_closet_checkpoint_match(
            self.shared.opts.data.get("sd_model_checkpoint") or ""
        )
        loaded = getattr(self.model(), "sd_checkpoint_info", None)
        if chosen is None or loaded is None or _same_file(loaded.filename, chosen.filename):
            return
        try:
            self.sd_models.reload_model_weights()
        except Exception as error:
            raise HostError(f"the webui couldn't load its own model again: {_line(error)}") from error


def _refuse_other_model(host: _Host, wanted: RenderRequest) -> None:
    loaded = getattr(host.model(), "sd_checkpoint_info", None)
    if loaded is None or not _same_file(loaded.filename, wanted.base_model):
        there = Path(loaded.filename).name if loaded else "none"
        raise HostError(
            f"the webui rendered with another base model ({there}) than {Path(wanted.base_model).name}"
        )


def _refuse_other_schedule(p: Any, sampler: str, scheduler: Mapping[str, str]) -> None:
    """The webui takes its first sampler where it doesn't know one."""
    if p.sampler_name != sampler or (scheduler and p.scheduler != scheduler["scheduler"]):
        raise HostError(
            f"the webui rendered with {p.sampler_name} {getattr(p, 'scheduler', '')} instead of {sampler}"
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


def _png(image: Any, infotext: str) -> bytes:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("parameters", infotext)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def _same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return os.path.normcase(Path(one).absolute()) == os.path.normcase(Path(other).absolute())


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
