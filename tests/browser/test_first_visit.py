"""Somebody's first visit: the tour over the real page, and the demo by a button."""

from __future__ import annotations

import pytest
from browser.conftest import Served
from PIL import Image
from playwright.sync_api import Page, expect

from train_tools.execution.queue import Queue
from train_tools.execution.ticket import DEMO, LIGHT_LANE
from train_tools.ui.routes import demo as routes
from train_tools.workspace.workspace import Workspace


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued waits."""
    monkeypatch.setattr(routes, "wake", lambda *_: False)
    monkeypatch.setattr("train_tools.execution.queue_view.ensure_worker", lambda *_: False)


def test_the_tour_is_taken_by_keys_left_and_taken_again(page: Page, served: Served) -> None:
    page.goto(served.url)
    begin = page.get_by_role("button", name="Take the tour")
    begin.click()
    tour = page.get_by_role("dialog", name="The page in a minute")
    expect(tour.get_by_role("heading", name="One project, one LoRA")).to_be_visible()
    light = page.locator(".tour-hole")
    field = page.locator(".welcome .field").bounding_box()
    page.wait_for_timeout(600)
    box = light.bounding_box()
    assert box is not None
    assert field is not None
    assert box["x"] <= field["x"]
    assert box["y"] <= field["y"]
    page.keyboard.press("ArrowRight")
    expect(tour.get_by_role("heading", name="Data: your pictures")).to_be_visible()
    expect(tour.get_by_role("button", name="Next")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(tour.get_by_role("heading", name="One project, one LoRA")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tour).to_have_count(0)
    expect(begin).to_be_focused()

    workspace = Workspace(served.root)
    workspace.create_project("猫")
    folder = workspace.create_version("猫", "v1").processed / "5_猫"
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "1.png")
    page.goto("about:blank")
    page.goto(served.url + "#/猫/v1/captions")
    page.locator("#bar-actions").click()
    page.get_by_role("menuitem", name="Take the tour").click()
    panels = ("data", "captions", "plan", "queue", "compare", "tools")
    for panel in panels:
        tour.get_by_role("button", name="Next").press("Enter")
        expect(page.locator(f"#tab-{panel}")).to_have_attribute("aria-selected", "true")
    tour.get_by_role("button", name="Done").click()
    expect(tour).to_have_count(0)
    expect(page.locator("#tab-captions")).to_have_attribute("aria-selected", "true")
    page.locator("#tab-tools").click()
    page.locator("#tools-look").get_by_role("button", name="Take the tour").click()
    expect(tour).to_be_visible()


def test_the_demo_is_begun_by_a_button_watched_and_cancelled(page: Page, served: Served) -> None:
    page.goto(served.url)
    page.get_by_role("button", name="Do the demo").click()
    dialog = page.get_by_role("dialog", name="Do the demo")
    for said in ("minutes", "MB", "Nothing is downloaded"):
        expect(dialog).to_contain_text(said)
    dialog.get_by_role("button", name="Begin").click()
    card = page.get_by_role("complementary", name="Do the demo")
    expect(card.get_by_role("progressbar", name="Pictures and captions")).to_be_visible()
    expect(page.locator("#tab-queue")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#bar-version")).to_contain_text("zorb")
    assert [entry.ticket.kind for entry in Queue(served.root).entries(LIGHT_LANE)] == [DEMO]
    page.reload()
    card.get_by_role("button", name="Cancel").click()
    expect(card).to_contain_text("It was cancelled")
    card.get_by_role("button", name="Close").click()
    expect(card).to_have_count(0)
    page.reload()
    expect(page.locator("#bar-version")).to_be_visible()
    expect(card).to_have_count(0)
