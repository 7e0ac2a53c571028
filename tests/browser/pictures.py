"""Takes the pictures of the page that the documents show.

    PYTHONPATH=.:tests python -m browser.pictures ROOT PROJECT VERSION

ROOT is a data folder with something in it, as `python -m train_tools demo --root ROOT` leaves it. Every panel in both
languages and both themes, as `docs/pictures/<panel>-<language>-<theme>.webp`, and the queue on a phone.
"""

from __future__ import annotations

import argparse
import io
import threading
import urllib.parse
from pathlib import Path

import uvicorn
from browser.conftest import FLAGS, chromium
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from train_tools.commands.page import bound
from train_tools.ui.server import application

PANELS = ("data", "captions", "plan", "queue", "compare", "tools")
OUT = Path(__file__).parents[2] / "docs" / "pictures"
DESK, PHONE = (1280, 720), (390, 844)


def take(browser: Browser, url: str, language: str, theme: str, size: tuple[int, int], file: Path) -> None:
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, locale=language, color_scheme=theme
    )
    page = context.new_page()
    page.goto(url)
    page.get_by_role("tab").first.wait_for()
    page.wait_for_timeout(2500)  # polls, thumbnails and the plan have come
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(file, quality=82, method=6)
    context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("project")
    parser.add_argument("version")
    arguments = parser.parse_args()
    listening = bound("127.0.0.1", 0)
    app = application(arguments.root)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    names = "/".join(urllib.parse.quote(name) for name in (arguments.project, arguments.version))
    place = f"http://localhost:{listening.getsockname()[1]}/#/{names}"
    OUT.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for language in ("en", "zh"):
            for theme in ("light", "dark"):
                for panel in PANELS:
                    file = OUT / f"{panel}-{language}-{theme}.webp"
                    take(browser, f"{place}/{panel}", language, theme, DESK, file)
            take(browser, f"{place}/queue", language, "light", PHONE, OUT / f"queue-phone-{language}.webp")
        browser.close()
    server.should_exit = True


if __name__ == "__main__":
    main()
