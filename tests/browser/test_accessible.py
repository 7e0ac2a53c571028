"""Every panel and the dialogs that matter, for who can't see, has no mouse, or has little room."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser import axe
from browser.conftest import Served
from browser.furnished import PROJECT, VERSION, furnish
from playwright.sync_api import Page, expect

# And what shows that it is there. Views of a panel aren't changed by the address alone: another panel is between them.
PANELS = {
    "data": ".picture",
    "compare": ".tile",
    "captions": ".caption-card",
    "compare?view=vote": ".compare-vote-picture",
    "plan": ".run-row",
    "compare?view=curves": ".compare-chart",
    "queue": ".now .entry",
    "tools": ".bars",
    "compare?view=runs": ".compare-runs tbody tr",
}
SCROLLING = ("data", "plan", "queue", "tools")  # some are longer than the window and some aren't
NESTED = """() => {
  const scrolls = (e) => {
    const s = getComputedStyle(e);
    const can = (way) => s[`overflow${way}`] === "auto" || s[`overflow${way}`] === "scroll";
    return (can("Y") && e.scrollHeight > e.clientHeight + 1) || (can("X") && e.scrollWidth > e.clientWidth + 1);
  };
  const page = document.scrollingElement;
  const all = [...document.querySelectorAll("body *")].filter((e) =>
    e.offsetParent && e.tagName !== "TEXTAREA" && scrolls(e));
  const found = all.filter((e) => all.some((other) => other !== e && other.contains(e))).map((e) => e.className);
  if (page.scrollHeight > page.clientHeight || page.scrollWidth > page.clientWidth) found.push("the page itself");
  return found;
}"""


def button(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name).first.click()


def item(menu: str, name: str) -> Callable[[Page], None]:
    def chosen(page: Page) -> None:
        page.get_by_role("button", name=menu, exact=True).first.click()
        page.get_by_role("menuitem", name=name, exact=True).click()

    return chosen


def crop(page: Page) -> None:
    page.locator(".picture").first.dblclick()
    page.get_by_role("button", name="Crop", exact=True).click()
    expect(page.locator("dialog.by-hand")).to_be_visible()


MORE = "More about this version and project"
DIALOGS: dict[str, list[Callable[[Page], None]]] = {
    "data": [button("Project and version"), item(MORE, "New version"), item(MORE, "Trash"),
             item(MORE, "Take the tour (one minute)"), item(MORE, "Do the demo"),
             lambda page: page.locator(".picture").first.dblclick(), crop],
    "captions": [button("Edit many"), button("Caption automatically"), button("Check")],
    "plan": [button("Presets"), lambda page: page.locator(".run-row").first.click(),
             lambda page: page.locator(".choose").first.click()],
    "queue": [lambda page: page.locator(".entry .title").first.click(), button("Tell me"),
              button("Clear the ended ones")],
    "compare": [lambda page: page.locator(".tile").first.click(), button("Train the starred on"),
                item("Download", "The board as one HTML file…")],
}  # fmt: skip


def open_panel(page: Page, served: Served, panel: str) -> None:
    page.goto(f"{served.url}#/{PROJECT}/{VERSION}/{panel}")
    expect(page.locator(PANELS[panel]).first).to_be_visible()


def look(page: Page, place: str, rules: list[str] | None) -> list[str]:
    return [f"{place}: {finding}" for finding in axe.findings(page, rules)]


def look_around(page: Page, panel: str, rules: list[str] | None) -> list[str]:
    """The panel that is shown, and each of its dialogs."""
    found = look(page, panel, rules)
    for number, opened in enumerate(DIALOGS.get(panel, ())):
        opened(page)
        expect(page.get_by_role("dialog").last.get_by_role("button").first).to_be_visible()
        found += look(page, f"{panel}, dialog {number}", rules)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    return found


@pytest.mark.timeout(600)
def test_nobody_is_shut_out(page: Page, served: Served) -> None:
    """One walk, as a browser's start is what takes long: axe in both themes, and no scrollbar within another."""
    page.goto(served.url)
    expect(page.get_by_role("heading", name="Make your first LoRA")).to_be_visible()
    found = look(page, "welcome", None)
    furnish(served.root)
    page.reload()
    widths = set()
    for panel in PANELS:
        open_panel(page, served, panel)
        found += [f"{panel}: scrolls within what scrolls: {name}" for name in page.evaluate(NESTED)]
        if panel in SCROLLING:
            widths.add(page.locator("#panel").evaluate("(node) => node.clientWidth"))
        found += look_around(page, panel, None)
    page.get_by_role("button", name="Light or dark").click()
    for panel in PANELS:
        open_panel(page, served, panel)
        assert page.locator("html").get_attribute("data-theme") == "dark"
        found += look_around(page, panel, ["color-contrast"])  # what another theme changes
    assert not found, "\n".join(found)
    assert len(widths) == 1, "nothing jumps where a scrollbar comes or goes"
