"""Settings that are known, but from which no LoRA can be trained here: by name, with what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DIFFUSION_PIPE = ("micro_batch_size_per_gpu", "pipeline_stages", "activation_checkpointing", "partition_method",
                  "gradient_clipping", "caching_batch_size")  # fmt: skip
MUSUBI_DATA = (
    "image_directory",
    "video_directory",
    "image_jsonl_file",
    "video_jsonl_file",
    "cache_directory",
)
MUSUBI_MODULES = ("networks.lora_wan", "networks.lora_qwen_image", "networks.lora_flux_2", "networks.lora_framepack",
                  "networks.lora_zimage", "networks.lora_kandinsky", "networks.lora_hv", "networks.lora_krea2",
                  "networks.lora_flux_kontext", "networks.lora_hidream", "networks.lora_ideogram")  # fmt: skip
MUSUBI_KEYS = ("dit", "text_encoder1", "t5", "dit_high_noise", "task")
SET_BY_HAND = "set learning_rate, network_dim, network_alpha and max_train_epochs by hand"


def foreign(data: Mapping[str, Any]) -> str:
    """The sentence; empty where it is nothing of the kind."""
    for known in (_diffusion_pipe, _musubi, _simple_tuner, _accelerate, _lists):
        if sentence := known(data):
            return sentence
    return ""


def _diffusion_pipe(data: Mapping[str, Any]) -> str:
    model, adapter = data.get("model"), data.get("adapter")
    has_model = isinstance(model, Mapping) and isinstance(model.get("type"), str)
    if has_model and (isinstance(adapter, Mapping) or any(key in data for key in DIFFUSION_PIPE)):
        return (
            f"these are settings of diffusion-pipe for {model['type']}, which aren't read here; {SET_BY_HAND}"  # type: ignore[index]
        )
    if isinstance(data.get("directory"), list):
        return (
            "this is a dataset of diffusion-pipe; its pictures go into the version's own dataset, and resolution and "
            "buckets are set by hand"
        )
    return ""


def _musubi(data: Mapping[str, Any]) -> str:
    datasets = data.get("datasets")
    tables = [table for table in datasets if isinstance(table, Mapping)] if isinstance(datasets, list) else []
    if any(key in table for table in tables for key in MUSUBI_DATA):
        return (
            "this is a dataset of musubi-tuner, which trains models that can't be trained here; its pictures go into "
            "the version's own dataset"
        )
    flat = {
        key: value
        for table in (data, *data.values())
        if isinstance(table, Mapping)
        for key, value in table.items()
    }
    module = str(flat.get("network_module") or "")
    if module in MUSUBI_MODULES or (any(key in flat for key in MUSUBI_KEYS) and "network_module" in flat):
        return (
            f"these are settings of musubi-tuner ({module}), which trains models that can't be trained here; "
            f"{SET_BY_HAND}"
        )
    return ""


def _simple_tuner(data: Mapping[str, Any]) -> str:
    names = {key.lstrip("-") for key in data}
    if "data_backend_config" in names or {"model_family", "lora_rank", "model_type"} <= names:
        return f"these are settings of SimpleTuner, which aren't read here; {SET_BY_HAND}"
    return ""


def _accelerate(data: Mapping[str, Any]) -> str:
    if {"compute_environment", "distributed_type"} <= set(data):
        return (
            "this is accelerate's own configuration: it says how processes are started, nothing of a training"
        )
    return ""


def _lists(data: Mapping[str, Any]) -> str:
    if "nodes" in data and "links" in data:
        return "this is a workflow of ComfyUI, which says nothing of a training"
    return ""


def foreign_list(data: list[Any]) -> str:
    """Of a JSON or YAML that is a list."""
    tables = [table for table in data if isinstance(table, Mapping)]
    if any({"path", "text", "image"} <= set(table) for table in tables):
        return (
            "this is OneTrainer's list of concepts; import its configuration, which its page exports as well"
        )
    if any("prompt" in table for table in tables):
        return "this is a list of prompts for samples; import the configuration beside it"
    return ""
