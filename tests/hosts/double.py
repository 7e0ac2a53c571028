"""A stand-in for what Train Tools calls of a webui's modules. Where each name stands in the real ones:

AUTOMATIC1111 v1.10.1
- modules/interrogate.py: InterrogateModels.load(), generate_caption(pil_image), unload()
- modules/deepbooru.py: DeepDanbooru.start(), tag_multi(pil_image, force_disable_ranks=False), stop()
- modules/call_queue.py: queue_lock = fifo_lock.FIFOLock() with acquire, release, __enter__, __exit__
- modules/sd_models.py: checkpoints_list {title: CheckpointInfo}, checkpoints_loaded, model_data = SdModelData() with
  sd_model and loaded_sd_models; send_model_to_cpu(m), send_model_to_device(m), send_model_to_trash(m)
- modules/progress.py: pending_tasks {task: time}
- modules/sd_samplers.py: visible_sampler_names(); modules/sd_schedulers.py: schedulers [Scheduler(name, label, …)]
- modules/shared_state.py: State.job, job_no, job_count, sampling_step, sampling_steps, interrupted, interrupt()
- modules/shared_cmd_options.py: cmd_opts.disable_extension_access, set from share, listen, ngrok and server_name
- modules/paths.py: data_path, models_path; modules/devices.py: torch_gc(); modules/launch_utils.py: git_tag()
- modules/options.py: OptionInfo(default, label, component, component_args, …, section), Options.add_option(key, info)
- modules/script_callbacks.py: on_ui_tabs, on_app_started, on_ui_settings, on_script_unloaded (callback, *, name=None)
- extensions-builtin/Lora: module `networks`, list_available_networks(); its preload.py adds cmd_opts.lora_dir

Forge dfdcbab6, where it differs
- modules/sd_models.py: SdModelData.forge_hash; FakeInitialModel; send_model_to_* are empty
- backend/memory_management.py: unload_all_models(), soft_empty_cache(force=False)
- modules/sd_samplers.py: visible_sampler_names() as above
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    import pytest  # webui_double.py runs where it isn't installed


class InterrogateModels:
    def __init__(self) -> None:
        self.loaded = False
        self.loads = 0

    def load(self) -> None:
        self.loaded = True
        self.loads += 1

    def generate_caption(self, pil_image: Image.Image) -> str:
        assert self.loaded
        assert pil_image.mode == "RGB"
        return f"a picture of {pil_image.getpixel((0, 0))}"

    def unload(self) -> None:
        self.loaded = False


class DeepDanbooru:
    def __init__(self, *, is_offline: bool = False) -> None:
        self.is_offline = is_offline
        self.started = False

    def start(self) -> None:
        if self.is_offline:
            raise IndexError("list index out of range")
        self.started = True

    def tag_multi(self, pil_image: Image.Image, force_disable_ranks: bool = False) -> str:
        assert self.started
        return "1girl, solo"

    def stop(self) -> None:
        self.started = False


class State:
    job = ""
    job_no = 0
    job_count = 0
    sampling_step = 0
    sampling_steps = 0
    interrupted = False

    def interrupt(self) -> None:
        self.interrupted = True


class Model:
    """`place` is where the real one's tensors would be, `places` where they have been sent to."""

    is_sd1 = False
    is_sdxl = True

    def __init__(self, info: Any) -> None:
        self.sd_checkpoint_info = info
        self.places: list[str] = []

    @property
    def place(self) -> str:
        return self.places[-1] if self.places else "gpu"

    def parameters(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(device=SimpleNamespace(type="cuda" if self.place == "gpu" else self.place))]


def checkpoint(file: Path, title: str) -> SimpleNamespace:
    return SimpleNamespace(filename=str(file), title=title, name=file.name)


def sd_models_of_a1111(folder: Path) -> dict[str, Any]:
    infos = [
        checkpoint(folder / "a.safetensors", "a.safetensors [12ab]"),
        checkpoint(folder / "b.ckpt", "b.ckpt"),
    ]
    model = Model(infos[0])

    def send(place: str) -> Any:
        def send_to(m: Model) -> None:
            m.places.append(place)

        return send_to

    return {
        "checkpoints_list": {info.title: info for info in infos},
        "checkpoints_loaded": {"a": {}},
        "model_data": SimpleNamespace(sd_model=model, loaded_sd_models=[model]),
        "send_model_to_cpu": send("cpu"),
        "send_model_to_device": send("gpu"),
        "send_model_to_trash": send("meta"),
    }


class FakeInitialModel:
    pass


def sd_models_of_forge(folder: Path) -> dict[str, Any]:
    names = sd_models_of_a1111(folder)
    empty = {name: lambda m: None for name in names if name.startswith("send_model_to_")}
    model = names["model_data"].sd_model
    data = SimpleNamespace(sd_model=model, forge_hash="loaded", forge_loading_parameters={})
    return {**names, **empty, "model_data": data, "FakeInitialModel": FakeInitialModel}


def webui(
    *, is_offline: bool = False, forge: bool = False, folder: Path = Path("/webui")
) -> tuple[SimpleNamespace, dict[str, ModuleType]]:
    """What a test looks at, and the modules."""
    sd_models = (sd_models_of_forge if forge else sd_models_of_a1111)(folder)
    parts = SimpleNamespace(
        interrogator=InterrogateModels(),
        deepbooru=DeepDanbooru(is_offline=is_offline),
        lock=threading.Lock(),
        state=State(),
        cmd_opts=SimpleNamespace(
            lora_dir=str(folder / "models" / "Lora"),
            disable_extension_access=False,
            enable_insecure_extension_access=False,
            api_auth=None,
        ),
        opts=SimpleNamespace(data={}),
        data=sd_models["model_data"],
        rescans=[],
        freed=[],
        pending={},
    )
    contents: dict[str, dict[str, Any]] = {
        "modules": {"__path__": []},
        "modules.shared": {
            "interrogator": parts.interrogator, "state": parts.state, "cmd_opts": parts.cmd_opts, "opts": parts.opts,
            "demo": SimpleNamespace(share=False),
        },
        "modules.deepbooru": {"model": parts.deepbooru},
        "modules.call_queue": {"queue_lock": parts.lock},
        "modules.progress": {"pending_tasks": parts.pending},
        "modules.sd_models": sd_models,
        "modules.sd_samplers": {"visible_sampler_names": lambda: ["DPM++ 2M", "Euler a"]},
        "modules.sd_schedulers": {"schedulers": [SimpleNamespace(name="karras", label="Karras")]},
        "modules.paths": {"data_path": str(folder), "models_path": str(folder / "models")},
        "modules.devices": {"torch_gc": lambda: None},
        "modules.launch_utils": {"git_tag": lambda: "v1.10.1"},
        "modules.processing": {"process_images": lambda p: None},
        "networks": {"list_available_networks": lambda: parts.rescans.append("all")},
    }  # fmt: skip
    if forge:
        contents["modules_forge"] = {}
        contents["backend"] = {"__path__": []}
        contents["backend.memory_management"] = {
            "current_loaded_models": (loaded := [object()]),
            "unload_all_models": lambda: (parts.freed.append("models"), loaded.clear()),
            "soft_empty_cache": lambda force=False: parts.freed.append("cache"),
        }
    modules = {}
    for name, names in contents.items():
        modules[name] = ModuleType(name)
        modules[name].__dict__.update(names)
    return parts, modules


def install(monkeypatch: pytest.MonkeyPatch, **how: Any) -> SimpleNamespace:
    """Puts a webui's modules into this process for a test."""
    parts, modules = webui(**how)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    return parts
