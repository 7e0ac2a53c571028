"""The page as a person sees it: a page server on a free port and Chromium, which Debian and others have as a package.

Without Chromium these tests are skipped; TRAIN_TOOLS_CHROMIUM names another program that may be driven.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from train_tools.commands.page import bound
from train_tools.ui.server import application

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium() -> str | None:
    names = (os.environ.get("TRAIN_TOOLS_CHROMIUM"), "chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if name and (path := shutil.which(name))), None)


@pytest.fixture(
    scope="module"
)  # not longer: while Playwright is there, so is its event loop, and no other may run
def browser() -> Iterator[Browser]:
    program = chromium()
    if program is None:
        pytest.skip("there is no Chromium; install it or name one in TRAIN_TOOLS_CHROMIUM")
    expect.set_options(timeout=60_000)  # a CI machine may be busy
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=FLAGS, ignore_default_args=["--hide-scrollbars"]
        )  # with scrollbars, as people have them
        yield started
        started.close()


@dataclass
class Served:
    """`root` is the data folder behind `url`."""

    root: Path
    url: str


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    root = tmp_path / "数据 data"
    root.mkdir()
    listening = bound("127.0.0.1", 0)
    listening.listen()  # who comes before the server runs waits for it
    server = uvicorn.Server(
        uvicorn.Config(application(root), log_config=None, access_log=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    yield Served(root, f"http://localhost:{listening.getsockname()[1]}/")
    server.should_exit = True
    thread.join(10)


@dataclass
class Complaints:
    """What the browser's console said in anger, and what wasn't found."""

    found: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda m: self.found.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.found.append(str(error)))
        page.on("response", lambda r: self.found.append(f"{r.status} {r.url}") if r.status >= 400 else None)


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser, complaints: Complaints, served: Served) -> Iterator[Page]:
    """A fresh browser of 1280 × 720; the test fails where the console complained (see `complaints`).

    It is closed before its server, which it may be polling.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en")
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    complaints.watch(opened)
    yield opened
    context.close()
    assert complaints.found == []
