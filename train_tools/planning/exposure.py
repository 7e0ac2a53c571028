"""What isn't taken from others: arguments that load code, leave the folders that are ours, or send files away.

Where a webui is open to a network (`--share`, `--listen`) and its owner hasn't said that visitors may install
extensions (`--enable-insecure-extension-access`), everybody who reaches the page could otherwise run programs here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from train_tools.arguments.argument import Argument, Opens
from train_tools.arguments.current import current
from train_tools.arguments.text import split
from train_tools.arguments.values import parse_values
from train_tools.base_model.browsing import is_allowed
from train_tools.errors import UsageError
from train_tools.planning.rules import parse_override
from train_tools.small_models import base_model_file
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version, names_in

CODE = "it names Python code that would be run"
PICKLE = "what is read there can hold code"
SENT = "pictures would be sent there"
# What an argument means, and why others may not set it: not even one value.
REFUSED: Mapping[Opens, str] = MappingProxyType({
    "code": CODE,
    "further": "it is a file that names further files, or whose words are printed",
    "pickle": PICKLE,
    "writes": "it says where on this machine is written",
    "unknown": "only the installed sd-scripts knows what it does with it",
    "account": "it sends files to, or takes them from, somebody's account",
})  # fmt: skip
# Only these values.
ALLOWED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "network_module": (
        "networks.lora", "networks.lora_fa", "networks.dylora", "networks.oft", "networks.lora_flux",
        "networks.lora_sd3", "networks.lora_lumina", "networks.lora_hunyuan_image", "networks.lora_anima",
        "networks.oft_flux", "lycoris.kohya",
    ),
    "log_with": ("tensorboard",),
})  # fmt: skip
# Settings of other parts that name a model by folder or hub id, or a server.
OTHER_SETTINGS: Mapping[str, Mapping[str, str]] = MappingProxyType({
    "captioning": {"model": PICKLE, "wd_model": PICKLE, "server": SENT},
    "score": {"scorer": PICKLE},
    "preview": {"base_models": PICKLE, "vae": PICKLE},
})  # fmt: skip
HARMLESS = ("", "simple", "trained", "host")  # words that such a setting has for what is there anyway
ASKS_A_SERVER = "openai"  # a captioner


@dataclass(frozen=True)
class Folders:
    """`root` is the workspace's; `models` are the host's own folders, which its owner fills."""

    root: Path
    models: Sequence[Path] = ()


def refuse_exposed(changes: Mapping[str, Any], folders: Folders) -> None:
    """Of a training's settings (texts as a person writes them), or of a run's arguments, where presets are in.

    Raises UsageError naming the first that others may not set, and why.
    """
    for name, value in _named_values(changes):
        if why := reason(name, value, folders):
            raise _refusal(name, value, why)


def refuse_exposed_settings(section: str, changes: Mapping[str, Any]) -> None:
    """As `refuse_exposed`, of the settings of another part, as `captioning`."""
    for name, why in OTHER_SETTINGS.get(section, {}).items():
        if any(value not in HARMLESS for value in _texts(changes.get(name))):
            raise _refusal(name, changes[name], why)
    if section == "captioning" and any(ASKS_A_SERVER in value for value in _texts(changes.get("captioner"))):
        raise _refusal("captioner", changes["captioner"], SENT)


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value or "")]


def refuse_exposed_version(version: Version, folders: Folders) -> None:
    """As `refuse_exposed`, of a whole version that came in a zip."""
    if names_in(version.trains) or names_in(version.folder / "previews"):
        raise UsageError(
            "a zip with runs isn't taken while the webui is open to others, as what they say is trained on; export it "
            "without its runs, or import it at the machine itself"
        )
    for section, values in settings.read(version).items():
        if section == "training":
            refuse_exposed(values, folders)
        else:
            refuse_exposed_settings(section, values)


def _refusal(name: str, value: Any, why: str) -> UsageError:
    return UsageError(
        f"{name}={value} isn't taken while the webui is open to others: {why}; start the webui without "
        "--share and --listen, or with --enable-insecure-extension-access, to set it"
    )


def reason(name: str, value: Any, folders: Folders) -> str | None:
    """Why others may not set it; None where they may. Unknown names are refused elsewhere."""
    argument = current().arguments.get(name)
    if argument is None or argument.chosen_by_us or value in (None, "", False, [], ()):
        return None
    if name in ALLOWED:
        allowed = dict.fromkeys((*ALLOWED[name], *(_networks() if name == "network_module" else ())))
        return None if value in allowed else f"only {', '.join(allowed)} can be chosen"
    if argument.choices and not argument.takes_class(value):
        return None
    if argument.opens in REFUSED:
        return REFUSED[argument.opens]
    if argument.opens == "part" and any(mark in str(value) for mark in ("/", "\\", "..")):
        return "it may not hold a path"
    if argument.opens in ("reads", "pictures"):
        values = value if isinstance(value, (list, tuple)) else [value]
        return next((why for one in values if (why := _path_reason(argument, str(one), folders))), None)
    return None


def _networks() -> tuple[str, ...]:
    """Those that the installed sd-scripts brings."""
    installed = current().installed
    return installed.networks if installed else ()


def _path_reason(argument: Argument, text: str, folders: Folders) -> str | None:
    path = Path(text).expanduser()
    if argument.opens == "pictures":
        return None if is_allowed(path, [folders.root]) else f"{text} lies outside of Train Tools' folder"
    if is_allowed(path, [base_model_file(), *folders.models]):
        return None if path.exists() else f"there is no {text}"
    if not is_allowed(path, [folders.root]):
        return f"{text} lies outside of the folders for models"
    is_safe = path.resolve().suffix.lower() == ".safetensors"
    return None if is_safe else "only safetensors files hold no code"


def _named_values(changes: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each single value; what can't be read is refused by whoever uses it."""
    for name, given in changes.items():
        if name == "overrides":
            for rule in split(str(given), ";"):
                if rule.strip():
                    yield from parse_override(rule).changes.items()
        elif argument := current().arguments.get(name):
            for value in _values(argument, given):
                yield name, value


def _values(argument: Argument, given: Any) -> list[Any]:
    try:
        return parse_values(argument, given)
    except UsageError:
        return [given]
