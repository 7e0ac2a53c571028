"""modules/sd_vae.py of AUTOMATIC1111 v1.10.1, which reForge and Classic have, too.

vae_dict {name: path}, refresh_vae_list(), reload_vae_weights(sd_model=None): by opts.sd_vae ("Automatic", "None", a
name); get_loaded_vae_name(). The model's own is kept as `base_vae` while another is loaded, unless `checkpoint_info` is
the model's already; without it nothing is put back. A model that was loaded before brings its `base_vae` and its info
along: reForge does that at each picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hosts.doubles.common import Double

OWN = "the model's own"


class WithSdVae(Double):
    def contents(self) -> dict[str, dict[str, Any]]:
        vae = {
            "vae_dict": {}, "refresh_vae_list": self.refresh_vae_list, "reload_vae_weights": self.reload_vae_weights,
            "get_loaded_vae_name": self.get_loaded_vae_name, "base_vae": None, "loaded_vae_file": None,
            "checkpoint_info": None,
        }  # fmt: skip
        return {**super().contents(), "modules.sd_vae": vae}

    @property
    def sd_vae(self) -> Any:
        return self.modules()["modules.sd_vae"]

    def model_is_new(self) -> None:
        """As load_model ends."""
        self.sd_vae.base_vae = self.sd_vae.checkpoint_info = self.sd_vae.loaded_vae_file = None
        self.data.sd_model.vae, self.data.sd_model.base_vae = OWN, None
        self.reload_vae_weights()

    def model_is_taken_again(self) -> None:
        """set_sd_model(…, already_loaded=True)"""
        self.sd_vae.base_vae = self.data.sd_model.base_vae
        self.sd_vae.checkpoint_info = self.data.sd_model.sd_checkpoint_info

    def refresh_vae_list(self) -> None:
        self.sd_vae.vae_dict.clear()
        self.sd_vae.vae_dict.update(
            {file.name: str(file) for file in (self.models / "VAE").glob("*.safetensors")}
        )

    def reload_vae_weights(self, sd_model: Any = None) -> None:
        here, model = self.sd_vae, self.data.sd_model
        file = here.vae_dict.get(self.opts.sd_vae)
        if file == here.loaded_vae_file:
            return
        if file:
            if here.checkpoint_info != model.sd_checkpoint_info:
                assert not here.loaded_vae_file, "Trying to store non-base VAE!"
                here.base_vae, here.checkpoint_info = model.vae, model.sd_checkpoint_info
            model.vae = file
        else:
            if here.base_vae is not None and here.checkpoint_info == model.sd_checkpoint_info:
                model.vae = here.base_vae
            here.base_vae = here.checkpoint_info = None
        here.loaded_vae_file, model.base_vae = file, here.base_vae

    def get_loaded_vae_name(self) -> str | None:
        file = self.sd_vae.loaded_vae_file
        return Path(file).name if file else None

    def vae(self) -> str:
        return str(self.data.sd_model.vae)
