"""Reads a checkpoint for a base model that is loaded; one of another family is refused by name."""

from __future__ import annotations

from collections.abc import Mapping

from train_tools.errors import TrainToolsError
from train_tools.families.interface import Family
from train_tools.families.lora_files import family_by_width, family_of
from train_tools.lora import kohya
from train_tools.lora.fit import Fitted, MisfitError, fit
from train_tools.lora.kohya import LoraFile
from train_tools.lora.targets import Target
from train_tools.planning.imports.lora_files import foreign_model

from .cells import Checkpoint
from .infotext import is_hash


def read_fitted(checkpoint: Checkpoint, own: Family, layers: Mapping[str, Target]) -> Fitted:
    """`own` is the base model's family. Raises TrainToolsError where the file is damaged, replaced or doesn't fit."""
    file = kohya.read(checkpoint.path, as_stored=True)
    if is_hash(checkpoint.identity) and file.metadata.get("sshs_model_hash") != checkpoint.identity:
        raise TrainToolsError(f"{checkpoint.path.name} was replaced meanwhile; run `preview` again")
    told = _family(file)
    if told is not None and told is not own:
        raise _other(file, told.title, own)
    try:
        return fit(file, layers)
    except MisfitError as error:
        if told is None and (name := foreign_model(file.metadata, file.tensors)):
            raise _other(file, name, own) from error
        raise


def _family(file: LoraFile) -> Family | None:
    shapes = {name: tuple(tensor.shape) for name, tensor in file.tensors.items()}
    return family_of(file.metadata, shapes) or family_by_width(shapes)


def _other(file: LoraFile, title: str, own: Family) -> TrainToolsError:
    return TrainToolsError(f"{file.path.name} is a LoRA of {title}; this base model is {own.title}")
