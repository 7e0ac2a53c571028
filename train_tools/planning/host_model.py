"""The base model that new versions start with: the one that the webui has loaded."""

from __future__ import annotations

from pathlib import Path

from train_tools.hosts import bridge_client
from train_tools.hosts.interface import HostError
from train_tools.planning.setting_text import quoted

BASE = "pretrained_model_name_or_path"


def chosen_in_webui(root: Path) -> dict[str, str]:
    """As a training's settings; {} where no webui runs, it has none loaded, or its file isn't here."""
    try:
        host = bridge_client.find(root)
        models = host.base_models() if host is not None else []
    except HostError:
        return {}
    file = next((model.file for model in models if model.is_chosen), None)
    if file is None or not file.is_file():
        return {}
    return {BASE: quoted(str(file)) if "," in str(file) else str(file)}
