"""A run's title: the settings that tell it from its siblings, `learning_rate 0.0005 · optimizer_type Lion`.

Settings are called by sd-scripts' names, as a terminal and files show them; the page puts their labels there
(`static/kit/names.js`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

BETWEEN = " · "


def title_of(values: Mapping[str, Any]) -> str:
    return BETWEEN.join(f"{name} {text_of(value)}" for name, value in values.items())


def text_of(value: Any) -> str:
    """A number without needless digits, a file without its folder."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return ",".join(map(text_of, value))
    return str(value).replace("\\", "/").rpartition("/")[2]
