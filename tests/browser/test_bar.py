"""The bar as a person uses it: the first project, other names, copies, the trash, zips."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.conftest import Complaints, Served
from playwright.sync_api import Page, expect

from train_tools.workspace.workspace import Workspace


@pytest.fixture
def workspace(served: Served) -> Workspace:
    made = Workspace(served.root)
    for project, versions in {"猫 cat": ("v1", "v2"), "lantern": ("first",)}.items():
        made.create_project(project)
        for version in versions:
            made.create_version(project, version)
    return made


def refusals(complaints: Complaints) -> None:
    """A refused request is a line in the browser's console, too; those of this test were meant."""
    complaints.found[:] = [text for text in complaints.found if "400" not in text]


def act(page: Page, name: str) -> None:
    page.get_by_role("button", name="More about this version and project").click()
    page.get_by_role("menuitem", name=name, exact=True).click()


def place(page: Page) -> str:
    return page.get_by_role("button", name="Project and version").inner_text().replace("\n", "")


def test_from_the_welcome_page_to_the_first_version(
    page: Page, served: Served, complaints: Complaints
) -> None:
    page.goto(served.url)
    name = page.get_by_label("What do you want to train?")
    expect(name).to_be_focused()
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_role("alert")).to_have_text("Please fill this in.")
    name.fill("a/b")
    name.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("path separator")
    assert Workspace(served.root).projects() == []
    name.fill("年糕 Mochi")
    name.press("Enter")
    expect(page.get_by_role("tab", name="Captions")).to_be_enabled()
    assert [v.name for v in Workspace(served.root).versions("年糕 Mochi")] == ["v1"]
    refusals(complaints)


def test_another_version_is_found_by_typing(page: Page, served: Served, workspace: Workspace) -> None:
    page.goto(served.url + "#/猫 cat/v1/plan")
    page.get_by_role("button", name="Project and version").click()
    search = page.get_by_label("Search projects and versions")
    expect(search).to_be_focused()
    expect(page.get_by_role("option")).to_have_count(3)
    search.fill("lan")
    expect(page.get_by_role("option")).to_have_count(1)
    search.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(served.url + "#/lantern/first/plan")
    assert "first" in place(page)


def test_rename_copy_and_start_from_another(
    page: Page, served: Served, workspace: Workspace, complaints: Complaints
) -> None:
    page.goto(served.url + "#/猫 cat/v1/tools")
    act(page, "Rename version")
    page.get_by_label("New name").fill("v2")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("v2")
    page.get_by_label("New name").fill("第一版")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("第一版")
    act(page, "Copy 第一版")
    page.get_by_role("button", name="Copy", exact=True).click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("第一版-2")
    act(page, "New version")
    page.get_by_label("Name of the version").fill("fresh")
    page.get_by_label("Start from").select_option("Nothing (empty)")
    expect(page.get_by_label("Its settings")).to_be_hidden()
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("fresh")
    assert sorted(v.name for v in workspace.versions("猫 cat")) == ["fresh", "v2", "第一版", "第一版-2"]
    act(page, "Rename project")
    page.get_by_label("New name").fill("狗")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("狗")
    refusals(complaints)


def test_deleting_can_be_undone_at_once_and_later(page: Page, served: Served, workspace: Workspace) -> None:
    page.goto(served.url + "#/猫 cat/v1/tools")
    act(page, "Delete version")
    expect(page.get_by_text("v1 is in the trash")).to_be_visible()
    assert [v.name for v in workspace.versions("猫 cat")] == ["v2"]
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("v1")
    act(page, "Delete project")
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("lantern")
    act(page, "Trash")
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("猫 cat")
    assert len(workspace.projects()) == 2


def test_a_place_that_is_taken_asks_for_another_name(
    page: Page, served: Served, workspace: Workspace, complaints: Complaints
) -> None:
    page.goto(served.url + "#/猫 cat/v1/tools")
    act(page, "Delete version")
    expect(page.get_by_text("v1 is in the trash")).to_be_visible()
    workspace.create_version("猫 cat", "v1")
    act(page, "Trash")
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    again = page.get_by_role("dialog").last
    expect(again).to_contain_text("exists already")
    again.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("v1-2")
    refusals(complaints)


def test_a_version_goes_out_as_a_zip_and_comes_back(
    page: Page, served: Served, workspace: Workspace, tmp_path: Path
) -> None:
    (workspace.version("猫 cat", "v1").origin / "a.png").write_bytes(b"not looked at")
    page.goto(served.url + "#/猫 cat/v1/tools")
    act(page, "Export version")
    with page.expect_download() as download:
        page.get_by_role("button", name="Make the zip").click()
    file = tmp_path / "出.zip"
    download.value.save_as(file)
    with page.expect_file_chooser() as chooser:
        act(page, "Import a zip")
    chooser.value.set_files(file)
    expect(page.get_by_role("button", name="Project and version")).to_contain_text("v1-2")
    assert (workspace.version("猫 cat", "v1-2").origin / "a.png").read_bytes() == b"not looked at"


def test_a_wrong_zip_is_a_sentence(
    page: Page, served: Served, workspace: Workspace, tmp_path: Path, complaints: Complaints
) -> None:
    file = tmp_path / "图片.zip"
    file.write_bytes(b"no zip")
    page.goto(served.url + "#/猫 cat/v1/tools")
    with page.expect_file_chooser() as chooser:
        act(page, "Import a zip")
    chooser.value.set_files(file)
    expect(page.get_by_role("alert").filter(has_text="图片.zip")).to_be_visible()
    refusals(complaints)


def test_a_version_that_is_gone_leads_back_to_the_welcome_page(page: Page, served: Served) -> None:
    page.goto(served.url + "#/nobody/v9/plan")
    expect(page.get_by_role("heading", name="Make your first LoRA")).to_be_visible()
