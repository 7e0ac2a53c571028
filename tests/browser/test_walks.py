"""Whole walks through the page: by keyboard alone, on a phone, in Chinese, in two tabs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from browser.conftest import Complaints, Served
from browser.furnished import OTHER_PROJECT, PROJECT, VERSION, furnish
from playwright.sync_api import Browser, Locator, Page, expect

from train_tools.workspace.workspace import Workspace

PANELS = ("Data", "Captions", "Plan", "Queue", "Compare", "Tools")
PHONE = {"width": 390, "height": 844}
# What a finger can't hit, and fields that a phone would zoom into. A switch is hit by its label, too.
TOO_SMALL = """() => {
  const found = [];
  const targets = "button, select, summary, input:not([type=file]), textarea, [role=option], dialog a.button";
  for (const e of document.querySelectorAll(targets)) {
    const own = e.getBoundingClientRect();
    if (!own.width || !e.offsetParent || e.closest(".unseen")) continue;
    const label = e.matches("[type=checkbox], [type=radio]") && e.closest("label")?.getBoundingClientRect();
    const box = label || own;
    const name = `${e.tagName} ${e.className} ${e.textContent.slice(0, 20)}`;
    if (box.height < 39.5 || box.width < 39.5) found.push(`${name}: ${box.width} × ${box.height}`);
    const isText = e.matches("select, textarea, input:not([type=checkbox], [type=radio], [type=range])");
    if (isText && parseFloat(getComputedStyle(e).fontSize) < 16) found.push(`${name}: small letters`);
  }
  return found;
}"""

# What a person reads that isn't Chinese. Tooltips aren't looked at: they have the arguments' own names on purpose.
NOT_CHINESE = """() => {
  const found = [];
  const take = (text) => /[A-Za-z]{2}/.test(text) && !/[\\u4e00-\\u9fff]/.test(text) && found.push(text.trim());
  const leftOut = "code, pre, .mono, textarea, script, noscript, .preset strong, .reason, .facts dd, body [lang]";
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const at = node.parentElement;
    if (at.checkVisibility() && !at.closest(leftOut)) take(node.data);
  }
  for (const node of document.querySelectorAll("[aria-label]:not([lang])")) take(node.getAttribute("aria-label"));
  for (const { placeholder } of document.querySelectorAll("[placeholder]")) {
    if (placeholder.includes(" ")) take(placeholder); // else it is a value
  }
  return found;
}"""
# Files, units, folders and versions; then names, as people call them in Chinese, too.
NO_WORDS = re.compile(r"\S*[/\\\\]\S*|\S+\.(png|txt|safetensors)\b|\b\d[\d.,+a-z_-]*|\b[KMGT]?i?B\b")
NAMES = {
    "Train",
    "Tools",
    "English",
    "Stable",
    "Diffusion",
    "LoRA",
    "AdamW",
    "Alpha",
    "VAE",
    "Min-SNR",
    "gamma",
    "xformers",
    "DeepSpeed",
    "packed",
    "base",
    "Hugging",
    "Face",
    "GitHub",
    "Python",
    "XL",
    "tagger",
    "txt",
    "torch",
    "diffusers",
    "transformers",
    "onnxruntime",
    "safetensors",
    "numpy",
    "sd-scripts",
    "CSV",
    "TensorBoard",
    "BLIP",
    "WD",
    "RAM",
    "GPU",
    "Euler",
    "CFG",
    "GPUs",
    "loss",
    "TOML",
    "NaN",
    "GRPO",
    "Linux",
    "Windows",
    "Webhook",
    "ZIP",
    "HTML",
    "Discord",
    "Telegram",
    "ntfy",
    "JSON",
    "OpenAI",
    "Ollama",
    "LM",
    "Studio",
    "xyz",
    "ID",
    "GiB",
    "prodigy",
    "CUDA",
}


def focused(page: Page) -> Locator:
    return page.locator(":focus")


def tab_to(page: Page, target: Locator) -> None:
    """By the Tab key alone."""
    for _ in range(60):
        if target.evaluate("(node) => node === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the Tab key doesn't come to {target}")


def is_at(page: Page, panel: str) -> None:
    expect(page.get_by_role("tab", name=panel, exact=True)).to_have_attribute("aria-selected", "true")


def test_by_keyboard_alone(page: Page, served: Served) -> None:
    furnish(served.root)
    page.goto(f"{served.url}#/{PROJECT}/{VERSION}/data")
    expect(page.locator(".picture").first).to_be_visible()
    tab_to(page, page.get_by_role("tab", name="Data"))
    for panel in PANELS[1:3]:
        page.keyboard.press("ArrowRight")
        is_at(page, panel)
        expect(focused(page)).to_have_text(panel)
    a_dialog_takes_and_gives_back_the_focus(page)
    a_project_is_made(page)
    assert {p.name for p in Workspace(served.root).projects()} == {PROJECT, OTHER_PROJECT, "狗 dog"}
    back_goes_one_step(page, served)


def a_dialog_takes_and_gives_back_the_focus(page: Page) -> None:
    tab_to_bar = page.get_by_role("button", name="Project and version")
    tab_to_bar.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Search projects and versions")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        inside = (
            "() => document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )
        assert page.evaluate(inside), "Tab stays in the dialog"
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(tab_to_bar).to_be_focused()


def a_project_is_made(page: Page) -> None:
    tab_to(page, page.get_by_role("button", name="More about this version and project"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    for _ in range(page.get_by_role("menuitem").count()):
        if focused(page).inner_text() != "New project":
            page.keyboard.press("ArrowDown")
    expect(focused(page)).to_have_text("New project")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="New project")
    expect(dialog.get_by_role("textbox").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("Please fill this in.")
    page.keyboard.type("狗 dog")
    page.keyboard.press("Tab")
    expect(dialog.get_by_role("textbox").last).to_be_focused()
    # Enter that ends a word of an input method is no answer.
    focused(page).dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})
    page.wait_for_timeout(200)
    expect(dialog).to_be_visible()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("狗 dog")
    is_at(page, "Plan")


def back_goes_one_step(page: Page, served: Served) -> None:
    """It closes the viewer before it leaves the panel, and a dialog that was closed is no step any more."""
    page.goto(f"{served.url}#/{PROJECT}/{VERSION}/queue")
    page.goto(f"{served.url}#/{PROJECT}/{VERSION}/compare")
    expect(page.locator(".tile").first).to_be_visible()
    page.locator(".board").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    viewer = page.locator("dialog.compare-viewer")
    expect(viewer).to_be_visible()
    page.go_back()
    expect(viewer).to_have_count(0)
    is_at(page, "Compare")
    expect(page.locator(".board")).to_be_focused()
    page.keyboard.press("Enter")
    expect(viewer).to_be_visible()
    page.keyboard.press("k")
    expect(page.get_by_role("dialog", name="Keep this checkpoint")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog", name="Keep this checkpoint")).to_have_count(0)
    expect(viewer).to_be_visible()
    page.keyboard.press("Escape")
    expect(viewer).to_have_count(0)
    page.go_back()
    is_at(page, "Queue")
    page.go_forward()
    is_at(page, "Compare")


@pytest.fixture
def phone(browser: Browser, complaints: Complaints, served: Served) -> Iterator[Page]:
    context = browser.new_context(viewport=PHONE, locale="en", has_touch=True, is_mobile=True)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    complaints.watch(opened)
    yield opened
    context.close()
    assert complaints.found == []


def test_on_a_phone(phone: Page, served: Served) -> None:
    furnish(served.root)
    phone.goto(f"{served.url}#/{PROJECT}/{VERSION}/data")
    place = phone.get_by_role("button", name="Project and version")
    for panel in PANELS:
        phone.get_by_role("tab", name=panel, exact=True).tap()
        is_at(phone, panel)
        phone.wait_for_timeout(700)  # what it shows has come
        assert fits(phone.get_by_role("tab", name=panel, exact=True)), panel
        for words in (PROJECT, VERSION):
            assert fits(place.get_by_text(words, exact=True)), panel
        assert phone.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"], panel
        assert phone.evaluate("document.getElementById('panel').scrollWidth") <= PHONE["width"], panel
        assert phone.evaluate(TOO_SMALL) == [], panel
    for panel, name in (("Data", "Project and version"), ("Captions", "Edit many"), ("Plan", "Presets")):
        phone.get_by_role("tab", name=panel, exact=True).tap()
        phone.get_by_role("button", name=name).first.tap()
        dialog = phone.get_by_role("dialog")
        expect(dialog.get_by_role("button").last).to_be_visible()
        assert fits(dialog), name
        assert phone.evaluate(TOO_SMALL) == [], name
        phone.go_back()
        expect(dialog).to_have_count(0)
        is_at(phone, panel)


def test_in_two_tabs(page: Page, served: Served, complaints: Complaints) -> None:
    """What one tab deletes is gone in the other, too, which says so; what it restores is there again."""
    furnish(served.root)
    other = page.context.new_page()
    for one in (page, other):
        one.goto(f"{served.url}#/{OTHER_PROJECT}/第一版/data")
        expect(one.get_by_role("button", name="Add images")).to_be_visible()
    other.get_by_role("button", name="More about this version and project").click()
    other.get_by_role("menuitem", name="Delete version").click()
    expect(other.get_by_text("第一版 is in the trash")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("第一版 isn't there any more")
    expect(page.get_by_role("heading", name="Make your first LoRA")).to_be_visible()
    other.get_by_role("button", name="Undo").click()
    expect(other.get_by_role("button", name="Project and version")).to_contain_text("第一版")
    page.get_by_role("button", name="Project and version").click()
    page.get_by_role("option").filter(has_text="第一版").click()
    expect(page.get_by_role("button", name="Add images")).to_be_visible()
    complaints.found[:] = [text for text in complaints.found if "400" not in text]  # that was refused


def test_in_chinese(browser: Browser, served: Served) -> None:
    """All panels and what unfolds in them, and the dialogs: what is read there is Chinese but for names."""
    furnish(served.root)
    page = browser.new_context(viewport={"width": 1280, "height": 720}, locale="zh-CN").new_page()
    english: list[str] = []
    for panel, dialogs in CHINESE.items():
        page.goto(f"{served.url}#/{PROJECT}/{VERSION}/{panel}")
        page.wait_for_timeout(1200)  # what it shows has come
        for summary in page.locator("#panel summary").all():
            summary.evaluate("(node) => (node.parentElement.open = true)")
        english += [f"{panel}: {text}" for text in foreign(page)]
        for name in dialogs:
            page.get_by_role("button", name=name).first.click()
            expect(page.locator("dialog, .menu").last).to_be_visible()
            page.wait_for_timeout(400)
            english += [f"{panel}, {name}: {text}" for text in foreign(page)]
            page.keyboard.press("Escape")
    page.context.close()
    assert not english, "\n".join(english)


CHINESE = {
    "data": ("项目与版本", "版本与项目操作"),
    "captions": ("批量编辑", "自动打标"),
    "plan": ("预设",),
    "queue": ("的操作",),
    "compare": ("生成预览图",),
    "tools": (),
}


def foreign(page: Page) -> set[str]:
    texts = [NO_WORDS.sub(" ", text) for text in page.evaluate(NOT_CHINESE)]
    return {text for text in texts if set(re.findall(r"[A-Za-z][A-Za-z-]+", text)) - NAMES}


def fits(node: Locator) -> bool:
    box = node.bounding_box()
    return (
        box is not None
        and box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= PHONE["width"]
        and box["y"] + box["height"] <= PHONE["height"]
    )
