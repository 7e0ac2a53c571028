"""AUTOMATIC1111's webui and what is built like it (Forge and those after it), from inside its process.

Every call was read off v1.10.1 and Forge dfdcbab6 and is written down with its source in tests/hosts/doubles.
What is there is used, what isn't is switched off with a reason; SD.Next alone is asked for by name, as what it has
under the same names takes other arguments.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from train_tools.hosts import modules
from train_tools.hosts.interface import BaseModel, Folders, HostCaptioner, HostError, HostProgress, Lent
from train_tools.hosts.webui_captioners import captioners
from train_tools.hosts.webui_kind import SD_NEXT, kind, version
from train_tools.hosts.webui_memory import memory_lent, memory_of
from train_tools.hosts.webui_settings import picture_settings

KINDS = {"is_sdxl": "sdxl", "is_sd3": "sd3", "is_sd2": "sd2", "is_sd1": "sd1"}


class Webui:
    @property
    def name(self) -> str:
        return kind()

    @property
    def version(self) -> str:
        return version()

    def capabilities(self) -> Mapping[str, str | None]:
        here = {
            "base models": modules.part("sd_models", "checkpoints_list") is not None,
            "samplers": bool(self.samplers()),
            "schedulers": bool(self.schedulers()),
            "render": modules.part("processing", "process_images") is not None and _has_lock(),
            "captioners": bool(self.captioners()) and _has_lock(),
            "memory": memory_of() is not None and _has_lock(),
            "progress": modules.part("shared", "state") is not None,
            "publish": self.folders().lora is not None,
            "rescan": _networks() is not None,
        }
        reasons = WITHOUT
        if self.name == SD_NEXT:
            here |= dict.fromkeys(IN_SD_NEXT, False)
            reasons = {**WITHOUT, **IN_SD_NEXT}
        return {what: None if can else reasons[what] for what, can in here.items()}

    def folders(self) -> Folders:
        data = modules.part("paths", "data_path") or modules.part("paths", "script_path") or Path.cwd()
        models = modules.part("paths", "models_path")
        outputs = modules.part("paths_internal", "default_output_dir")
        lora = modules.command_option("lora_dir")
        return Folders(
            Path(data),
            Path(lora) if lora else None,
            Path(models) if models else None,
            Path(outputs) if outputs else None,
            tuple(Path(folder) for folder in modules.command_option("lora_dirs") or ()),
        )

    def is_exposed(self) -> bool:
        if (closed := modules.command_option("disable_extension_access")) is not None:
            demo = modules.part("shared", "demo")
            # gradio shares by itself where it finds no other way in, as on Colab.
            is_shared = bool(getattr(demo, "share", False))
            return bool(closed) or (
                is_shared and not modules.command_option("enable_insecure_extension_access", False)
            )
        return True  # it can't be told

    def base_models(self) -> list[BaseModel]:
        """As often as it is asked: a title changes once the file's hash is known."""
        found = modules.part("sd_models", "checkpoints_list") or {}
        loaded = getattr(modules.part("sd_models", "model_data"), "sd_model", None)
        loaded_file = getattr(getattr(loaded, "sd_checkpoint_info", None), "filename", None)
        family = next((name for flag, name in KINDS.items() if getattr(loaded, flag, False)), "")
        chosen = _chosen_file(loaded_file)
        return [
            BaseModel(
                str(info.title),
                Path(info.filename),
                family if info.filename == loaded_file else "",
                str(getattr(info, "sha256", None) or ""),
                info.filename == chosen,
            )
            for info in list(found.values())
        ]

    def model_files(self) -> list[Path]:
        """VAEs, and where the webui keeps them apart, text encoders."""
        found = {**(modules.part("sd_vae", "vae_dict") or {})}
        found |= getattr(modules.anywhere("modules_forge.main_entry"), "module_list", None) or {}
        return [Path(str(file)).absolute() for file in dict.fromkeys(found.values())]

    def samplers(self) -> list[str]:
        visible = modules.part("sd_samplers", "visible_sampler_names")
        if callable(visible):
            return [str(name) for name in visible()]
        return [str(sampler.name) for sampler in modules.part("sd_samplers", "all_samplers") or []]

    def schedulers(self) -> list[str]:
        return [str(scheduler.label) for scheduler in modules.part("sd_schedulers", "schedulers") or []]

    def captioners(self) -> Mapping[str, HostCaptioner]:
        return captioners()

    def render(self, request: Mapping[str, Any]) -> bytes:
        from train_tools.hosts.webui_render import render

        return render(request)

    def picture_settings(self) -> Mapping[str, Any]:
        return picture_settings(self.name, self.version)

    def memory_lent(self, mode: str) -> AbstractContextManager[Lent]:
        return memory_lent(mode)

    def progress(self) -> HostProgress:
        state = modules.part("shared", "state")
        if state is None:
            return HostProgress()
        return HostProgress(
            job=str(state.job or ""),
            job_number=int(getattr(state, "job_no", 0)),
            job_count=int(getattr(state, "job_count", 0)),
            step=int(getattr(state, "sampling_step", 0)),
            steps=int(getattr(state, "sampling_steps", 0)),
            is_interrupted=bool(state.interrupted),
            waiting=len(modules.part("progress", "pending_tasks") or ()),
        )

    def interrupt(self) -> None:
        state = modules.part("shared", "state")
        if state is not None:
            state.interrupt()

    def rescan_loras(self) -> None:
        networks = _networks()
        if networks is None:
            raise HostError(f"LoRA files can't be looked for again: {WITHOUT['rescan']}")
        networks()


WITHOUT = {
    "base models": "this webui shows no list of its models",
    "samplers": "this webui shows no list of its samplers",
    "schedulers": "this webui chooses the schedule with the sampler",
    "render": "this webui makes no pictures for extensions",
    "captioners": "this webui has neither BLIP nor deepbooru",
    "memory": "this webui doesn't let extensions free its memory",
    "progress": "this webui doesn't tell its progress",
    "publish": "this webui has no folder for LoRA files; its Lora extension is off",
    "rescan": "this webui's Lora extension is off",
}

IN_SD_NEXT = {
    "render": "pictures through SD.Next aren't supported; they are drawn without it",
    "rescan": "SD.Next isn't asked to look for LoRA files; refresh its list there",
}


def _networks() -> Callable[[], None] | None:
    """The Lora extension's own search; its module is called `networks` and loaded late."""
    found = getattr(sys.modules.get("networks"), "list_available_networks", None)
    return found if callable(found) else None


def _chosen_file(loaded: str | None) -> str | None:
    """Of the model that the webui's settings name; Forge loads it with its next picture."""
    find = modules.part("sd_models", "get_closet_checkpoint_match")
    title = modules.option("sd_model_checkpoint", "")
    info = find(title) if callable(find) and title else None
    return getattr(info, "filename", None) or loaded


def _has_lock() -> bool:
    return modules.part("call_queue", "queue_lock") is not None
