"""The base model, VAE and text encoders of one picture, loaded as each webui loads them; afterwards the webui's own.

AUTOMATIC1111, reForge, Classic: the option `sd_model_checkpoint`, then `sd_models.reload_model_weights`; the VAE is
the option `sd_vae`, then `sd_vae.reload_vae_weights`. Forge and Neo: `forge_model_reload` loads what
`model_data.forge_loading_parameters` names, which `main_entry.refresh_model_loading_parameters` makes of the options
`sd_model_checkpoint` and `forge_additional_modules` (paths of VAE and text encoders together).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from train_tools.errors import TrainToolsError
from train_tools.hosts import modules
from train_tools.hosts.interface import HostError, ModelRefusedError
from train_tools.hosts.webui_options import ABSENT

MODEL, MODEL_HASH = "sd_model_checkpoint", "sd_checkpoint_hash"
MODULES, VAE = "forge_additional_modules", "sd_vae"
TEXT_ENCODER = "sd_text_encoder"
OWN_VAE = "None"  # what `sd_vae` says for the one in the model


class Base:
    """What is wanted of one picture. `vae` and `text_encoders` as in RenderRequest."""

    def __init__(self, base_model: str, vae: str | None, text_encoders: Sequence[str] | None) -> None:
        self._models: Any = modules.module("sd_models")
        self._file = base_model
        self._vae_file = vae
        self._chosen_meanwhile = False
        self.info = self._find(base_model)
        self.options: dict[str, Any] = {MODEL: self.info.title}
        if self.is_forge:
            self.options |= self._modules(vae, text_encoders)
        else:
            self.options |= self._vae(vae)
            self._refuse_text_encoders(text_encoders)

    @property
    def is_forge(self) -> bool:
        return hasattr(self._models, "forge_model_reload")

    @property
    def model(self) -> Any:
        """The loaded one, without loading one."""
        return self._models.model_data.sd_model

    def names(self) -> list[Any]:
        """What the webui may call the model in its options; its title changes once its hash is known."""
        info = self.info
        return [info.title, *getattr(info, "ids", []), getattr(info, "sha256", None)]

    def _find(self, base_model: str) -> Any:
        """The webui's entry of the file; looks for new files once."""
        for attempt in range(2):
            for info in list(self._models.checkpoints_list.values()):
                if same_file(info.filename, base_model):
                    return info
            if not attempt:
                self._models.list_models()
        raise ModelRefusedError(
            f"the webui doesn't have the base model {base_model}; put it into its models folder, or render with "
            "renderer=diffusers"
        )

    def _modules(self, vae: str | None, text_encoders: Sequence[str] | None) -> dict[str, Any]:
        if vae is None and text_encoders is None:
            return {}
        kept_vae, kept_text = split_modules(modules.option(MODULES) or [])
        wanted = kept_vae if vae is None else [vae] if vae else []
        wanted = [*wanted, *(kept_text if text_encoders is None else text_encoders)]
        for file in wanted:
            if not Path(file).is_file():
                raise HostError(f"{file} isn't there; choose another VAE or text encoder")
        return {MODULES: sorted(wanted)}

    def _refuse_text_encoders(self, wanted: Sequence[str] | None) -> None:
        if wanted:
            raise HostError(
                "this webui takes the text encoders from the base model; leave them to it, or render without it"
            )
        if wanted is not None and (chosen := _text_encoder()):
            raise HostError(
                f"the webui uses another text encoder than the base model's ({chosen[0]}); choose Automatic there"
            )

    def _vae(self, vae: str | None) -> dict[str, Any]:
        if vae is None:
            return {}
        if not vae:
            return {VAE: OWN_VAE, "sd_vae_overrides_per_model_preferences": True}
        sd_vae: Any = modules.module("sd_vae")
        for attempt in range(2):
            for name, file in getattr(sd_vae, "vae_dict", {}).items():
                if same_file(file, vae):
                    return {VAE: name, "sd_vae_overrides_per_model_preferences": True}
            if not attempt and hasattr(sd_vae, "refresh_vae_list"):
                sd_vae.refresh_vae_list()
        raise HostError(f"the webui doesn't have the VAE {vae}; put it into its models/VAE folder")

    @contextlib.contextmanager
    def loaded(self) -> Iterator[None]:
        """With the options set already. Raises HostError where the webui can't load it."""
        with self._forge_loads() if self.is_forge else self._loads():
            loaded = getattr(self.model, "sd_checkpoint_info", None)
            if loaded is None or not same_file(loaded.filename, self._file):
                there = Path(loaded.filename).name if loaded else "none"
                raise ModelRefusedError(
                    f"the webui loaded another base model ({there}) than {Path(self._file).name}; look into its log"
                )
            yield

    @contextlib.contextmanager
    def _loads(self) -> Iterator[None]:
        try:
            self._models.reload_model_weights()
            if VAE in self.options:
                _load_vae()
        except Exception as error:  # the webui's own code raises anything
            raise self._unloadable(error) from error
        yield

    @contextlib.contextmanager
    def _forge_loads(self) -> Iterator[None]:
        data: Any = self._models.model_data
        processing: Any = modules.module("processing")
        before, flag = data.forge_loading_parameters, getattr(processing, "need_global_unload", False)
        if not self._is_chosen(before):
            entry: Any = modules.anywhere("modules_forge.main_entry")
            entry.refresh_model_loading_parameters()
            # It is for what a person changes: all leaves the GPU before each picture. Ours is loaded by its hash.
            processing.need_global_unload = flag
        ours = data.forge_loading_parameters
        try:
            try:
                self._models.forge_model_reload()
            except Exception as error:  # the webui's own code raises anything
                # Its hash would say that it is loaded, and every later picture finds no model.
                data.sd_model, data.forge_hash = self._models.FakeInitialModel(), ""
                raise self._unloadable(error) from error
            yield
        finally:
            self._chosen_meanwhile = data.forge_loading_parameters is not ours
            if not self._chosen_meanwhile:
                data.forge_loading_parameters = before
                processing.need_global_unload = flag

    def settle(self) -> None:
        """After the options are a person's again: what was chosen meanwhile was joined with ours."""
        if self._chosen_meanwhile:
            entry: Any = modules.anywhere("modules_forge.main_entry")
            entry.refresh_model_loading_parameters()

    def _is_chosen(self, parameters: dict[str, Any]) -> bool:
        """Whether the webui loads the same for its own pictures."""
        chosen = parameters.get("checkpoint_info")
        theirs = parameters.get("additional_modules") or []
        return chosen is self.info and sorted(theirs) == sorted(self.options.get(MODULES, theirs))

    def _unloadable(self, error: Exception) -> HostError:
        return ModelRefusedError(f"the webui couldn't load {Path(self._file).name}: {modules.line_of(error)}")

    def in_force(self) -> tuple[str, list[str]]:
        """The names of VAE and text encoders, empty where they are the model's own; asked while the picture is made."""
        if self.is_forge:
            vae, text = split_modules(modules.option(MODULES) or [], self._vae_file)
            return ", ".join(Path(file).name for file in vae), sorted(Path(file).name for file in text)
        name = modules.part("sd_vae", "get_loaded_vae_name")
        return str((name() if callable(name) else None) or ""), _text_encoder()


