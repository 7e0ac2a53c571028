"""The Data panel, as a person uses it: files come in, are looked through, processed and checked."""

from __future__ import annotations

import base64
import io
import os
import re
import time
import zipfile
from pathlib import Path

import pytest
from browser.conftest import Complaints, Served
from chosen_base import choose_toy
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, Route, expect

from train_tools.dataset.images import decode
from train_tools.dataset.known import Known
from train_tools.dataset.looks import look_at
from train_tools.dataset.originals import originals_in
from train_tools.workspace.settings import read
from train_tools.workspace.workspace import Version, Workspace

JOB_MS = 60_000  # a worker and its job start as processes of their own
COLOURS = ("red", "blue", "green", "orange")


def png(colour: str, size: tuple[int, int] = (320, 200)) -> bytes:
    image = Image.new("RGB", size, "white")
    width, height = size
    ImageDraw.Draw(image).ellipse((10, 10, width // 2, height - 10), fill=colour)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def payload(name: str, data: bytes) -> dict[str, object]:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": data}


@pytest.fixture
def version(served: Served) -> Version:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    return workspace.create_version("猫 cat", "v1")


@pytest.fixture
def data(page: Page, served: Served, version: Version) -> Page:
    page.goto(served.url + "#/猫 cat/v1/data")
    expect(page.get_by_text("Drop images, folders or zips here")).to_be_visible()
    return page


def fill(version: Version, colours: tuple[str, ...] = COLOURS) -> None:
    for colour in colours:
        (version.origin / f"{colour}.png").write_bytes(png(colour))


def choose(page: Page, files: list[dict[str, object]]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add images").click()
    chooser.value.set_files(files)  # type: ignore[arg-type]


def drop(page: Page, files: dict[str, bytes]) -> None:
    encoded = [[name, base64.b64encode(data).decode()] for name, data in files.items()]
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, text] of files)
            transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
          return transfer;
        }""",
        encoded,
    )
    page.dispatch_event("#panel-data", "dragenter", {"dataTransfer": transfer})
    page.dispatch_event("#panel-data", "drop", {"dataTransfer": transfer})


def process(page: Page, button: str = "Process") -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_text("Look at them")).to_be_visible(timeout=JOB_MS)


def test_from_the_first_files_to_the_captions(data: Page, version: Version) -> None:
    choose(
        data,
        [
            payload("猫 一.png", png("red")),
            payload("猫 一.txt", "一只猫".encode()),
            payload("b.png", png("blue")),
            payload("damaged.png", png("green")[:90]),
        ],
    )
    expect(data.get_by_text("Added: 2")).to_be_visible(timeout=JOB_MS)
    expect(data.get_by_text("Refused: 1")).to_be_visible()
    expect(data.get_by_text("damaged.png")).to_be_visible()
    assert (version.origin / "猫 一.txt").read_text("utf-8") == "一只猫"
    expect(data.get_by_role("option", name="猫 一.png")).to_be_visible()

    data.get_by_label("Width", exact=True).fill("128")
    data.get_by_label("Height", exact=True).fill("128")
    expect(data.get_by_text("Saved")).to_be_visible()
    process(data)
    expect(data.get_by_text("Revision 1: 2 training images")).to_be_visible()
    result = data.get_by_role("region", name="3 · Training images")
    expect(result.get_by_role("option")).to_have_count(2)
    expect(result.get_by_role("button", name="Choose it in the plan")).to_be_visible()
    choose_toy(version)
    expect(result.get_by_role("listitem")).not_to_have_count(0)  # buckets
    expect(result.get_by_text("猫 cat has few images.")).to_be_visible()
    data.get_by_role("button", name="Go on to the captions").click()
    expect(data.get_by_role("tab", name="Captions")).to_have_attribute("aria-selected", "true")


def test_what_is_dropped_comes_in_with_what_zips_hold(data: Page, version: Version) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("图/in.png", png("green"))
        zipped.writestr("图/in.txt", "in a zip")
    drop(data, {"a.png": png("red"), "set.zip": archive.getvalue(), ".DS_Store": b"x"})
    expect(data.get_by_text("Added: 2")).to_be_visible(timeout=JOB_MS)
    assert sorted(path.name for path in version.origin.iterdir()) == ["a.png", "in.png", "in.txt"]


def test_a_dropped_folder_is_walked_through(data: Page, version: Version, tmp_path: Path) -> None:
    (tmp_path / "照片" / "内").mkdir(parents=True)
    (tmp_path / "照片" / "内" / "猫.png").write_bytes(png("red"))
    (tmp_path / "照片" / "内" / "猫.txt").write_text("一只猫", "utf-8")
    (tmp_path / "照片" / ".hidden.png").write_bytes(png("blue"))
    (tmp_path / "single.png").write_bytes(png("green"))
    hand = data.context.new_cdp_session(data)
    dragged = {
        "items": [],
        "files": [str(tmp_path / "照片"), str(tmp_path / "single.png")],
        "dragOperationsMask": 1,
    }
    for step in ("dragEnter", "dragOver", "drop"):
        hand.send("Input.dispatchDragEvent", {"type": step, "x": 300, "y": 300, "data": dragged})
    expect(data.get_by_text("Added: 2")).to_be_visible(timeout=JOB_MS)
    assert sorted(path.name for path in version.origin.iterdir()) == ["single.png", "猫.png", "猫.txt"]


def test_a_folder_is_chosen_whole(data: Page, version: Version, tmp_path: Path) -> None:
    folder = tmp_path / "照片"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.png").write_bytes(png("red"))
    (folder / "inner" / "a.png").write_bytes(png("blue"))
    with data.expect_file_chooser() as chooser:
        data.get_by_role("button", name="Add a folder").click()
    chooser.value.set_files(folder)
    expect(data.get_by_text("Added: 2")).to_be_visible(timeout=JOB_MS)
    assert sorted(path.name for path in version.origin.iterdir()) == ["a (2).png", "a.png"]


def kohya(root: Path) -> Path:
    for name, colour in (
        ("img/5_mira woman/a", "red"),
        ("reg/1_woman/r", "grey"),
        ("model/sample/s", "blue"),
    ):
        path = root / f"{name}.png"
        path.parent.mkdir(parents=True)
        path.write_bytes(png(colour))
    return root


def test_a_trainer_s_folders_are_asked_about(data: Page, version: Version, tmp_path: Path) -> None:
    tree = kohya(tmp_path / "set")
    with data.expect_file_chooser() as chooser:
        data.get_by_role("button", name="Add a folder").click()
    chooser.value.set_files(tree)
    question = data.get_by_role("dialog", name="What these folders say")
    expect(question.get_by_role("cell", name="1 image(s) of the concept 'mira woman'")).to_be_visible()
    expect(question.get_by_text("1 image(s) left out: what a trainer wrote")).to_be_visible()
    assert not any(version.origin.iterdir())
    question.get_by_role("button", name="Decide later").click()
    expect(data.get_by_text("Files that wait to be added: 3")).to_be_visible()
    data.get_by_role("button", name="Add them").click()
    question.get_by_role("button", name="Take it over").click()
    expect(data.get_by_text("Added: 2")).to_be_visible(timeout=JOB_MS)
    data.get_by_text("What the folders meant").click()
    expect(data.get_by_text("the version's own concept, and so its trigger word")).to_be_visible()
    assert [path.name for path in version.origin.iterdir()] == ["a.png"]
    assert (version.reg / "1_woman" / "r.png").is_file()
    assert read(version)["dataset"]["concept_repeats"] == ["mira woman:5"]


def test_all_of_a_trainer_s_folders_as_plain_images(data: Page, version: Version, tmp_path: Path) -> None:
    tree = kohya(tmp_path / "set")
    with data.expect_file_chooser() as chooser:
        data.get_by_role("button", name="Add a folder").click()
    chooser.value.set_files(tree)
    data.get_by_role("button", name="All as plain images").click()
    expect(data.get_by_text("Added: 3")).to_be_visible(timeout=JOB_MS)
    assert sorted(path.name for path in version.origin.iterdir()) == ["a.png", "r.png", "s.png"]


def test_a_reload_in_the_middle_loses_nothing_that_arrived(data: Page, version: Version) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route) if "green" in route.request.url else route.continue_()

    data.route("**/data/uploads/**", hold)
    data.on("dialog", lambda dialog: dialog.accept())
    choose(data, [payload(f"{colour}.png", png(colour)) for colour in ("red", "blue", "green")])
    expect(data.get_by_text("Sending 2 of 3")).to_be_visible()
    data.reload()
    arrived = [path for path in (version.folder / ".uploads").rglob("*") if path.is_file()]
    assert sorted(path.name for path in arrived if not path.name.startswith(".")) == ["blue.png", "red.png"]
    for path in arrived:  # as if a while had passed
        os.utime(path, (time.time() - 60, time.time() - 60))
    expect(data.get_by_text("Files that arrived before an upload was cut off: 2")).to_be_visible()
    data.get_by_role("button", name="Add them").click()
    expect(data.get_by_text("Added: 2")).to_be_visible(timeout=JOB_MS)


def test_what_failed_on_the_way_is_sent_again(data: Page, complaints: Complaints) -> None:
    broken = True

    def cut(route: Route) -> None:
        route.abort() if broken and "blue" in route.request.url else route.continue_()

    data.route("**/data/uploads/**", cut)
    choose(data, [payload("red.png", png("red")), payload("blue.png", png("blue"))])
    again = data.get_by_role("button", name="Send these again")
    expect(again).to_be_visible()  # it was tried by itself before
    expect(data.get_by_role("listitem").filter(has_text="blue.png")).to_be_visible()
    broken = False
    again.click()
    expect(data.get_by_text("Added: 2")).to_be_visible(timeout=JOB_MS)
    complaints.found.clear()  # the browser's own words on the broken connection


def test_an_upload_is_cancelled_and_thrown_away(data: Page, version: Version, complaints: Complaints) -> None:
    data.route("**/data/uploads/*?path=green.png", lambda _route: None)
    choose(data, [payload("red.png", png("red")), payload("green.png", png("green"))])
    expect(data.get_by_text("Sending 1 of 2")).to_be_visible()
    data.get_by_role("button", name="Cancel").click()
    data.get_by_role("button", name="Throw them away").click()
    data.get_by_role("dialog").get_by_role("button", name="Throw them away").click()
    expect(data.get_by_text("cut off")).to_be_hidden()
    assert not any(version.origin.iterdir())
    complaints.found.clear()


def test_images_are_deleted_by_keyboard_and_come_back(page: Page, served: Served, version: Version) -> None:
    fill(version)
    page.goto(served.url + "#/猫 cat/v1/data")
    grid = page.get_by_role("listbox", name="Originals")
    expect(grid.get_by_role("option")).to_have_count(4)
    grid.focus()
    page.keyboard.press("Control+a")
    expect(page.get_by_text("Selected: 4")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    expect(grid.get_by_role("option", selected=True)).to_have_count(2)
    page.keyboard.press("Delete")
    expect(grid.get_by_role("option")).to_have_count(2)
    assert len(list(version.origin.iterdir())) == 2
    page.get_by_role("button", name="Undo").click()
    expect(grid.get_by_role("option")).to_have_count(4)
    grid.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    shown = page.get_by_role("dialog", name="Picture")
    expect(shown.get_by_role("heading", name="blue.png")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(shown.get_by_role("heading", name="green.png")).to_be_visible()
    page.keyboard.press("Escape")
    expect(shown).to_be_hidden()


def test_a_second_concept_has_repeats_of_its_own(page: Page, served: Served, version: Version) -> None:
    fill(version)
    page.goto(served.url + "#/猫 cat/v1/data")
    page.get_by_role("option", name="red.png").click()
    page.get_by_role("option", name="blue.png").click(modifiers=["Control"])
    page.get_by_role("button", name="Move to").click()
    page.get_by_role("menuitem", name="New concept …").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("帽子")
    page.get_by_role("dialog").get_by_role("button", name="Move to").click()
    page.get_by_label("Repeats of 帽子").fill("3")
    expect(page.get_by_text("Saved")).to_be_visible()
    assert read(version)["dataset"]["concept_repeats"] == ["帽子:3"]
    assert (version.origin / "帽子" / "red.png").is_file()


def test_regularisation_images_are_added_beside(data: Page, version: Version) -> None:
    data.get_by_text("New images go to: the version's own concept").click()
    data.get_by_label("New images are").select_option("regularisation images")
    choose(data, [payload("any.png", png("grey"))])
    expect(data.get_by_text("Say of which class the regularisation images are")).to_be_visible()
    data.get_by_label("Class", exact=True).fill("cat")
    expect(data.get_by_text("New images go to: regularisation images of cat")).to_be_visible()
    choose(data, [payload("any.png", png("grey"))])
    expect(data.get_by_text("Added: 1")).to_be_visible(timeout=JOB_MS)
    assert (version.reg / "1_cat" / "any.png").is_file()
    data.get_by_role("heading", name="Regularisation images").click()
    expect(data.get_by_role("cell", name="1_cat")).to_be_visible()


def test_the_preview_follows_the_settings(page: Page, served: Served, version: Version) -> None:
    fill(version, ("red",))
    page.goto(served.url + "#/猫 cat/v1/data")
    preview = page.get_by_role("region", name="What it makes of a picture")
    expect(preview.get_by_role("figure")).to_have_count(2)
    page.get_by_role("switch", name="Mirrored copies").check()
    expect(preview.get_by_text("Whole, mirrored")).to_be_visible()
    page.get_by_label("Width", exact=True).fill("64")
    page.get_by_label("Height", exact=True).fill("64")
    page.get_by_role("switch", name="Focal crop").check()
    expect(preview.get_by_text("Focal, mirrored 64 × 64")).to_be_visible()
    assert page.locator("html").evaluate("node => node.scrollWidth <= innerWidth")


def test_a_wrong_value_is_told_at_its_field(
    page: Page, served: Served, version: Version, complaints: Complaints
) -> None:
    page.goto(served.url + "#/猫 cat/v1/data")
    width = page.get_by_label("Width", exact=True)
    width.fill("3")
    expect(page.get_by_text("setting width is 3; allowed")).to_be_visible()
    expect(width).to_have_attribute("aria-invalid", "true")
    width.fill("256")
    expect(width).to_have_attribute("aria-invalid", "false")
    assert read(version)["dataset"]["width"] == 256
    complaints.found.clear()


def test_two_browsers_see_the_same(page: Page, served: Served, version: Version, browser: Browser) -> None:
    fill(version, ("red",))
    page.goto(served.url + "#/猫 cat/v1/data")
    context = browser.new_context(locale="zh-CN", viewport={"width": 390, "height": 800})
    other = context.new_page()
    other.goto(served.url + "#/猫 cat/v1/data")
    expect(other.get_by_role("option", name="red.png")).to_be_visible()
    page.get_by_label("Width", exact=True).fill("192")
    expect(other.get_by_label("宽度", exact=True)).to_have_value("192")
    choose(page, [payload("new.png", png("blue"))])
    expect(other.get_by_role("option", name="new.png")).to_be_visible(timeout=JOB_MS)
    context.close()


def test_revisions_are_compared_and_restored(page: Page, served: Served, version: Version) -> None:
    fill(version, ("red", "blue"))
    page.goto(served.url + "#/猫 cat/v1/data")
    process(page)
    page.get_by_role("switch", name="Mirrored copies").check()
    expect(page.get_by_text("Settings changed since: Mirrored copies.")).to_be_visible()
    page.get_by_role("button", name="Process", exact=True).click()
    expect(page.get_by_text("Revision 2: 4 training images")).to_be_visible(timeout=JOB_MS)
    page.get_by_role("button", name="Revisions").click()
    dialog = page.get_by_role("dialog", name="Revisions")
    dialog.get_by_role("button", name="Compare").click()
    expect(dialog.get_by_text("New: 2")).to_be_visible()
    expect(dialog.get_by_role("cell", name="Mirrored copies")).to_be_visible()
    dialog.get_by_role("button", name="Restore").click()
    page.get_by_role("dialog", name="Restore").get_by_role("button", name="Restore").click()
    expect(page.get_by_text("Revision 3: 2 training images")).to_be_visible(timeout=JOB_MS)


def test_processing_is_cancelled(page: Page, served: Served, version: Version) -> None:
    for number in range(40):
        (version.origin / f"{number:03d}.png").write_bytes(png(COLOURS[number % 4], (1600, 1200 + number)))
    page.goto(served.url + "#/猫 cat/v1/data")
    page.get_by_role("button", name="Process", exact=True).click()
    working = page.get_by_role("region", name="2 · Processing")
    expect(working.get_by_text(" / 40 ·")).to_be_visible(timeout=JOB_MS)
    working.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Process", exact=True)).to_be_enabled(timeout=JOB_MS)
    expect(page.get_by_text("Nothing is processed yet.")).to_be_visible()
    assert not version.processed.exists()
    assert len(list((version.folder / "dataset").glob(".tmp-*"))) == 0  # what was being built is cleared away


def test_thousands_stay_usable(page: Page, served: Served, version: Version, complaints: Complaints) -> None:
    (version.origin / "00000.png").write_bytes(png("red", (64, 64)))
    for number in range(1, 2000):
        os.link(version.origin / "00000.png", version.origin / f"{number:05d}.png")
    page.goto(served.url + "#/猫 cat/v1/data")
    expect(page.get_by_text("Images: 2,000")).to_be_visible()
    grid = page.get_by_role("listbox", name="Originals")
    grid.focus()
    page.keyboard.press("End")
    expect(grid.get_by_role("option", name="01999.png")).to_be_visible()
    assert grid.get_by_role("option").count() < 120
    page.keyboard.press("Control+a")
    expect(page.get_by_text("Selected: 2,000")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Drop images, folders or zips here")).to_be_visible(timeout=JOB_MS)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Images: 2,000")).to_be_visible(timeout=JOB_MS)
    page.goto("about:blank")  # nothing is on its way any more
    # Of thumbnails that were asked for before their images were deleted, and came after.
    complaints.found[:] = [text for text in complaints.found if "404" not in text]


def test_a_picture_is_cropped_and_masked_by_hand(page: Page, served: Served, version: Version) -> None:
    """Also look-alikes side by side, concepts as folders, and the trigger word where images come in."""
    fill(version)
    Image.open(io.BytesIO(png("red"))).resize((160, 100)).save(version.origin / "red again.png")
    (version.origin / "hat").mkdir()
    (version.origin / "hat" / "hat.png").write_bytes(png("purple"))
    add_looks(version)
    page.goto(served.url + "#/猫 cat/v1/data")
    expect(page.get_by_text("“猫 cat” in a prompt calls your LoRA: the project's name")).to_be_visible()
    page.get_by_role("textbox", name="Trigger word").fill("zorb")
    expect(page.get_by_text("“zorb” in a prompt calls your LoRA; it is learned")).to_be_visible()
    page.wait_for_load_state("networkidle")  # the word is saved: two don't write a version at once
    page.get_by_role("button", name="hat 1").click()
    expect(page.locator(".originals .picture")).to_have_count(1)
    page.get_by_role("button", name="all concepts 6").click()

    page.get_by_role("button", name="Look-alikes (1)").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name="red.png")).to_be_checked()
    expect(dialog.get_by_text("1 images will be deleted.")).to_be_visible()
    dialog.get_by_role("button", name="Delete the others").click()
    expect(page.get_by_role("button", name="all concepts 5")).to_be_visible()
    assert (version.origin / "red.png").exists()
    assert not (version.origin / "red again.png").exists()

    page.locator(".originals .picture", has_text="blue.png").click()
    page.get_by_role("button", name="Crop or mask").click()
    frame = page.locator(".crop-frame")
    area = page.locator(".crop-area").bounding_box()
    assert area
    x, y, width, height = (area[name] for name in ("x", "y", "width", "height"))
    page.mouse.move(x + width / 4, y + height / 4)
    page.mouse.down()
    page.mouse.move(x + width * 3 / 4, y + height * 3 / 4, steps=4)
    page.mouse.up()
    expect(dialog.get_by_role("status")).to_have_text(re.compile(r"1(59|60|61) × (99|100|101) pixels at"))
    dialog.get_by_label("Shape of the crop").select_option("1:1")
    frame.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    dialog.get_by_role("button", name="Mask", exact=True).click()
    page.mouse.move(x + width * 0.4, y + height * 0.5)
    page.mouse.down()
    page.mouse.move(x + width * 0.6, y + height * 0.5, steps=4)
    page.mouse.up()
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+Shift+Z")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The plan trains with masks from now on")).to_be_visible()
    blue = page.locator(".originals .picture", has_text="blue.png")
    expect(blue).to_contain_text("cropped")
    expect(blue).to_contain_text("mask")
    assert read(version)["training"]["alpha_mask"] == "true"
    page.get_by_role("button", name="Process", exact=True).click()
    expect(page.get_by_text("Revision 1: 5 training images")).to_be_visible(timeout=JOB_MS)
    (made,) = version.processed.rglob("*blue.png")
    image = Image.open(made)
    assert (image.mode, abs(image.width - image.height) <= 1) == ("RGBA", True)
    assert image.getchannel("A").getextrema() == (0, 255)
    assert made.parent.name == "10_zorb"


def add_looks(version: Version) -> None:
    """As taking them in would have seen them."""
    known, originals = Known.of(version), originals_in(version.origin)
    for original in originals:
        data = original.path.read_bytes()
        known.see(original, look_at(data, decode(data)))
    known.save(originals)
