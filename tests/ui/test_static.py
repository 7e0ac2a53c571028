"""The page's own files, read without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from train_tools import ui

STATIC = Path(ui.__file__).parent / "static"
SCRIPTS = sorted(STATIC.rglob("*.js"))
IMPORT = re.compile(r"""(?:from|import|import\()\s*["'](\.[^"'$]+)["']""")
NAMED = re.compile(r"""^import \{([^}]*)\} from "(\.[^"]+)";""", re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)
LISTED = re.compile(r"^export \{([^}]*)\}", re.MULTILINE)


def test_what_a_script_imports_is_there() -> None:
    assert len(SCRIPTS) > 80
    missing = [
        f"{script.relative_to(STATIC)}: {name}"
        for script in SCRIPTS
        for name in IMPORT.findall(script.read_text("utf-8"))
        if not (script.parent / name).is_file()
    ]
    assert missing == []


def test_names_that_a_script_imports_are_exported() -> None:
    missing = [
        f"{script.relative_to(STATIC)}: {sorted(names(wanted) - exported(script.parent / address))} of {address}"
        for script in SCRIPTS
        for wanted, address in NAMED.findall(script.read_text("utf-8"))
        if not names(wanted) <= exported(script.parent / address)
    ]
    assert missing == []


def names(listed: str) -> set[str]:
    return {name.split(" as ")[0].strip() for name in listed.split(",")} - {""}


def exported(script: Path) -> set[str]:
    text = script.read_text("utf-8")
    listed = {name.split(" as ")[-1].strip() for found in LISTED.findall(text) for name in found.split(",")}
    return {*EXPORT.findall(text), *listed}


def test_what_the_page_loads_is_there() -> None:
    page = (STATIC / "index.html").read_text("utf-8")
    names = re.findall(r'(?:href|src)="([^"]+)"', page)
    assert len(names) > 10
    assert [name for name in names if not (STATIC / name).is_file()] == []
    styles = {f"style/{path.name}" for path in (STATIC / "style").glob("*.css")}
    assert styles <= set(names)


@pytest.mark.parametrize("words", ["showModal(", "history.pushState("])
def test_all_dialogs_are_layers(words: str) -> None:
    """Whatever opens one goes by kit/layers.js: Back and Enter do the same everywhere, and the focus comes back."""
    users = {
        str(script.relative_to(STATIC).as_posix()) for script in SCRIPTS if words in script.read_text("utf-8")
    }
    assert users == {"kit/layers.js"}
