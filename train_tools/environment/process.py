"""The variables of every process that we start, so that all of them use the same mirrors, proxy and GPUs."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from train_tools.environment import gpus, mirror_choice, program
from train_tools.environment.machine import INSTALLER_VARIABLE, TORCH_VARIABLE
from train_tools.environment.program import AUTO, OFF, SYSTEM, TOKENS, ProgramSettings

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
ALL_PROXIES = (*PROXIES, *(name.lower() for name in PROXIES))
BEFORE = "TRAIN_TOOLS_BEFORE_SETTINGS"  # the variables that were changed, as they were
LOCAL = "localhost,127.0.0.1,::1"  # the page and the webui talk to each other there, past any proxy
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "UV_OFFLINE": "1",
    "PIP_NO_INDEX": "1",
}


def process_environment(base: Mapping[str, str], root: Path | None = None) -> dict[str, str]:
    """`base` with what the program's settings say. Raises UsageError where their file can't be read.

    What a person has set in `base` stays where the setting is `auto` or `off`; a value of their own goes over it.
    No network is used. What an earlier call did to `base` is taken back first, so that a process that lives long, or
    was started by one of ours, follows a change of settings.
    """
    place = root or program.default_root(base)
    settings = program.read(place)
    original = taken_back(base)
    result = settled(original, settings, mirror_choice.known_choices(place))
    changed = {n: original.get(n) for n in {*original, *result} if original.get(n) != result.get(n)}
    return {**result, BEFORE: json.dumps(changed, sort_keys=True)} if changed else result


def taken_back(base: Mapping[str, str]) -> dict[str, str]:
    """`base` as it was before `process_environment`."""
    result = {name: value for name, value in base.items() if name != BEFORE}
    try:
        before = dict(json.loads(base.get(BEFORE) or "{}"))
    except (ValueError, TypeError):
        return result
    for name, value in before.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = str(value)
    return result


def settled(base: Mapping[str, str], settings: ProgramSettings, known: Mapping[str, str]) -> dict[str, str]:
    result = dict(base)
    if address := mirror("hugging_face", settings, known):
        put(result, settings.hugging_face, {"HF_ENDPOINT": address.rstrip("/")})
    if address := mirror("package_index", settings, known):
        put(result, settings.package_index, {"PIP_INDEX_URL": address, "UV_DEFAULT_INDEX": address})
    if address := mirror("github", settings, known):
        through_mirror(result, github_prefix(address))
    proxied(result, settings.proxy)
    result |= {variable: token for name, variable in TOKENS.items() if (token := getattr(settings, name))}
    if settings.offline:
        result |= OFFLINE
    if settings.installer != AUTO:
        result[INSTALLER_VARIABLE] = settings.installer
    if settings.torch != AUTO:
        result[TORCH_VARIABLE] = settings.torch
    return result | gpus.variables(settings, base)


def mirror(name: str, settings: ProgramSettings, known: Mapping[str, str]) -> str:
    """Empty where none is to be used."""
    value = str(getattr(settings, name))
    return known.get(name, "") if value == AUTO else "" if value == OFF else value


def put(result: dict[str, str], value: str, variables: Mapping[str, str]) -> None:
    result |= {n: v for n, v in variables.items() if value != AUTO or not result.get(n)}


def github_prefix(address: str) -> str:
    """A mirror's address with GitHub's behind it, whichever way it was given."""
    plain = address.rstrip("/")
    return (
        f"{plain}/" if plain.endswith(mirror_choice.GITHUB.rstrip("/")) else f"{plain}/{mirror_choice.GITHUB}"
    )


def through_mirror(result: dict[str, str], prefix: str) -> None:
    """git's own way to use another address than the one that is written."""
    count = int(result.get("GIT_CONFIG_COUNT") or 0)
    key = f"url.{prefix}.insteadOf"
    if key in (result.get(f"GIT_CONFIG_KEY_{number}") for number in range(count)):
        return
    result |= {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": key,
        f"GIT_CONFIG_VALUE_{count}": mirror_choice.GITHUB,
    }


def proxied(result: dict[str, str], proxy: str) -> None:
    if proxy == OFF:
        for name in ALL_PROXIES:
            result.pop(name, None)
        result |= {"NO_PROXY": "*", "no_proxy": "*"}
    elif proxy != SYSTEM:
        result |= dict.fromkeys(ALL_PROXIES, proxy)
        result |= dict.fromkeys(("NO_PROXY", "no_proxy"), LOCAL)
    elif not any(result.get(name) for name in ALL_PROXIES):
        # Windows and macOS keep theirs where uv and git don't look.
        system = {kind: address for kind, address in urllib.request.getproxies().items() if "://" in address}
        found = {f"{kind.upper()}_PROXY": system[kind] for kind in ("http", "https") if kind in system}
        if found:
            result |= {"NO_PROXY": LOCAL, **found}


def apply(root: Path) -> None:
    """Gives this process the same variables: whatever it starts or imports later uses them."""
    wanted = process_environment(os.environ, root)
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value
