"""The frame around the panels."""

from __future__ import annotations

from browser.conftest import Served
from playwright.sync_api import Page, expect

from train_tools.workspace.workspace import Workspace


def test_the_place_survives_a_reload_and_is_the_same_elsewhere(page: Page, served: Served) -> None:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    workspace.create_version("猫 cat", "v1")
    workspace.create_version("猫 cat", "第二版")
    page.goto(served.url + "#/猫 cat/第二版/plan")
    expect(page.get_by_role("tab", name="Plan")).to_have_attribute("aria-selected", "true")
    page.reload()
    expect(page.get_by_role("tab", name="Plan")).to_have_attribute("aria-selected", "true")
    assert "%E7%AC%AC" in page.url
    page.wait_for_timeout(500)  # until the browser's processes know of each other's storage
    other = page.context.new_page()
    other.goto(served.url)
    expect(other.get_by_role("tab", name="Plan")).to_have_attribute("aria-selected", "true")


def test_language_and_theme_are_kept(page: Page, served: Served) -> None:
    page.goto(served.url)
    page.get_by_role("button", name="切换到中文").click()
    expect(page.get_by_role("tab", name="对比")).to_be_visible()
    theme = page.locator("html").get_attribute("data-theme")
    page.get_by_role("button", name="浅色或深色").click()
    page.reload()
    expect(page.get_by_role("tab", name="对比")).to_be_visible()
    assert page.locator("html").get_attribute("data-theme") != theme
