"""Captions as a person looks through them, writes and changes them; the captioner that takes file names is the job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser.conftest import Complaints, Served
from captioning.chat_server import chat_server, said
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from train_tools.execution.lane import has_worker
from train_tools.workspace.lock import writing
from train_tools.workspace.settings import read
from train_tools.workspace.workspace import Version, Workspace

CAPTIONS = {
    "00000-0-red cat": "zorb, red boots, sky\n",
    "00001-0-blue cat": "red boots, zorb, sea\n",
    "00002-0-green cat": None,
    "00003-0-old cat": "zorb, hat\n",
}


@pytest.fixture
def version(served: Served) -> Iterator[Version]:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    version = workspace.create_version("猫 cat", "v1")
    folder = version.processed / "3_zorb"
    folder.mkdir(parents=True)
    for number, (name, text) in enumerate(CAPTIONS.items()):
        Image.new("RGB", (64, 96), (60 * number, 90, 120)).save(folder / f"{name}.png")
        if text is not None:
            (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    yield version
    wait_for(lambda: not has_worker(served.root))


def wait_for(there: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def text_of(version: Version, start: str) -> str | None:
    (image,) = (version.processed / "3_zorb").glob(f"{start}*.png")
    caption = image.with_suffix(".txt")
    return caption.read_text("utf-8") if caption.exists() else None


def open_captions(page: Page, served: Served) -> None:
    page.goto(served.url + "#/猫 cat/v1/captions")
    expect(page.get_by_text("4 of 4 images")).to_be_visible()


def card(page: Page, words: str) -> Locator:
    return page.locator(".caption-card").filter(has_text=words)


def test_a_caption_is_written_with_tags_and_saved_as_one_leaves_it(
    page: Page, served: Served, version: Version
) -> None:
    open_captions(page, served)
    assert page.locator(".caption-work").evaluate("node => node.offsetWidth") > 1200
    card(page, "red cat").click()
    field = page.get_by_label("Add a tag", exact=True)
    field.fill("smile, red boots")
    field.press("Enter")
    expect(page.locator(".editor .tag")).to_have_count(4)
    expect(card(page, "red cat")).to_contain_text("not saved yet")
    assert text_of(version, "00000") == "zorb, red boots, sky\n"
    card(page, "blue cat").click()
    wait_for(lambda: text_of(version, "00000") == "zorb, red boots, sky, smile\n")
    expect(card(page, "red cat")).not_to_contain_text("not saved yet")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()


def test_everything_goes_by_keyboard(page: Page, served: Served, version: Version) -> None:
    open_captions(page, served)
    page.get_by_role("listbox", name="Images and their captions").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".editor-name")).to_contain_text("blue cat")
    page.keyboard.press("Enter")
    field = page.get_by_label("Add a tag", exact=True)
    expect(field).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Alt+ArrowLeft")  # zorb before red boots
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Delete")  # sea
    page.keyboard.press("Control+Enter")
    wait_for(lambda: text_of(version, "00001") == "zorb, red boots\n")
    page.keyboard.press("Alt+PageDown")
    expect(page.locator(".editor-name")).to_contain_text("green cat")
    page.keyboard.type("new tag,")
    page.keyboard.press("Escape")
    wait_for(lambda: text_of(version, "00002") == "new tag\n")


def test_free_text_keeps_what_tags_could_not(page: Page, served: Served, version: Version) -> None:
    path = version.processed / "3_zorb" / "00003-0-old cat.txt"
    path.write_text("zorb ||| hat, {red|blue} sky\nanother line\n")
    open_captions(page, served)
    card(page, "old cat").click()
    text = page.get_by_label("Caption", exact=True)
    expect(text).to_have_value("zorb ||| hat, {red|blue} sky\nanother line")
    expect(page.get_by_role("button", name="Tags", exact=True)).to_be_disabled()
    text.fill("zorb ||| hat\nanother line")
    page.get_by_label("Text in captions").focus()
    wait_for(lambda: path.read_text() == "zorb ||| hat\nanother line\n")


def test_captions_are_filtered_by_tags_text_and_state(page: Page, served: Served, version: Version) -> None:
    open_captions(page, served)
    tag = page.locator(".tag-count").filter(has_text="red boots")
    tag.click()
    expect(page.get_by_text("2 of 4 images")).to_be_visible()
    page.reload()
    expect(page.get_by_text("2 of 4 images")).to_be_visible()
    tag.click()
    expect(page.get_by_text("2 of 4 images")).to_be_visible()
    expect(card(page, "old cat")).to_be_visible()
    expect(card(page, "red cat")).to_have_count(0)
    page.get_by_role("button", name="without red boots").click()
    expect(page.get_by_text("4 of 4 images")).to_be_visible()
    page.get_by_label("Text in captions").fill("SEA")
    expect(page.get_by_text("1 of 4 images")).to_be_visible()
    page.get_by_label("Text in captions").fill("")
    page.get_by_label("Which captions").select_option(label="missing or empty")
    expect(page.get_by_text("1 of 4 images")).to_be_visible()
    expect(card(page, "green cat")).to_contain_text("no caption")


def test_many_are_changed_after_a_preview_and_undone(page: Page, served: Served, version: Version) -> None:
    open_captions(page, served)
    page.get_by_role("button", name="Edit many").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What to do").select_option(label="Replace tags")
    dialog.get_by_role("button", name="Apply").click()
    expect(dialog.locator("form > .problem")).to_have_text("Please fill this in.")
    dialog.get_by_label("Tags to replace, as a,b").fill("red boots")
    dialog.get_by_label("By", exact=True).fill("boots")
    expect(dialog.get_by_text("2 captions would change:")).to_be_visible()
    expect(dialog.locator("del").first).to_have_text("red boots")
    expect(dialog.locator("ins").first).to_have_text("boots")
    assert text_of(version, "00000") == "zorb, red boots, sky\n"
    dialog.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("2 captions changed.")).to_be_visible()
    assert text_of(version, "00001") == "boots, zorb, sea\n"
    expect(card(page, "blue cat")).to_contain_text("boots, zorb, sea")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    wait_for(lambda: text_of(version, "00001") == "red boots, zorb, sea\n")
    page.get_by_role("button", name="Redo").click()
    wait_for(lambda: text_of(version, "00001") == "boots, zorb, sea\n")


def test_checks_say_what_is_wrong_and_mend_it(page: Page, served: Served, version: Version) -> None:
    open_captions(page, served)
    page.get_by_role("button", name="Check 2").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 images have no caption")
    dialog.get_by_role("button", name="Move it to the front").click()
    expect(page.get_by_role("dialog").get_by_text("1 captions would change:")).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    wait_for(lambda: text_of(version, "00001") == "zorb, red boots, sea\n")
    page.get_by_role("button", name="Check").click()
    page.get_by_role("dialog").get_by_role("button", name="Show them").click()
    expect(page.get_by_text("1 of 4 images")).to_be_visible()


def test_two_browsers_write_one_caption_and_none_is_lost(
    browser: Browser, page: Page, served: Served, version: Version
) -> None:
    open_captions(page, served)
    card(page, "old cat").click()
    page.get_by_label("Add a tag", exact=True).fill("mine")
    page.get_by_label("Add a tag", exact=True).press("Enter")
    other = browser.new_context(locale="en").new_page()
    open_captions(other, served)
    other.locator(".caption-card").filter(has_text="old cat").click()
    other.get_by_label("Add a tag", exact=True).fill("theirs")
    other.get_by_label("Add a tag", exact=True).press("Enter")
    other.locator(".caption-card").filter(has_text="red cat").click()
    wait_for(lambda: text_of(version, "00003") == "zorb, hat, theirs\n")
    expect(page.get_by_role("alert")).to_contain_text("zorb, hat, theirs")
    card(page, "red cat").click()
    expect(card(page, "old cat")).to_contain_text("changed by somebody else")
    assert text_of(version, "00003") == "zorb, hat, theirs\n"
    card(page, "old cat").click()
    page.get_by_role("button", name="Save mine").click()
    wait_for(lambda: text_of(version, "00003") == "zorb, hat, mine\n")
    expect(other.locator(".caption-card").filter(has_text="old cat")).to_contain_text("zorb, hat, mine")
    other.context.close()


def test_while_another_writes_what_was_typed_waits(
    page: Page, served: Served, version: Version, complaints: Complaints
) -> None:
    open_captions(page, served)
    with writing(version, "processing images"):
        card(page, "old cat").click()
        page.get_by_label("Add a tag", exact=True).fill("late")
        page.get_by_label("Add a tag", exact=True).press("Enter")
        card(page, "red cat").click()
        page.wait_for_timeout(1000)
        card(page, "old cat").click()
        expect(page.locator(".editor-state")).to_contain_text("processing images")
        page.get_by_role("tab", name="Queue").click()  # and comes back
        page.get_by_role("tab", name="Captions").click()
        expect(card(page, "old cat")).to_contain_text("late")
    wait_for(lambda: text_of(version, "00003") == "zorb, hat, late\n")
    page.wait_for_timeout(300)
    assert [text for text in complaints.found if "409" not in text] == []
    complaints.found.clear()


def test_the_captioner_works_as_a_job(page: Page, served: Served, version: Version) -> None:
    open_captions(page, served)
    page.get_by_role("button", name="Caption automatically").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("checkbox", name="deepbooru of the webui")).to_be_disabled()
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_text("Choose a captioner.")).to_be_visible()
    dialog.get_by_role("checkbox", name="File name").check()
    dialog.get_by_role("textbox", name="Trigger word, put first").fill("zorb")
    dialog.get_by_role("button", name="Start").click()
    expect(page.get_by_text("Captioning is done.")).to_be_visible()
    wait_for(lambda: text_of(version, "00002") == "zorb, green cat\n")
    expect(card(page, "green cat.png")).to_contain_text("zorb, green cat")
    assert text_of(version, "00000") == "zorb, red boots, sky\n"  # it was there and stays
    page.get_by_role("button", name="Undo").click()
    wait_for(lambda: text_of(version, "00002") is None)


def test_two_thousand_images_are_looked_through(page: Page, served: Served, version: Version) -> None:
    folder = version.processed / "3_zorb"
    pixels = (folder / "00000-0-red cat.png").read_bytes()
    for number in range(4, 2000):
        (folder / f"{number:05d}-0-x.png").write_bytes(pixels)
        (folder / f"{number:05d}-0-x.txt").write_text(f"zorb, tag {number % 40}\n")
    page.goto(served.url + "#/猫 cat/v1/captions")
    expect(page.get_by_text("2,000 of 2,000 images")).to_be_visible()
    assert page.locator(".caption-card").count() < 60
    page.get_by_role("listbox", name="Images and their captions").focus()
    page.keyboard.press("End")
    expect(page.locator(".editor-name")).to_contain_text("01999")
    expect(card(page, "01999-0-x.png")).to_be_visible()
    assert page.locator(".caption-card").count() < 60
    page.get_by_label("Find a tag").fill("tag 7")
    page.locator(".tag-count").filter(has_text="tag 7").click()
    expect(page.get_by_text("50 of 2,000 images")).to_be_visible()


def test_captions_of_which_one_tag_is_learnt_are_mended(page: Page, served: Served, version: Version) -> None:
    folder = version.processed / "3_zorb"
    (folder / "00000-0-red cat.txt").write_text("zorb，red boots、sky\n", "utf-8")
    (folder / "00001-0-blue cat.txt").write_text("zorb,\nsea\n", "utf-8")
    open_captions(page, served)
    expect(page.locator(".tag-count").filter(has_text="sea")).to_have_count(0)  # nobody learns it
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Put commas").click()
    editing = page.get_by_role("dialog")
    expect(editing.get_by_text("00000-0-red cat.txt")).to_be_visible()
    editing.get_by_role("button", name="Apply").click()
    wait_for(lambda: text_of(version, "00000") == "zorb, red boots, sky\n")
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Join the lines").click()
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    wait_for(lambda: text_of(version, "00001") == "zorb, sea\n")
    expect(page.locator(".tag-count").filter(has_text="sea")).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).first.click()
    wait_for(lambda: text_of(version, "00001") == "zorb,\nsea\n")


def test_lines_that_are_captions_of_their_own(page: Page, served: Served, version: Version) -> None:
    (version.processed / "3_zorb" / "00000-0-red cat.txt").write_text("zorb, red\nzorb, boots\n", "utf-8")
    open_captions(page, served)
    page.get_by_role("button", name="Check").click()
    page.get_by_role("button", name="Each line is a caption").click()
    expect(page.get_by_text("Training draws one line in each step")).to_be_visible()
    assert read(version)["training"]["enable_wildcard"] == "true"
    expect(page.locator(".tag-count").filter(has_text="boots")).to_have_count(2)  # also red boots
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("dialog").get_by_text("have no caption")).to_be_visible()
    expect(page.get_by_text("have several lines")).to_have_count(0)


def test_several_are_chosen_and_edited_together(
    page: Page, served: Served, version: Version, complaints: Complaints
) -> None:
    """By mouse and by keyboard, with tags that are offered; then a filter that finds nothing, and a bad expression."""
    lists = served.root / "train_tools" / "tags"
    lists.mkdir(parents=True)
    (lists / "danbooru.csv").write_text("smile,0,2900000,笑顔\nsmirk,0,90000,\n", "utf-8")
    open_captions(page, served)
    card(page, "red cat").click()
    card(page, "blue cat").click(modifiers=["Control"])
    expect(page.get_by_text("2 images selected")).to_be_visible()
    field = page.get_by_role("combobox", name="Give all of them a tag")
    field.fill("smi")
    expect(page.get_by_role("option", name="smirk")).to_be_visible()
    field.press("ArrowDown")
    field.press("Enter")
    wait_for(lambda: text_of(version, "00000") == "zorb, red boots, sky, smile\n")
    assert text_of(version, "00001") == "red boots, zorb, sea, smile\n"
    expect(page.get_by_role("button", name="smile: all have it")).to_be_visible()
    page.get_by_role("button", name="sky: 1 of 2 have it").focus()
    page.keyboard.press("Delete")
    wait_for(lambda: text_of(version, "00000") == "zorb, red boots, smile\n")
    page.locator("#toasts").get_by_role("button", name="Undo").last.click()
    wait_for(lambda: text_of(version, "00000") == "zorb, red boots, sky, smile\n")
    page.get_by_role("listbox", name="Images and their captions").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    expect(page.get_by_text("4 images selected")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+ArrowLeft")
    page.keyboard.press("Space")
    expect(page.get_by_text("3 images selected")).to_be_visible()
    page.get_by_role("button", name="More edits of these").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("radio", name="the 3 selected")).to_be_checked()
    dialog.get_by_label("What to do").select_option(label="Replace by regular expression")
    dialog.get_by_label("Regular expression", exact=True).fill("(")
    expect(dialog.get_by_text("the ( at place 1 is never closed")).to_have_count(1)
    dialog.get_by_label("Regular expression", exact=True).fill("zorb")
    dialog.get_by_label("Replacement").fill("dorb")
    expect(dialog.get_by_text("captions would change")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_label("Text in captions").fill("nobody wrote this")
    expect(page.get_by_text("No caption matches the filter")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.get_by_text("4 of 4 images")).to_be_visible()
    assert [text for text in complaints.found if "400" not in text] == []  # of the bad expression
    complaints.found.clear()


def test_what_a_tag_does_and_what_the_trigger_word_could_carry(
    page: Page, served: Served, version: Version
) -> None:
    for path in (version.processed / "3_zorb").glob("*.txt"):
        path.write_text("zorb, red boots, " + path.stem[-3:] + "\n", "utf-8")
    open_captions(page, served)
    page.get_by_role("button", name="What red boots does").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("In 3 of 3 captions (100 %).")).to_be_visible()
    expect(dialog.get_by_text("and not under “zorb”")).to_be_visible()
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Prune …").click()
    dialog.get_by_role("checkbox", name="red boots").check()
    dialog.get_by_role("button", name="Take out the chosen").click()
    wait_for(lambda: text_of(version, "00003") == "zorb, cat\n")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    wait_for(lambda: text_of(version, "00003") == "zorb, red boots, cat\n")


def test_a_vision_model_on_a_server_writes(
    page: Page, served: Served, version: Version, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRAIN_TOOLS_RUN_FOLDER", str(tmp_path / "run"))
    with chat_server(answer=lambda _: said("Sure! Here is a caption: **a cat in green boots**")) as server:
        open_captions(page, served)
        page.get_by_role("button", name="Caption automatically").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("checkbox", name="A vision model on a server").check()
        dialog.get_by_label("Address of the server", exact=True).fill(server.base)
        expect(dialog.get_by_text("answers and has 1 models")).to_be_visible()
        expect(dialog.get_by_label("Model", exact=True)).to_have_value("llava:7b")
        expect(dialog.get_by_label("Trigger word, put first", exact=True)).to_have_value("zorb")
        dialog.get_by_role("button", name="Try it on one image").click()
        expect(dialog.get_by_text("a cat in green boots")).to_be_visible()
        dialog.get_by_role("button", name="Start").click()
        wait_for(lambda: text_of(version, "00002") == "zorb, a cat in green boots\n")
        assert text_of(version, "00000") == "zorb, red boots, sky\n"
        assert read(version)["captioning"].get("prefix", "{concept}") == "{concept}"  # it follows the concept
        expect(page.get_by_text("Captioning is done.")).to_be_visible()
