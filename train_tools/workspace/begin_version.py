"""New versions, with what a person wants every new one to start with.

That stands in `<root>/train_tools/defaults.toml`, in the sections of a version.toml; a webui's settings page gives its
own by a variable, and they win.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from train_tools.errors import UsageError
from train_tools.workspace import settings, toml
from train_tools.workspace.settings_file import SECTIONS
from train_tools.workspace.workspace import Version, Workspace

FILE = "defaults.toml"
VARIABLE = "TRAIN_TOOLS_DEFAULTS"  # JSON: {section: {name: text}}


def begin_version(
    workspace: Workspace,
    project: str,
    name: str,
    environ: Mapping[str, str] = os.environ,
    training: Mapping[str, Any] = MappingProxyType({}),
) -> Version:
    """`training` is for what neither defaults.toml nor the webui's settings say.

    Raises UsageError where the name can't be used or is taken, or defaults.toml can't be read.
    """
    given = defaults(workspace, environ)
    if training:
        given["training"] = {**training, **given.get("training", {})}
    version = workspace.create_version(project, name)
    if given:
        settings.update_sections(version, given)
    return version


def defaults(workspace: Workspace, environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """By section; what isn't one of a version.toml is left out."""
    file = workspace.root / "train_tools" / FILE
    found = toml.load(file) if file.is_file() else {}
    try:
        from_host = json.loads(environ.get(VARIABLE) or "{}")
    except ValueError as error:
        raise UsageError(f"{VARIABLE} is no JSON; take it back") from error
    together = {section: {**_section(found, section), **_section(from_host, section)} for section in SECTIONS}
    return {section: values for section, values in together.items() if values}


def _section(data: Any, section: str) -> dict[str, Any]:
    found = data.get(section) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}
