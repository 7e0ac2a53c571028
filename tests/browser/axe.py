"""What axe-core finds in a page: https://github.com/dequelabs/axe-core.

It comes when it is wanted: out of the package axe-playwright-python where that is installed, else from npm, which keeps
it in a folder of the user's for the next time. Where neither can be had, the test is skipped and says so.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

VERSION = "4.14.1"
GRAVE = ("serious", "critical")
ASKED_TOO = (
    "page-has-heading-one",
    "region",
    "heading-order",
    "landmark-one-main",
)  # axe calls these moderate
RUN = "(rules) => axe.run(document, {resultTypes: ['violations'], ...(rules ? {runOnly: rules} : {})})"


@cache
def source() -> str:
    """The script; skips the test where there is none."""
    package = importlib.util.find_spec("axe_playwright_python")
    if package is not None and package.origin is not None:
        return (Path(package.origin).parent / "axe.min.js").read_text("utf-8")
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", f"axe-core-{VERSION}.min.js")
    if not kept.is_file():
        fetch(kept)
    return kept.read_text("utf-8")


def fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core can't be had: neither axe-playwright-python nor npm is there")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"axe-core@{VERSION}", "--pack-destination", folder, "--silent"]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=folder)
        except (OSError, subprocess.SubprocessError) as error:
            pytest.skip(f"npm doesn't give axe-core: {error}")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as packed:
            script = packed.extractfile("package/axe.min.js")
            assert script is not None
            kept.parent.mkdir(parents=True, exist_ok=True)
            half = kept.with_name(f"{kept.name}.{os.getpid()}")
            half.write_bytes(script.read())
            half.replace(kept)


def findings(page: Page, rules: list[str] | None = None) -> list[str]:
    """What is wrong, with the elements; `rules` are axe's own names, all where None."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(source())
    answer: dict[str, Any] = page.evaluate(RUN, rules)
    return [
        f"{found['id']} ({found['impact']}): {node['html'][:200]} – {node['failureSummary']}"
        for found in answer["violations"]
        if found["impact"] in GRAVE or found["id"] in ASKED_TOO
        for node in found["nodes"]
    ]
