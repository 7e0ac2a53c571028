"""Optimizers as other programs call them."""

from __future__ import annotations

from collections.abc import Mapping

# Without underscores and blanks, in small letters -> sd-scripts' name.
NAMES: Mapping[str, str] = {
    "adam": "Adam", "adamw": "AdamW", "adamw8bit": "AdamW8bit", "pagedadamw8bit": "PagedAdamW8bit", "lion": "Lion",
    "lion8bit": "Lion8bit", "sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adadelta": "Adadelta",
    "prodigy": "Prodigy", "adafactor": "Adafactor", "dadaptation": "DAdaptation", "dadaptadam": "DAdaptAdam",
    "dadaptadagrad": "DAdaptAdaGrad", "dadaptadan": "DAdaptAdan", "dadaptlion": "DAdaptLion", "dadaptsgd": "DAdaptSGD",
    "schedulefreeadamw": "AdamWScheduleFree", "adamwschedulefree": "AdamWScheduleFree",
    "schedulefreesgd": "SGDScheduleFree", "came": "pytorch_optimizer.CAME", "soap": "pytorch_optimizer.SOAP",
    "adabelief": "pytorch_optimizer.AdaBelief", "tiger": "pytorch_optimizer.Tiger", "aida": "pytorch_optimizer.Aida",
    "yogi": "pytorch_optimizer.Yogi", "adopt": "pytorch_optimizer.ADOPT", "muon": "pytorch_optimizer.Muon",
    "prodigyplusschedulefree": "prodigyplus.ProdigyPlusScheduleFree",
}  # fmt: skip


def optimizer_named(name: str) -> str:
    """Empty where it isn't known."""
    return NAMES.get(name.lower().replace("_", "").replace("-", "").replace(" ", ""), "")
