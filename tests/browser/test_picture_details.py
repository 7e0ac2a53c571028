"""What the viewer says of a picture: by what it was drawn and why, and what keeps its checkpoint."""

from __future__ import annotations

import pytest
from browser.conftest import Served
from compare.samples import add_pictures, add_run, cell, picture
from playwright.sync_api import Browser, expect

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.compare.place import PUBLISHED
from train_tools.workspace.files import append_line
from train_tools.workspace.workspace import Version, Workspace

BECAUSE = "the webui doesn't have base.safetensors"


@pytest.fixture
def version(served: Served) -> Version:
    workspace = Workspace(served.root)
    workspace.create_project("cat")
    made = workspace.create_version("cat", "v1")
    (path,) = add_run(made, "run", 1)
    drawn = {"base_model": "/somewhere/deep/base.safetensors", "host": "Train Tools", "because": BECAUSE}
    cells = [
        cell("run", path.name, 1, "a cat", w, f"{n}-0123456789", **drawn) for n, w in enumerate((0.0, 1.0))
    ]
    add_pictures(made, {entry: picture((40, 90, 90)) for entry in cells})
    return made


@pytest.mark.parametrize(
    ("language", "names", "because", "to_keep"),
    [
        ("en", ("Drawn by", "Because", "Base model"), BECAUSE, "not in the Lora folder"),
        ("zh-CN", ("渲染程序", "原因", "底模"), "WebUI 中没有 base.safetensors", "不在 Lora 文件夹"),
    ],
)
def test_details_in_both_languages(
    browser: Browser,
    served: Served,
    version: Version,
    language: str,
    names: tuple[str, ...],
    because: str,
    to_keep: str,
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale=language)
    page = context.new_page()
    page.goto(f"{served.url}#/cat/v1/compare")
    tiles = page.locator(".tile")
    for number, has_lora in enumerate((False, True)):
        tiles.nth(number).click()
        viewer = page.locator("dialog.compare-viewer")
        facts = viewer.locator(".compare-facts.more")
        for name, value in zip(names, ("Train Tools", because, "base"), strict=True):
            expect(facts.locator(f"dt:has-text('{name}') + dd")).to_have_text(value)
        expect(viewer.get_by_text(to_keep)).to_have_count(int(has_lora))
        viewer.press("Escape")
    (checkpoint,) = find_checkpoints(version)
    append_line(
        version.folder / "previews" / PUBLISHED, f'{{"checkpoint": "{checkpoint.id}", "name": "best cat"}}'
    )
    page.reload()
    tiles.nth(1).click()
    expect(page.locator(".compare-facts.more dd").first).to_be_visible()
    expect(page.get_by_text(to_keep)).to_have_count(0)
    context.close()
