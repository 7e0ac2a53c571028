"""What the doubles share: the modules that the webuis have alike, and the flow of one picture.

Read off AUTOMATIC1111 v1.10.1 (82a973c0, 2024-07-27); the others are the same in this, or say what isn't:
- modules/processing.py: StableDiffusionProcessingTxt2Img is a dataclass; the caches of conditionings are its class's,
  `__post_init__` gives them to each. process_images: `before_process` of the scripts, override_settings (put back
  where they stood in opts.data, left where they didn't), the model, sd_samplers.fix_p_invalid_sampler_and_scheduler,
  p.init, the LoRAs of the prompt, conditionings, the picture. Processed(images, infotexts, comments: lines,
  index_of_first_image)
- modules/scripts.py: ScriptRunner() with alwayson_scripts
- modules/sd_models.py: checkpoints_list {title: CheckpointInfo(filename, title, name, ids, sha256)},
  checkpoint_aliases, list_models(), get_closet_checkpoint_match(s), select_checkpoint(), model_data.sd_model
- modules/options.py: Options.data, data_labels, an option that isn't in data has its label's default;
  set(key, value, is_api=False, run_callbacks=True)
- modules/shared_state.py: State.begin(job), end(), job, job_no, job_count, sampling_step, sampling_steps, interrupted,
  skipped, stopping_generation, interrupt()
- modules/shared_cmd_options.py: cmd_opts.disable_extension_access, set from share, listen, ngrok and server_name
- modules/sd_samplers.py: all_samplers [.name], visible_sampler_names(); modules/sd_schedulers.py: schedulers [.label]
- modules/call_queue.py: queue_lock = fifo_lock.FIFOLock(); modules/progress.py: pending_tasks {task: time}
- modules/paths.py: data_path, models_path; modules/devices.py: torch_gc(); modules/launch_utils.py: git_tag()
- modules/interrogate.py: InterrogateModels.load(), generate_caption(pil_image), unload(); shared.interrogator
- modules/deepbooru.py: DeepDanbooru.start(), tag_multi(pil_image, force_disable_ranks=False), stop(), model; offline
  modelloader.load_models gives an empty list, whose first is taken; `model` is set before its weights are loaded
- extensions-builtin/Lora/networks.py: available_networks, available_network_aliases, available_network_hash_lookup,
  forbidden_network_aliases, loaded_networks, list_available_networks(); network.py: NetworkOnDisk(name, filename)
- extensions-builtin/Lora/extra_networks_lora.py: `<lora:name:te:unet>`; opts.sd_lora is added to each prompt
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

from hosts.doubles.nets import TEXT, UNET, shapes_of
from hosts.doubles.parts import (
    CheckpointInfo,
    DeepDanbooru,
    InterrogateModels,
    Options,
    Processing,
    ScriptRunner,
    State,
)  # fmt: skip
from PIL import Image

LORA = re.compile(r"<lora:([^:>]+):([^:>]+):([^>]+)>")
LORA_MODULES = ("networks", "network")


class Double:
    """A host. `fails` is raised in the middle of a picture, `meanwhile` is called there."""

    NAME = ""
    DEFAULTS: ClassVar[dict[str, Any]] = {
        "sd_model_checkpoint": None, "sd_checkpoint_hash": "", "CLIP_stop_at_last_layers": 1, "sd_lora": "None",
        "eta_noise_seed_delta": 0, "randn_source": "GPU", "sd_noise_schedule": "Default",
    }  # fmt: skip
    ABSENT: tuple[str, ...] = ()  # modules that it doesn't have
    STEP = 8  # sizes are multiples of it
    PROCESSING: type[Any] = Processing
    SCHEDULERS: tuple[str, ...] = ("Automatic", "Karras")

    def __init__(self, folder: Path, *, is_offline: bool = False) -> None:
        self.folder = folder
        self.models = folder / "models"
        self.lora_folder = self.models / "Lora"
        self.data: Any = None  # model_data
        self.text: dict[str, tuple[int, ...]] = TEXT
        self.unet: dict[str, tuple[int, ...]] = UNET
        self.lock = threading.Lock()
        self.state = State()
        self.cmd_opts = SimpleNamespace(
            lora_dir=str(self.lora_folder), disable_extension_access=False, enable_insecure_extension_access=False,
            api_auth=None, clip_models_path=None,
        )  # fmt: skip
        self.opts = Options(self.DEFAULTS, {})
        self.interrogator: Any = InterrogateModels()
        self.deepbooru: Any = DeepDanbooru(self.models / "torch_deepdanbooru", is_offline=is_offline)
        self.checkpoints: dict[str, CheckpointInfo] = {}
        self.aliases: dict[str, CheckpointInfo] = {}
        self.loads: list[str] = []
        self.freed: list[str] = []
        self.rescans: list[str] = []
        self.pending: dict[str, float] = {}
        self.pictures = 0
        self.sent = 0
        self.velocity = False  # whether it takes the models that it loads for such that predict velocity
        self.fails: Exception | None = None
        self.meanwhile: Any = lambda: None
        self.processing = type("StableDiffusionProcessingTxt2Img", (self.PROCESSING,), {})
        self.networks, self.network = ModuleType("networks"), ModuleType("network")
        self._found: dict[str, ModuleType] = {}

    # What tests do

    def add_model(self, name: str) -> Path:
        path = self.models / "Stable-diffusion" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
        return path

    def add_vae(self, name: str) -> Path:
        path = self.models / "VAE" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
        return path

    def begin(self) -> None:
        """As after its start: two models are known, and the first is loaded; none of it lies on the disk."""
        self._know(CheckpointInfo(self.folder / name) for name in ("a.safetensors", "b.ckpt"))
        self.load_chosen()
        self.loads.clear()

    def ready(self) -> Any:
        """With files: a model of its own, chosen and loaded."""
        own = self.add_model("own.safetensors")
        self.lora_folder.mkdir(parents=True, exist_ok=True)
        self.list_models()
        self.opts.data["sd_model_checkpoint"] = self.aliases[own.name].title
        self.chosen_anew()
        return self

    def has_layers_of(self, lora: Path) -> None:
        """Its models are of the kind that this LoRA was trained on."""
        self.text, self.unet = shapes_of(lora)
        self.data.sd_model = None
        self.load_chosen()
        self.loads.clear()

    def chosen_anew(self) -> None:
        """As when a person chooses a model."""
        self.load_chosen()

    @property
    def loaded(self) -> str:
        info = getattr(self.data.sd_model, "sd_checkpoint_info", None)
        return Path(info.filename).name if info else ""

    def own_picture(self, prompt: str = "a zorb", **changes: Any) -> Any:
        """The webui's own txt2img: its page's, without anything of ours."""
        p = self.processing(
            prompt=prompt, seed=1, steps=2, cfg_scale=5.0, width=64, height=64, sampler_name="Euler a",
            scheduler="Automatic" if self.SCHEDULERS else None, **changes,
        )  # fmt: skip
        p.cached_c, p.cached_uc = self.PROCESSING.cached_c, self.PROCESSING.cached_uc
        p.scripts = ScriptRunner()
        return self.process_images(p).images[0].getpixel((0, 0))

    # Its modules

    def modules(self) -> dict[str, ModuleType]:
        if not self._found:
            contents = self.contents()
            for name in contents:
                self._found[name] = ModuleType(name)
                self._found[name].__dict__.update(contents[name])
            self._found |= self.lora_modules()
        return self._found

    def contents(self) -> dict[str, dict[str, Any]]:
        names = ["DPM++ 2M", "Euler a", "DDIM"] + ([] if self.SCHEDULERS else ["DPM++ 2M Karras"])
        found: dict[str, dict[str, Any]] = {
            "modules": {"__path__": []},
            "modules.shared": {
                "interrogator": self.interrogator, "state": self.state, "cmd_opts": self.cmd_opts, "opts": self.opts,
                "demo": SimpleNamespace(share=False),
            },
            "modules.call_queue": {"queue_lock": self.lock},
            "modules.progress": {"pending_tasks": self.pending},
            "modules.sd_models": self.sd_models(),
            "modules.sd_samplers": {
                "all_samplers": [SimpleNamespace(name=name) for name in names],
                "visible_sampler_names": lambda: names,
            },
            "modules.paths": {"data_path": str(self.folder), "models_path": str(self.models)},
            "modules.devices": {"torch_gc": lambda: None},
            "modules.launch_utils": {"git_tag": lambda: "v1.10.1"},
            "modules.scripts": {"ScriptRunner": ScriptRunner},
            "modules.processing": {
                "process_images": self.process_images, "StableDiffusionProcessingTxt2Img": self.processing, "opt_f": 8,
                "need_global_unload": False,
            },
        }  # fmt: skip
        if self.deepbooru is not None:
            found["modules.deepbooru"] = {"model": self.deepbooru}
        if self.SCHEDULERS:
            labels = [SimpleNamespace(name=label.lower(), label=label) for label in self.SCHEDULERS]
            found["modules.sd_schedulers"] = {"schedulers": labels}
        return found

    def sd_models(self) -> dict[str, Any]:
        return {
            "checkpoints_list": self.checkpoints, "checkpoint_aliases": self.aliases, "model_data": self.data,
            "list_models": self.list_models, "get_closet_checkpoint_match": self.aliases.get,
            "select_checkpoint": self.select_checkpoint,
        }  # fmt: skip

    def list_models(self) -> None:
        self._know(map(CheckpointInfo, sorted((self.models / "Stable-diffusion").glob("*.safetensors"))))

    def _know(self, infos: Iterable[CheckpointInfo]) -> None:
        self.checkpoints.clear()
        self.aliases.clear()
        for info in infos:
            self.checkpoints[info.title] = info
            self.aliases.update(dict.fromkeys(info.ids, info))

    def select_checkpoint(self) -> CheckpointInfo:
        return self.aliases.get(self.opts.sd_model_checkpoint or "") or next(iter(self.checkpoints.values()))

    # Its Lora extension

    def lora_modules(self) -> dict[str, ModuleType]:
        networks: Any = self.networks
        for name in ("available_networks", "available_network_aliases", "available_network_hash_lookup"):
            setattr(networks, name, {})
        networks.forbidden_network_aliases = {}
        networks.loaded_networks = []
        networks.list_available_networks = self.list_available_networks
        networks.load_networks = self.load_networks
        self.network.NetworkOnDisk = self.network_on_disk  # type: ignore[attr-defined]
        return dict(zip(LORA_MODULES, (self.networks, self.network), strict=True))

    def network_on_disk(self, name: str, filename: str) -> Any:
        data = Path(filename).read_bytes()
        entry = SimpleNamespace(name=name, filename=filename, shorthash=hashlib.sha256(data).hexdigest()[:12])
        head = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        entry.alias = head.get("__metadata__", {}).get("ss_output_name", name)
        self.networks.available_network_hash_lookup[entry.shorthash] = entry  # type: ignore[attr-defined]
        return entry

    def lora_folders(self) -> list[str]:
        return [self.cmd_opts.lora_dir]

    def list_available_networks(self) -> None:
        networks: Any = self.networks
        self.rescans.append("all")
        for name in ("available_networks", "available_network_aliases", "available_network_hash_lookup"):
            getattr(networks, name).clear()
        networks.forbidden_network_aliases.clear()
        for folder in self.lora_folders():
            for path in sorted(Path(folder).rglob("*.safetensors")):
                entry = self.network_on_disk(path.stem, str(path))
                networks.available_networks[path.stem] = entry
                if entry.alias in networks.available_network_aliases:
                    self.forbid(entry.alias.lower())
                networks.available_network_aliases[path.stem] = entry
                networks.available_network_aliases[entry.alias] = entry

    def forbid(self, alias: str) -> None:
        self.networks.forbidden_network_aliases[alias] = 1  # type: ignore[attr-defined]

    def on_disk(self, names: list[str]) -> list[Any]:
        """As load_networks begins: it looks for files again where one is missing."""
        aliases = self.networks.available_network_aliases  # type: ignore[attr-defined]
        if any(name not in aliases for name in names):
            self.list_available_networks()
        return [aliases.get(name) for name in names]

    # One picture; what hosts do otherwise, they override

    def load_networks(self, names: list[str], te_multipliers: Any = None, unet_multipliers: Any = None,
                      dyn_dims: Any = None) -> None:  # fmt: skip
        raise NotImplementedError

    def load_chosen(self) -> None:
        """What process_images loads."""
        raise NotImplementedError

    def apply_overrides(self, overrides: Mapping[str, Any]) -> None:
        for key, value in overrides.items():
            self.opts.set(key, value, is_api=True, run_callbacks=False)
        self.load_chosen()

    def weights(self, p: Any) -> tuple[str, str]:
        """Digests of the text encoder's and the UNet's weights as the picture is made with them."""
        raise NotImplementedError

    def vae(self) -> str:
        raise NotImplementedError

    def comments(self) -> list[str]:
        return []

    def process_images(self, p: Any) -> Any:
        if p.scripts is not None:
            p.scripts.before_process(p)
        stored = {key: self.opts.data[key] for key in p.override_settings if key in self.opts.data}
        try:
            if p.override_settings.get("sd_model_checkpoint") not in self.aliases:
                p.override_settings.pop("sd_model_checkpoint", None)
            self.apply_overrides(p.override_settings)
            if p.sampler_name not in ("DPM++ 2M", "Euler a", "DDIM", "DPM++ 2M Karras"):
                p.sampler_name = "DPM++ 2M"
            return self.inner(p)
        finally:
            for key, value in stored.items():
                self.opts.data[key] = value

    def inner(self, p: Any) -> Any:
        p.width, p.height = self.rounded(p.width), self.rounded(p.height)
        p.init([p.prompt], [p.seed], [p.seed])
        self.meanwhile()
        self.activate(p)
        if self.fails:
            raise self.fails
        text, unet = self.weights(p)
        skip = self.opts.CLIP_stop_at_last_layers
        if p.cached_c[0] != (
            key := (p.prompt, skip, self.loaded)
        ):  # once for a prompt and tag, whatever its file holds
            p.cached_c[:] = [key, (text, skip)]
        depends = [p.cached_c[1], unet, self.vae(), LORA.sub("", p.prompt).strip(), p.negative_prompt, p.seed, p.steps,
                   p.cfg_scale, p.sampler_name, p.scheduler, *self.depends(p)]  # fmt: skip
        colour = hashlib.sha256(repr(depends).encode()).digest()[:3]
        self.pictures += 1
        size = (p.width // 8 * 8, p.height // 8 * 8)
        return SimpleNamespace(
            images=[Image.new("RGB", size, tuple(colour))],
            infotexts=[self.infotext(p)],
            comments="".join(f"{comment}\n" for comment in self.comments()),
            index_of_first_image=0,
        )

    def depends(self, p: Any) -> list[Any]:
        return []

    def rounded(self, side: int) -> int:
        return side

    def activate(self, p: Any) -> None:
        wanted = LORA.findall(p.prompt)
        if self.opts.sd_lora != "None":
            wanted.append((self.opts.sd_lora, "1.0", "1.0"))
        names, te, unet = ([part(x) for x in column] for part, column in zip(
            (str, float, float), zip(*wanted, strict=True) if wanted else ((), (), ()), strict=True))  # fmt: skip
        self.load_networks(names, te, unet)

    def infotext(self, p: Any) -> str:
        lines = f"{p.prompt}\nSteps: {p.steps}, Sampler: {p.sampler_name}, Schedule type: {p.scheduler}, "
        lines += (
            f"CFG scale: {p.cfg_scale}, Seed: {p.seed}, Size: {p.width}x{p.height}, Model hash: 0123456789, "
        )
        lines += f"Model: {Path(self.loaded).stem}"
        if found := LORA.findall(p.prompt):
            lines += f', Lora hashes: "{found[0][0]}: 012345678901", Version: v1.10.1'
        return lines