def _load_vae() -> None:
    """By the options. reForge takes the model's own for kept where none is, and could never put it back."""
    sd_vae: Any = modules.module("sd_vae")
    if all(getattr(sd_vae, name, ABSENT) is None for name in ("base_vae", "loaded_vae_file")):
        sd_vae.checkpoint_info = None
    sd_vae.reload_vae_weights()


def _text_encoder() -> list[str]:
    """reForge's choice of another text encoder than the model's own, by its label."""
    chosen = str(modules.option(TEXT_ENCODER, "Automatic"))
    return [] if chosen in ("Automatic", "None") else [chosen]


def put_own_model_back() -> None:
    """The model and VAE of the webui's settings, after a series. Forge's kind loads them with its next picture.

    No picture is lost by it: the webui's log says where it fails, and its next picture loads its model anyway.
    """
    models: Any = modules.module("sd_models")
    if hasattr(models, "forge_model_reload"):
        return
    chosen = models.get_closet_checkpoint_match(modules.option(MODEL) or "")
    loaded = getattr(models.model_data.sd_model, "sd_checkpoint_info", None)
    if chosen is None or loaded is None:
        return
    try:
        if not same_file(loaded.filename, chosen.filename) and hasattr(models, "reload_model_weights"):
            models.reload_model_weights()
    except Exception as error:  # the webui's own code raises anything
        print(f"Train Tools: the webui couldn't load its own model again ({modules.line_of(error)})")


def reload_own_vae() -> None:
    """With the person's own options again, where ours named a VAE. In Forge's kind it is one of the modules."""
    reload = modules.part("sd_vae", "reload_vae_weights")
    if callable(reload) and not hasattr(modules.module("sd_models"), "forge_model_reload"):
        try:
            reload()
        except Exception as error:  # the webui's own code raises anything
            print(f"Train Tools: the webui couldn't load its own VAE again ({modules.line_of(error)})")


def split_modules(files: Sequence[str], vae: str | None = None) -> tuple[list[str], list[str]]:
    """Forge's one list -> VAEs, text encoders: what is known as a VAE, else by the file's head or its folder."""
    vaes = [file for file in files if file == vae or _is_vae(Path(file))]
    return vaes, [file for file in files if file not in vaes]


def _is_vae(file: Path) -> bool:
    from train_tools.lora.safetensors_header import read_header

    if file.suffix == ".safetensors":
        try:
            names = read_header(file).tensors
        except (TrainToolsError, OSError):
            names = {}
        if names:
            return any("decoder.conv_in" in name or "decoder.conv1." in name for name in names)
    return "vae" in (parent.name.lower() for parent in file.parents)


def same_file(one: str, other: str) -> bool:
    try:
        return Path(one).samefile(other)
    except OSError:
        return os.path.normcase(Path(one).absolute()) == os.path.normcase(Path(other).absolute())
