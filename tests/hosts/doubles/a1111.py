"""AUTOMATIC1111's stable-diffusion-webui v1.10.1, commit 82a973c0 of 2024-07-27 (read, and run on 2026-11-29).

- modules/sd_models.py: SdModelData.sd_model, loaded_sd_models; send_model_to_cpu(m), send_model_to_device(m),
  send_model_to_trash(m); checkpoints_loaded; reload_model_weights(sd_model=None, info=None): loads what the settings
  name, and writes its title and hash into opts.data
- modules/sd_models_xl.py: sd_model.parameterization, "eps" or "v" by the .yaml alone; opts.sd_noise_schedule
- modules/sd_vae.py: see `vaes`
- extensions-builtin/Lora/networks.py: load_network(name, network_on_disk) matches a file's layers with
  sd_model.network_layer_mapping, drops those it doesn't find, and raises AssertionError for a kind that it doesn't
  know; load_networks puts it into loaded_networks; networks_in_memory keeps it by name; network_apply_weights: a layer
  keeps its weights while names and multipliers are the same, RuntimeErrors are counted and told as "Networks with
  errors: x (n)"; network_restore_weights_from_backup(layer). What isn't found is told as "Lora not found: x".
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from hosts.doubles.common import Double
from hosts.doubles.nets import TEXT, UNET, Weight, delta, read, seed_of
from hosts.doubles.vaes import WithSdVae


class Model:
    """`place` is where the real one's tensors would be, `places` where they have been sent to."""

    is_sd1 = True
    parameterization = "eps"

    def __init__(self, info: Any, text: Any = TEXT, unet: Any = UNET) -> None:
        self.sd_checkpoint_info = info
        self.filename = getattr(info, "filename", "")
        self.places: list[str] = []
        self.network_layer_mapping = {
            name: Layer(name, shape, seed_of(Path(self.filename)))
            for names, prefix in ((text, "transformer_"), (unet, "diffusion_model_"))
            for name, shape in ((prefix + key.replace(".", "_"), shape) for key, shape in names.items())
        }

    @property
    def place(self) -> str:
        return self.places[-1] if self.places else "gpu"

    def parameters(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(device=SimpleNamespace(type="cuda" if self.place == "gpu" else self.place))]


class Layer:
    def __init__(self, name: str, shape: tuple[int, ...], seed: str) -> None:
        self.network_layer_name = name
        number = int(hashlib.sha256(f"{seed}|{name}".encode()).hexdigest()[:8], 16)
        self.weight = Weight(np.random.default_rng(number).normal(size=shape))
        self.network_current_names: tuple[Any, ...] = ()
        self.network_weights_backup: Any = None


