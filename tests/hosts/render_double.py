"""A stand-in for what rendering calls of a webui, with its traps. Where each name stands in AUTOMATIC1111 v1.10.1:

- modules/processing.py: StableDiffusionProcessingTxt2Img (a dataclass; the conditionings' caches are its class's),
  process_images: applies override_settings (an unknown model is dropped), reload_model_weights, then
  sd_samplers.fix_p_invalid_sampler_and_scheduler, then the picture; settings are put back in any case.
  Processed(images, infotexts, comments: lines, index_of_first_image)
- modules/sd_models.py: checkpoints_list, checkpoint_aliases, list_models(), get_closet_checkpoint_match(),
  reload_model_weights(): loads what the settings name; model_data.sd_model
- modules/options.py: Options.data, data_labels, set(key, value, is_api=False, run_callbacks=True)
- modules/shared_state.py: State.begin(job), end(), interrupted, skipped, stopping_generation
- modules/sd_samplers.py: all_samplers [.name]; modules/sd_schedulers.py: schedulers [.label]
- extensions-builtin/Lora/networks.py: available_networks, available_network_aliases, available_network_hash_lookup,
  loaded_networks, load_networks(): looks for names again once, tells what isn't found in a comment
- extensions-builtin/Lora/network.py: NetworkOnDisk(name, filename); Network.te_multiplier, unet_multiplier, modules
- extensions-builtin/Lora/extra_networks_lora.py: `<lora:name:te:unet>`; opts.sd_lora is added to each prompt
- network_apply_weights: a layer keeps its weights while names and multipliers are the same

Forge dfdcbab6, where it differs: sd_models.reload_model_weights is empty; modules stay empty and nothing is said of a
LoRA that doesn't fit: forge_objects_after_applying_lora then hold the objects of forge_objects_original; patches are
kept by file name.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
from PIL import Image

LORA = re.compile(r"<lora:([^:>]+):([^:>]+):([^>]+)>")


@dataclass
class Webui:
    """A folder of models and one of LoRA files; `fits` tells how many of a LoRA's modules a base model has."""

    folder: Path
    forge: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    pictures: int = 0
    fails: Exception | None = None
    interrupts: bool = False
    says_errors: bool = False
    forgets_lora: bool = False
    fit: float = 1.0
    layers: dict[tuple[Any, ...], bytes] = field(default_factory=dict)
    modules: SimpleNamespace = field(default_factory=SimpleNamespace)

    @property
    def lora_folder(self) -> Path:
        return self.folder / "Lora"

    def add_model(self, name: str) -> Path:
        path = self.folder / "Stable-diffusion" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
        return path

    @property
    def loaded(self) -> str:
        model = self.modules.sd_models.model_data.sd_model
        return Path(model.sd_checkpoint_info.filename).name if model else ""


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, forge: bool = False, old: bool = False
) -> Webui:
    """Puts it into this process for a test. `old` is before version 1.9, without schedulers."""
    webui = Webui(folder, forge)
    webui.lora_folder.mkdir(parents=True)
    webui.data = {"sd_model_checkpoint": "own.safetensors", "CLIP_stop_at_last_layers": 2, "sd_lora": "None"}
    own = webui.add_model("own.safetensors")
    sd_models = _sd_models(webui)
    state = SimpleNamespace(interrupted=False, skipped=False, stopping_generation=False, job="")
    state.begin = lambda job: setattr(state, "job", job)
    state.end = lambda: setattr(state, "job", "")

    def set_option(key: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> None:
        webui.data[key] = value

    opts = SimpleNamespace(data=webui.data, data_labels=dict.fromkeys(webui.data), set=set_option)
    shared = SimpleNamespace(
        opts=opts, cmd_opts=SimpleNamespace(lora_dir=str(webui.lora_folder)), state=state
    )
    names = ["DPM++ 2M", "Euler a", "DDIM"] + (["DPM++ 2M Karras"] if old else [])
    sd_samplers = SimpleNamespace(all_samplers=[SimpleNamespace(name=name) for name in names])
    schedulers = SimpleNamespace(
        schedulers=[SimpleNamespace(label=label) for label in ("Automatic", "Karras")]
    )
    networks, network = _networks(webui)
    webui.modules = SimpleNamespace(shared=shared, sd_models=sd_models, networks=networks, state=state)
    contents: dict[str, Any] = {
        "modules": SimpleNamespace(__path__=[]),
        "modules.shared": shared,
        "modules.sd_models": sd_models,
        "modules.sd_samplers": sd_samplers,
        "modules.call_queue": SimpleNamespace(queue_lock=threading.Lock()),
        "modules.processing": _processing(webui),
        "networks": networks,
        "network": network,
    }
    if not old:
        contents["modules.sd_schedulers"] = schedulers
    for name, names_of in contents.items():
        if not isinstance(names_of, ModuleType):
            module = ModuleType(name)
            module.__dict__.update(vars(names_of))
            monkeypatch.setitem(sys.modules, name, module)
        else:
            monkeypatch.setitem(sys.modules, name, names_of)
    if old:
        monkeypatch.setitem(sys.modules, "modules.sd_schedulers", None)  # its import fails
    _load(webui, str(own))
    return webui


def _sd_models(webui: Webui) -> SimpleNamespace:
    made = SimpleNamespace(
        checkpoints_list={}, checkpoint_aliases={}, model_data=SimpleNamespace(sd_model=None)
    )

    def list_models() -> None:
        for path in sorted((webui.folder / "Stable-diffusion").iterdir()):
            info = SimpleNamespace(filename=str(path), title=path.name, name=path.name)
            made.checkpoints_list.setdefault(path.name, info)
            made.checkpoint_aliases[path.name] = made.checkpoints_list[path.name]

    def get_closet_checkpoint_match(search_string: str) -> Any:
        return made.checkpoint_aliases.get(search_string)

    def reload_model_weights() -> None:
        if not webui.forge:
            _load(webui, made.checkpoint_aliases[webui.data["sd_model_checkpoint"]].filename)

    made.list_models, made.get_closet_checkpoint_match = list_models, get_closet_checkpoint_match
    made.reload_model_weights = reload_model_weights
    list_models()
    return made


def _load(webui: Webui, filename: str) -> None:
    model_data = webui.modules.sd_models.model_data
    if model_data.sd_model and model_data.sd_model.sd_checkpoint_info.filename == filename:
        return
    webui.loads.append(Path(filename).name)
    webui.layers.clear()
    model_data.sd_model = SimpleNamespace(sd_checkpoint_info=SimpleNamespace(filename=filename))
    if webui.forge:
        model_data.sd_model.forge_objects_original = SimpleNamespace(unet=object(), clip=object())


def _networks(webui: Webui) -> tuple[ModuleType, ModuleType]:
    networks, network = ModuleType("networks"), ModuleType("network")
    networks.available_networks = {}  # type: ignore[attr-defined]
    networks.available_network_aliases = {}  # type: ignore[attr-defined]
    networks.available_network_hash_lookup = {}  # type: ignore[attr-defined]
    networks.loaded_networks = []  # type: ignore[attr-defined]

    class NetworkOnDisk:
        def __init__(self, name: str, filename: str) -> None:
            self.name, self.filename = name, filename
            self.shorthash = hashlib.sha256(Path(filename).read_bytes()).hexdigest()[:12]
            networks.available_network_hash_lookup[self.shorthash] = self  # type: ignore[attr-defined]

    def list_available_networks() -> None:
        for known in (networks.available_networks, networks.available_network_aliases):  # type: ignore[attr-defined]
            known.clear()
        for path in webui.lora_folder.rglob("*.safetensors"):
            entry = NetworkOnDisk(path.stem, str(path))
            for name in (path.stem, f"alias of {path.stem}"):
                networks.available_network_aliases[name] = entry  # type: ignore[attr-defined]
            networks.available_networks[path.stem] = entry  # type: ignore[attr-defined]

    network.NetworkOnDisk = NetworkOnDisk  # type: ignore[attr-defined]
    networks.list_available_networks = list_available_networks  # type: ignore[attr-defined]
    return networks, network


def _processing(webui: Webui) -> SimpleNamespace:
    class StableDiffusionProcessingTxt2Img:
        cached_c: ClassVar[list[Any]] = [None, None]
        cached_uc: ClassVar[list[Any]] = [None, None]

        def __init__(self, **arguments: Any) -> None:
            self.scheduler = None
            self.__dict__.update(arguments)
            self.closed = False

        def close(self) -> None:
            self.closed = True

    def process_images(p: Any) -> Any:
        stored = {key: webui.data[key] for key in p.override_settings}
        aliases = webui.modules.sd_models.checkpoint_aliases
        try:
            if aliases.get(p.override_settings.get("sd_model_checkpoint")) is None:
                p.override_settings.pop("sd_model_checkpoint", None)
            webui.data.update(p.override_settings)
            _load(webui, aliases[webui.data["sd_model_checkpoint"]].filename)
            return _picture(webui, p)
        finally:
            webui.data.update(stored)

    return SimpleNamespace(
        StableDiffusionProcessingTxt2Img=StableDiffusionProcessingTxt2Img, process_images=process_images
    )


def _picture(webui: Webui, p: Any) -> Any:
    """A colour that depends on all that a picture depends on."""
    if webui.fails:
        raise webui.fails
    networks = webui.modules.networks
    wanted = LORA.findall(p.prompt)
    if webui.data["sd_lora"] != "None":
        wanted.append((webui.data["sd_lora"], "1.0", "1.0"))
    if any(name not in networks.available_network_aliases for name, _, _ in wanted):
        networks.list_available_networks()
    comments, applied = [], []
    networks.loaded_networks.clear()
    for name, te, unet in wanted:
        entry = networks.available_network_aliases.get(name)
        if entry is None or webui.forgets_lora:
            comments += [] if webui.forge else [f"Lora not found: {name}"]
            continue
        net = SimpleNamespace(
            name=name, network_on_disk=entry, te_multiplier=float(te), unet_multiplier=float(unet), modules={}
        )
        networks.loaded_networks.append(net)
        applied.append(_apply(webui, net))
    if webui.says_errors:
        comments.append(f"Networks with errors: {wanted[0][0]} (136)")
    if webui.interrupts:
        webui.modules.state.interrupted = True
    if p.cached_c[0] != p.prompt:  # the text encoder runs once for a prompt and tag
        p.cached_c[:] = [p.prompt, list(applied)]
    applied.append(p.cached_c[1])
    prompt = LORA.sub("", p.prompt).strip()
    depends = [webui.loaded, applied, prompt, p.negative_prompt, p.seed, p.steps, p.cfg_scale, p.sampler_name,
               p.scheduler, webui.data["CLIP_stop_at_last_layers"]]  # fmt: skip
    colour = hashlib.sha256(repr(depends).encode()).digest()[:3]
    webui.pictures += 1
    infotext = f"{p.prompt}\nSteps: {p.steps}, Sampler: {p.sampler_name}, Schedule type: {p.scheduler}, CFG scale: {p.cfg_scale}, Seed: {p.seed}, Size: {p.width}x{p.height}, Model hash: 0123456789, Model: {Path(webui.loaded).stem}"  # noqa: E501
    if wanted:
        infotext += f', Lora hashes: "{wanted[0][0]}: 012345678901", Version: v1.10.1'
    return SimpleNamespace(
        images=[Image.new("RGB", (p.width, p.height), tuple(colour))],
        infotexts=[infotext],
        comments="".join(f"{comment}\n" for comment in comments),
        index_of_first_image=0,
    )


def _apply(webui: Webui, net: Any) -> Any:
    """The content that its layers have by now; a name's or, in Forge, a file's is kept from its first time."""
    content = Path(net.network_on_disk.filename).read_bytes()
    head = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    modules = sorted({name.split(".")[0] for name in head if name != "__metadata__"})
    fitting = modules[: round(len(modules) * webui.fit)]
    key = (net.network_on_disk.filename if webui.forge else net.name, net.te_multiplier, net.unet_multiplier)
    kept = webui.layers.setdefault(key, content)
    model = webui.modules.sd_models.model_data.sd_model
    if webui.forge:
        original = model.forge_objects_original
        model.forge_objects_after_applying_lora = (
            SimpleNamespace(unet=object(), clip=object()) if len(fitting) == len(modules) else original
        )
    else:
        net.modules.update(dict.fromkeys(fitting))
    return hashlib.sha256(kept).hexdigest(), net.te_multiplier, net.unet_multiplier
