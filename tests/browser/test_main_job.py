"""The whole job as a newcomer does it in the page: real training and real pictures by the small model that ships."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from browser.conftest import Served
from PIL import Image, ImageDraw
from playwright.sync_api import Page, expect

from train_tools.workspace.run_folder import read_record
from train_tools.workspace.workspace import Workspace

SOON_MS = 60_000  # a job starts a process
TRAINED_MS = 240_000


def picture(number: int) -> dict[str, object]:
    image = Image.new("RGB", (96, 96), (30 * number, 90, 160))
    ImageDraw.Draw(image).ellipse((20, 20, 76, 76), fill=(240, 200, 20 * number))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return {"name": f"佐布 {number}.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def go(page: Page, panel: str) -> None:
    page.get_by_role("tab", name=panel).click()
    expect(page.get_by_role("tab", name=panel)).to_have_attribute("aria-selected", "true")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_an_empty_page_to_the_kept_lora(page: Page, served: Served, tmp_path: Path) -> None:
    page.goto(served.url)
    page.get_by_label("What do you want to train?").fill("佐布 zorb")
    page.get_by_role("button", name="Begin").click()

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add images").click()
    chooser.value.set_files([picture(n) for n in range(4)])  # type: ignore[misc]
    expect(page.get_by_text("Added: 4")).to_be_visible(timeout=SOON_MS)
    page.get_by_label("Width", exact=True).fill("64")
    page.get_by_label("Height", exact=True).fill("64")
    page.get_by_label("Repeats", exact=True).fill("2")
    page.wait_for_timeout(800)  # settings are saved as one types
    page.get_by_role("button", name="Process", exact=True).click()
    expect(page.get_by_text("Look at them")).to_be_visible(timeout=SOON_MS)

    go(page, "Captions")
    page.get_by_label("Add a tag", exact=True).fill("a yellow ball")
    page.get_by_label("Add a tag", exact=True).press("Enter")
    page.get_by_label("Text in captions").focus()  # leaving the editor saves
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()

    go(page, "Plan")
    page.get_by_role("button", name="Choose a base model").click()
    page.get_by_role("checkbox", name="The toy that ships").check()
    page.get_by_role("button", name="Take", exact=True).click()
    page.get_by_label("Epochs", exact=True).fill("2")
    page.get_by_label("Rank", exact=True).fill("4")
    page.get_by_label("Learning rate", exact=True).fill("1e-3, 3e-3")
    page.get_by_role("button", name="Start training · 2").click()
    page.get_by_role("button", name="Yes, train on the toy").click()
    go(page, "Queue")
    version = Workspace(served.root).versions("佐布 zorb")[0]
    until_finished(page, version.trains)

    # Pictures come by themselves after each run.
    go(page, "Compare")
    expect(page.locator(".tile img").first).to_be_visible(timeout=TRAINED_MS)
    page.locator(".tile").first.click()
    viewer = page.get_by_role("dialog", name="Picture")
    expect(viewer.get_by_alt_text("Weight 0")).to_be_visible()
    expect(viewer.get_by_role("button", name="Star")).to_have_count(0)  # the base model alone drew it
    page.keyboard.press("ArrowRight")
    viewer.get_by_role("button", name="Star").click()
    expect(viewer.get_by_role("button", name="Star")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Keep this one").click()
    dialog = page.get_by_role("dialog", name="Keep this checkpoint")
    dialog.get_by_label("Name in prompts").fill("my zorb")
    kept = tmp_path / "Lora"
    kept.mkdir()
    dialog.get_by_label("Folder").fill(str(kept))
    dialog.get_by_role("button", name="Keep").last.click()
    expect(page.get_by_text("Kept. In prompts:")).to_be_visible(timeout=SOON_MS)
    assert (kept / "my zorb.safetensors").stat().st_size > 10_000
    assert (kept / "my zorb.json").is_file()


def until_finished(page: Page, trains: Path) -> None:
    """Both runs, seen in the page and on disk."""
    for _ in range(TRAINED_MS // 1000):
        records = [read_record(folder) for folder in trains.iterdir() if not folder.name.startswith(".")]
        if len(records) == 2 and all(record and record.state == "finished" for record in records):
            break
        page.wait_for_timeout(1000)
    else:
        pytest.fail(f"not trained: {[record and (record.state, record.error) for record in records]}")
    expect(page.get_by_text("finished").first).to_be_visible(timeout=SOON_MS)
