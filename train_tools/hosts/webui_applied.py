"""What of a LoRA a webui really applied, counted after the picture; and clean weights after an error.

AUTOMATIC1111 keeps the layers in `loaded_networks`. Forge's kind says nothing, and always clones its patcher in some
versions, so that the patches are counted: Forge's by file (`lora_patches`), the others' by weight (`patches`), Neo's
with SVDQ by file in the model's `loras`. A part at weight 0 may have none.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from train_tools.hosts import modules
from train_tools.hosts.interface import HostError
from train_tools.hosts.lora_shapes import Layer
from train_tools.hosts.webui_fit import Targets, active, is_nunchaku
from train_tools.hosts.webui_lora import Placed

COMPLAINTS = ("not found", "with errors")  # of the webui's comments on networks


def counted(
    lora: Placed | None, targets: Targets | None, text: float, unet: float, comments: str, model: Any
) -> tuple[int, int] | None:
    """How many layers were applied, of how many that should be; None without a LoRA.

    Raises HostError unless the picture was made with this LoRA alone, whole and at these weights.
    """
    for line in comments.splitlines():
        if any(words in line for words in COMPLAINTS):
            raise HostError(f"the webui couldn't apply the LoRA: {line}")
    loaded = list(getattr(sys.modules.get("networks"), "loaded_networks", []))
    names = [net.name for net in loaded]
    if names != ([lora.name] if lora else []):
        raise HostError(
            f"the webui applied {', '.join(names) or 'no LoRA'} instead of {'the LoRA alone' if lora else 'none'}"
        )
    if lora is None:
        return None
    used = active(lora.layers, targets, text, unet)
    if hasattr(model, "forge_objects"):
        applied = _of_forge(lora, used, targets, model)
    else:
        applied = _of_a1111(loaded[0], used, targets, text, unet)
    if applied != len(used):
        raise HostError(
            f"the webui applied only {applied} of the LoRA's {len(used)} layers; was it trained on this base model?"
        )
    return applied, len(used)


def _of_a1111(net: Any, used: Sequence[Layer], targets: Targets | None, text: float, unet: float) -> int:
    if (net.te_multiplier, net.unet_multiplier) != (text, unet):
        raise HostError(
            f"the webui applied the LoRA at {net.te_multiplier:g} (text encoder) and {net.unet_multiplier:g} (UNet)"
        )
    if targets is None:
        return min(len(net.modules), len(used))
    return sum(layer.name in targets and targets[layer.name].weight in net.modules for layer in used)


def _of_forge(lora: Placed, used: Sequence[Layer], targets: Targets | None, model: Any) -> int:
    objects = getattr(model, "forge_objects_after_applying_lora", None)
    if objects is None:  # Classic, where no LoRA is applied
        return 0
    if is_nunchaku():
        files = [entry[0] for entry in objects.unet.model.diffusion_model.loras]
        return sum(not layer.is_text for layer in used) if str(lora.file) in files else 0
    unet, text = _patched(objects.unet, lora), _patched(objects.clip.patcher, lora)
    if targets is None:
        return min(len(unet) + len(text), len(used))
    here = [targets[layer.name] for layer in used if layer.name in targets]
    return sum(target.weight in (text if target.is_text else unet) for target in here)


def _patched(patcher: Any, lora: Placed) -> set[str]:
    """The weights that this file changes."""
    by_file = getattr(patcher, "lora_patches", None)
    if by_file is None:
        return set(patcher.patches)
    return {key for mark, patches in by_file.items() if mark[0] == str(lora.file) for key in patches}


@contextlib.contextmanager
def cleaned_after_errors() -> Iterator[None]:
    """Whatever fails, the next picture is made with the model's own weights."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(Exception):  # of two errors the first says more
            clean()
        raise


def clean() -> None:
    """As the webui's next picture without a LoRA does it, and what it wouldn't do.

    Forge notes which patches are in the weights after the last of them: after an error it takes half of them for none.
    """
    model = modules.part("sd_models", "model_data").sd_model
    networks = sys.modules.get("networks")
    if networks is not None and hasattr(networks, "load_networks"):
        with contextlib.suppress(Exception):
            networks.load_networks([], [], [])
    original = getattr(model, "forge_objects_original", None) or getattr(model, "forge_objects", None)
    if original is None:
        _restore_layers(networks, model)
        return
    patchers = [original.unet, original.clip.patcher]
    for patcher in patchers:
        if hasattr(patcher, "lora_loader"):
            patcher.lora_loader.refresh({}, offload_device=patcher.offload_device, force_refresh=True)
    if not hasattr(patchers[0], "lora_loader"):
        _unpatch(patchers)


def _unpatch(patchers: Sequence[Any]) -> None:
    """Neo, reForge, Classic: what leaves the GPU gets its own weights back."""
    for name in ("backend.memory_management", "ldm_patched.modules.model_management"):
        unload = getattr(modules.anywhere(name), "unload_all_models", None)
        if callable(unload):
            unload()
            break
    for patcher in patchers:
        if getattr(patcher, "backup", None):
            patcher.unpatch_model(patcher.offload_device)


def _restore_layers(networks: Any, model: Any) -> None:
    """AUTOMATIC1111 restores a layer when it is next run with other LoRAs; one that was cut off didn't note its own."""
    restore = getattr(networks, "network_restore_weights_from_backup", None)
    if restore is None:
        return
    import torch

    with torch.no_grad():
        for layer in (getattr(model, "network_layer_mapping", None) or {}).values():
            if getattr(layer, "network_weights_backup", None) is not None:
                restore(layer)
                layer.network_current_names = ()
