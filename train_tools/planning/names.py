"""What runs are called: a long name that says the settings, and a short id that no other run has."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from pathlib import Path, PureWindowsPath
from typing import Any

from train_tools.arguments.current import current
from train_tools.arguments.table import ARGUMENTS

# Always in the name, in this order, as users of sd-webui-train-tools know it.
IN_EVERY_NAME = (
    "train_batch_size",
    "max_train_epochs",
    "optimizer_type",
    "learning_rate",
    "network_dim",
    "network_alpha",
)
# Where files lie says nothing about what is trained; models go by content, the dataset by fingerprint.
PLACES = frozenset({"train_data_dir", "output_dir", "output_name", "logging_dir"})
FILES = frozenset({"pretrained_model_name_or_path", "vae", "network_weights"})
MOST_BYTES = 150
HASH_LENGTH = 8
ID_LENGTH = 8
ID_SOURCE_BYTES = 20  # of a hash: more than will ever be needed, without padding


def decides(name: str) -> bool:
    """Whether the argument changes what comes out of a run, or only how fast and where it is made."""
    return name not in ARGUMENTS or not ARGUMENTS[name].same_result


def run_name(arguments: Mapping[str, Any], further: Collection[str]) -> str:
    """`<base>-bs-…-ep-…-op-…-lr-…-net-…-ap-…`, then `further` arguments with their values.

    At most 150 bytes of UTF-8; what is longer is cut, and a hash of the whole stands at its end.
    """
    parts = [_safe(base_name(str(arguments["pretrained_model_name_or_path"])))]
    rest = [name for name in further if name not in IN_EVERY_NAME and name != "pretrained_model_name_or_path"]
    known = current().known
    for name in (*IN_EVERY_NAME, *rest):
        value = arguments.get(name)
        if value and name in FILES:
            value = base_name(value)
        elif known[name].kind == "size":
            value = str(value).replace(",", "x")
        parts += [known[name].short, value_text(value)]
    return _cut("-".join(parts))


@functools.lru_cache
def base_name(path: str) -> str:
    """The base model's file name without folder and ending; also of a Windows path on Linux."""
    name = PureWindowsPath(path).name or path
    return re.sub(r"\.(safetensors|ckpt|pt)$", "", name, flags=re.IGNORECASE)


def value_text(value: Any) -> str:
    """A value as it stands in a name: `0.0001` is `0_0001`, never `1e-04`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return number_text(value).replace(".", "_")
    if isinstance(value, (list, tuple)):
        return _safe("+".join(map(str, value)))
    return "none" if value is None else _safe(str(value))


def number_text(value: float) -> str:
    """Without exponent and without needless zeros."""
    text = format(Decimal(repr(value)), "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def name_and_size(path: str) -> str:
    """What stood for a model file until its content did: records of runs hold digests that were made with it."""
    file = Path(path)
    return f"{base_name(path)}:{file.stat().st_size if file.is_file() else 0}"


def digest(
    arguments: Mapping[str, Any], fingerprint: str, identity: Callable[[str], str] = name_and_size
) -> str:
    """sha256 over what decides the result of a run, wherever its files lie and whatever its version is called.

    So a renamed or cloned version knows its runs again. `identity` stands for a model file.
    """
    content: dict[str, Any] = {name: value for name, value in arguments.items() if name not in PLACES}
    for name in FILES:
        if content.get(name):
            content[name] = identity(str(content[name]))
    whole = [fingerprint, content]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, ensure_ascii=False).encode("utf-8")).hexdigest()


def run_id(digest: str, project: str, version: str, taken: Mapping[str, str]) -> str:
    """8 characters of base32, more where another run (`taken`: id -> its digest) begins alike.

    Versions with equal data and settings have different ids, as a webui finds a LoRA by its name alone.
    """
    own = hashlib.sha256(json.dumps([project, version, digest]).encode("ascii")).digest()
    text = base64.b32encode(own[:ID_SOURCE_BYTES]).decode("ascii").lower()
    lengths = range(ID_LENGTH, len(text) + 1)
    return next(text[:length] for length in lengths if taken.get(text[:length], digest) == digest)


def _safe(text: str) -> str:
    """Only what every file system takes, without dots, which some programs read as an ending."""
    return re.sub(r"[^\w+=-]+", "_", text).strip("_") or "_"


def _cut(name: str) -> str:
    data = name.encode("utf-8")
    if len(data) <= MOST_BYTES:
        return name
    mark = hashlib.sha256(data).hexdigest()[:HASH_LENGTH]
    kept = data[: MOST_BYTES - HASH_LENGTH - 1].decode("utf-8", errors="ignore").rstrip("-_")
    return f"{kept}-{mark}"