class Automatic1111(WithSdVae):
    NAME = "AUTOMATIC1111"
    DEFAULTS: ClassVar[dict[str, Any]] = {
        **Double.DEFAULTS, "sd_vae": "Automatic", "sd_vae_overrides_per_model_preferences": True,
    }  # fmt: skip

    def __init__(self, folder: Path, **how: Any) -> None:
        super().__init__(folder, **how)
        self.data = SimpleNamespace(sd_model=None, loaded_sd_models=[])
        self.errors: dict[str, int] = {}
        self.not_found: list[str] = []
        self.networks.networks_in_memory = {}  # type: ignore[attr-defined]
        self.networks.load_network = self.load_network  # type: ignore[attr-defined]
        self.networks.network_restore_weights_from_backup = restore  # type: ignore[attr-defined]

    def sd_models(self) -> dict[str, Any]:
        def send(place: str) -> Any:
            def send_to(m: Model) -> None:
                m.places.append(place)

            return send_to

        return {
            **super().sd_models(), "reload_model_weights": self.load_chosen, "checkpoints_loaded": {"a": {}},
            "send_model_to_cpu": send("cpu"), "send_model_to_device": send("gpu"), "send_model_to_trash": send("meta"),
        }  # fmt: skip

    def load_chosen(self) -> None:
        info = self.select_checkpoint()
        if self.data.sd_model is not None and self.data.sd_model.filename == info.filename:
            return
        if "broken" in info.name:
            raise RuntimeError("Error(s) in loading state_dict\nfor LatentDiffusion")
        self.loads.append(info.name)
        self.data.sd_model = Model(info, self.text, self.unet)
        self.data.sd_model.parameterization = "v" if self.velocity else "eps"
        self.data.loaded_sd_models[:] = [self.data.sd_model]
        self.opts.data |= {"sd_model_checkpoint": info.title, "sd_checkpoint_hash": info.sha256}
        self.model_is_new()

    # LoRA

    def load_network(self, name: str, network_on_disk: Any) -> Any:
        net = SimpleNamespace(name=name, network_on_disk=network_on_disk, modules={})
        weights: dict[str, dict[str, Any]] = {}
        keys: dict[str, str] = {}
        for key, tensor in read(network_on_disk.filename).items():
            layer, _, part = key.partition(".")
            known = layer.replace("lora_unet_", "diffusion_model_").replace("lora_te_", "transformer_")
            if known in self.data.sd_model.network_layer_mapping:
                weights.setdefault(known, {})[part] = tensor
                keys.setdefault(known, key)
        for known, parts in weights.items():
            if "lora_up.weight" not in parts:
                raise AssertionError(
                    f"Could not find a module type that would accept those keys: {', '.join(parts)}"
                )
            layer = self.data.sd_model.network_layer_mapping[known]
            net.modules[known] = SimpleNamespace(
                network_key=keys[known], shape=layer.weight.shape, parts=parts
            )
        return net

    def load_networks(self, names: list[str], te_multipliers: Any = None, unet_multipliers: Any = None,
                      dyn_dims: Any = None) -> None:  # fmt: skip
        networks: Any = self.networks
        networks.loaded_networks.clear()
        self.errors.clear()
        self.not_found = []
        for index, (name, entry) in enumerate(zip(names, self.on_disk(names), strict=True)):
            if entry is None:
                self.not_found.append(name)
                continue
            net = networks.networks_in_memory.pop(name, None) or self.load_network(name, entry)
            net.te_multiplier, net.unet_multiplier = te_multipliers[index], unet_multipliers[index]
            networks.loaded_networks.append(net)

    def weights(self, p: Any) -> tuple[str, str]:
        layers = self.data.sd_model.network_layer_mapping.values()
        for layer in layers:
            self._apply(layer)
        found = []
        for prefix in ("transformer_", "diffusion_model_"):
            content = b"".join(
                np.ascontiguousarray(layer.weight.array).round(9).tobytes()
                for layer in layers
                if layer.network_layer_name.startswith(prefix)
            )
            found.append(hashlib.sha256(content).hexdigest())
        return found[0], found[1]

    def _apply(self, layer: Layer) -> None:
        loaded = self.networks.loaded_networks  # type: ignore[attr-defined]
        wanted = tuple((net.name, net.te_multiplier, net.unet_multiplier) for net in loaded)
        if layer.network_weights_backup is None and wanted:
            layer.network_weights_backup = layer.weight.array.copy()
        if layer.network_current_names == wanted:
            return
        restore(layer)
        for net in loaded:
            module = net.modules.get(layer.network_layer_name)
            if module is None:
                continue
            multiplier = (
                net.te_multiplier if "transformer" in layer.network_layer_name[:20] else net.unet_multiplier
            )
            try:
                change = delta(
                    module.parts["lora_up.weight"], module.parts["lora_down.weight"], layer.weight.shape
                )
                layer.weight.array = layer.weight.array + change * multiplier
            except RuntimeError:
                self.errors[net.name] = self.errors.get(net.name, 0) + 1
        layer.network_current_names = wanted

    def comments(self) -> list[str]:
        found = [f"Lora not found: {name}" for name in self.not_found]
        told = ", ".join(f"{name} ({count})" for name, count in self.errors.items())
        return [*found, *([f"Networks with errors: {told}"] if told else [])]


def restore(layer: Layer) -> None:
    if layer.network_weights_backup is not None:
        layer.weight.array = layer.network_weights_backup.copy()
