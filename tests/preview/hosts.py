"""A webui behind its bridge (`hosts.bridge_client.BridgeClient`), without its process: it draws squares.

Its infotexts are those of AUTOMATIC1111 v1.10.1 and Forge dfdcbab6: fields, order and quotes as they write them.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_tools.hosts.interface import BaseModel, Folders, HostError, HostGoneError, ModelRefusedError


@dataclass
class Bridge:
    """`models` are the files that it lists, `settings` what `picture_settings` answers. What it was asked is kept.

    `breaks_at` fails the picture of that number; `refused` are models that it can't load; from picture `goes_at` on it
    is gone.
    """

    models: list[Path] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=lambda: {
        "host": "AUTOMATIC1111's webui v1.10.1", "vae": "Automatic", "modules": [], "ensd": 0, "rng": "GPU",
        "options": {},
    })  # fmt: skip
    breaks_at: int = -1
    goes_at: int = -1
    refused: list[Path] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    files: list[bytes | None] = field(default_factory=list)

    def base_models(self) -> list[BaseModel]:
        self._be_there()
        return [BaseModel(model.name, model) for model in self.models]

    def samplers(self) -> list[str]:
        return ["DPM++ 2M", "Euler a", "Euler", "DDIM", "Restart"]

    def schedulers(self) -> list[str]:
        return ["Automatic", "Uniform", "Karras", "Simple"]

    def folders(self) -> Folders:
        return Folders(Path("/webui"), Path("/webui/models/Lora"), Path("/webui/models"))

    def picture_settings(self) -> Mapping[str, Any]:
        self._be_there()
        return self.settings

    def _be_there(self) -> None:
        if 0 <= self.goes_at <= len(self.requests):
            raise HostGoneError("the webui doesn't answer (Connection refused); is the webui still running?")

    def render(self, request: Mapping[str, Any]) -> bytes:
        self._be_there()
        self.requests.append(dict(request))
        self.files.append(Path(request["lora"]).read_bytes() if request["lora"] else None)
        if Path(request["base_model"]) in self.refused:
            raise ModelRefusedError(
                f"the webui couldn't load {Path(request['base_model']).name}: RuntimeError: shapes"
            )
        if len(self.requests) - 1 == self.breaks_at:
            raise HostError("the LoRA doesn't fit this base model; was it trained on it?")
        info = PngInfo()
        info.add_itxt("parameters", self.infotext(request))
        file = io.BytesIO()
        Image.new("RGB", (request["width"], request["height"]), "teal").save(file, "PNG", pnginfo=info)
        return file.getvalue()

    def infotext(self, request: Mapping[str, Any]) -> str:
        tag = f" <lora:train-tools-1:{request['weight_te']}>" if request["lora"] else ""
        modules = [file for file in (request.get("vae"), *(request.get("modules") or ())) if file]
        if "modules" not in request and self.settings.get("modules"):
            modules = self.settings["modules"]
        named = "".join(f"Module {n}: {Path(file).stem}, " for n, file in enumerate(modules, start=1))
        version = str(self.settings["host"]).split()[-1] if self.settings else "v1.10.1"
        return (
            f"{request['prompt']}{tag}\nNegative prompt: {request['negative_prompt']}\nSteps: {request['steps']}, "
            f"Sampler: {request['sampler']}, Schedule type: {request['scheduler']}, CFG scale: 3.0, Seed: 1, "
            f"Size: 64x64, Model hash: 6ce0161689, Model: base, {named}"
            'Lora hashes: "train-tools-1: 123456789012", '
            f"Version: {version}"
        )
