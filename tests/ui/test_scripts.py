"""Every script of the page finds what it imports: a browser says so only when somebody opens that panel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from train_tools.ui.server import STATIC

IMPORT = re.compile(r"""^import (?:(?:\* as \w+|\{([^}]*)\}) from )?"(\.[^"]+)";""", re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
LISTED = re.compile(r"^export \{([^}]*)\}", re.MULTILINE)
OWN = sorted(path for path in STATIC.rglob("*.js") if "vendor" not in path.parts)


def names(listed: str) -> set[str]:
    return {name.split(" as ")[0].strip() for name in listed.split(",")} - {""}


def exported(script: Path) -> set[str]:
    text = script.read_text("utf-8")
    there = {name.split(" as ")[-1].strip() for found in LISTED.findall(text) for name in found.split(",")}
    return {*EXPORT.findall(text), *there}


@pytest.mark.parametrize("script", OWN, ids=lambda path: path.relative_to(STATIC).as_posix())
def test_what_a_script_imports_is_there(script: Path) -> None:
    for wanted, address in IMPORT.findall(script.read_text("utf-8")):
        source = (script.parent / address).resolve()
        assert source.is_file(), address
        assert "vendor" in source.parts or names(wanted) <= exported(source), address
