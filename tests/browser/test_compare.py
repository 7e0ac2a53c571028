"""The Compare panel as a person uses it: board, viewer, votes, scores, curves, advice, keep this one."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from browser.conftest import Complaints, Served
from compare.samples import add_pictures, add_run, cell, picture
from playwright.sync_api import Page, expect
from preview.heads import model

from train_tools.compare.checkpoints import find_checkpoints
from train_tools.compare.marks import CHECKPOINT, read_marks
from train_tools.compare.scores.service import score
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.compare.votes import counted_votes
from train_tools.preview.index import Index, read_index, write_index
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version, Workspace

EVIL = '<img src=x onerror="document.title=1">, zorb'
PLACE = "#/猫 cat/v1/compare"


@pytest.fixture
def version(served: Served) -> Version:
    """24 runs × 4 epochs × 2 prompts × 3 pairs of weights, 576 pictures."""
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    made = workspace.create_version("猫 cat", "v1")
    (made.processed / "5_cat").mkdir(parents=True)
    picture((250, 20, 20)).save(made.processed / "5_cat" / "1.png")
    cells = []
    for run in range(24):
        files = add_run(made, f"run {run:02d}", 4, learning_rate=(run + 1) * 1e-5, optimizer_type="AdamW")
        for epoch, path in enumerate(files, start=1):
            for number, (prompt, unet, te) in enumerate(
                (p, *w) for p in (EVIL, "zorb 在花园里") for w in ((0.5, 1.0), (1.0, 1.0), (1.0, 1.5))
            ):
                key = f"{run:02d}{epoch}{number}-0123456789"
                cells.append(cell(f"run {run:02d}", path.name, epoch, prompt, unet, key, weight_te=te))
    colours = [picture((10 * n % 250, 90, 200 - 5 * n), (16, 16)) for n in range(24)]
    add_pictures(made, {entry: colours[n % 24] for n, entry in enumerate(cells)})
    return made


def open_board(page: Page, served: Served, query: str = "") -> None:
    page.goto(served.url + PLACE + query)
    expect(page.locator(".tile").first).to_be_visible()


def test_only_what_is_visible_is_in_the_document_and_loaded(
    page: Page, served: Served, version: Version
) -> None:
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if "/thumb/" in r.url else None)
    open_board(page, served)
    page.wait_for_timeout(500)
    first = len(asked)
    assert 20 < page.locator(".tile").count() < 120
    assert first == page.locator(".tile").count()
    page.locator(".board").evaluate("(b) => { b.scrollTop = b.scrollHeight; b.scrollLeft = b.scrollWidth; }")
    page.wait_for_timeout(800)
    assert page.locator(".tile").count() < 120
    assert len(asked) < 2 * first + 40
    heads = page.locator(".board-head .board-label")
    assert heads.last.bounding_box()["y"] < 260  # type: ignore[index]
    expect(page.locator(".board-side .board-label").last).to_contain_text("Learning rate 0.00024")
    assert page.title() == "Train Tools"


def test_keys_move_mark_and_open(page: Page, served: Served, version: Version) -> None:
    open_board(page, served)
    page.locator(".board").focus()
    for key in ("ArrowDown", "ArrowRight", "s"):
        page.keyboard.press(key)
    expect(page.locator(".tile-marks .icon").first).to_be_visible()
    (mark,) = read_marks(version).values()
    assert (mark.mark, mark.target.kind) == ("star", CHECKPOINT)
    assert mark.target.name.startswith("run 00/")
    page.keyboard.press("Enter")
    expect(page.locator("dialog.compare-viewer")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_role("button", name="Reject")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Note on this checkpoint").fill("眼睛 <b>")
    page.wait_for_timeout(1200)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.compare-viewer")).to_have_count(0)
    (mark,) = read_marks(version).values()
    assert (mark.mark, mark.note) == ("reject", "眼睛 <b>")
    expect(page.locator(".board")).to_be_focused()


def test_two_pictures_are_compared(page: Page, served: Served, version: Version) -> None:
    open_board(page, served)
    page.locator(".tile").first.click()
    expect(page.locator("dialog.compare-viewer")).to_be_visible()
    page.keyboard.press("a")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".compare-pictures .over.slider img")).to_have_count(2)
    sources = page.locator(".compare-pictures img").evaluate_all("(all) => all.map((i) => i.src)")
    assert len(set(sources)) == 2
    page.locator('.compare-pictures input[type="range"]').fill("25")
    assert "25%" in page.locator(".compare-pictures .layer.b").evaluate("(i) => i.style.clipPath")
    page.mouse.move(300, 300)
    page.mouse.wheel(0, -400)
    assert "scale(2.7" in page.locator(".compare-pictures .zoomed").first.evaluate("(z) => z.style.transform")
    page.locator("dialog.compare-viewer").press("2")
    expect(page.locator(".compare-pictures figcaption")).to_have_count(2)
    page.keyboard.press("5")
    over = page.locator(".compare-pictures .layer.b")
    assert over.evaluate("(i) => getComputedStyle(i).mixBlendMode") == "difference"
    page.keyboard.press("4")
    page.locator(".compare-pictures .layer.b.gone").wait_for(state="attached")
    page.keyboard.press("1")
    expect(page.locator(".compare-pictures img")).to_have_count(1)


def test_rows_filters_and_order_survive_a_reload(page: Page, served: Served, version: Version) -> None:
    open_board(page, served)
    page.get_by_role("button", name="Rows").click()
    page.get_by_role("menuitem", name="Text encoder weight").click()
    expect(page.get_by_role("button", name="Rows")).to_contain_text("Text encoder weight")
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_role("menuitem", name="Prompt").click()
    page.get_by_role("dialog").get_by_label("zorb 在花园里").uncheck()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".board-tools [role=status]")).to_contain_text("288 pictures")
    page.reload()
    expect(page.locator(".board-tools [role=status]")).to_contain_text("288 pictures")
    expect(page.get_by_role("button", name="Rows")).to_contain_text("Text encoder weight")
    page.get_by_label("Take the filter Prompt away").click()
    expect(page.locator(".board-tools [role=status]")).to_contain_text("576 pictures")


def test_a_new_preview_appears_by_itself(page: Page, served: Served, version: Version) -> None:
    open_board(page, served)
    index = read_index(version)
    write_index(version, Index(made=9.0, cells=index.cells[:-6]))
    expect(page.locator(".board-tools [role=status]")).to_contain_text("570 pictures")


def test_votes_by_keys(page: Page, served: Served, version: Version) -> None:
    page.goto(served.url + PLACE + "?view=vote")
    expect(page.locator(".compare-vote-picture img")).to_have_count(2)
    assert "run " not in page.locator(".compare-vote-stage").inner_text()
    for votes, key in enumerate(("ArrowLeft", "ArrowRight", "ArrowDown"), start=1):
        page.keyboard.press(key)
        expect(page.get_by_role("heading", name=f"{votes} votes")).to_be_visible()
    assert [v["outcome"] for v in counted_votes(version)] == ["a", "b", "tie"]
    page.keyboard.press("z")
    expect(page.get_by_role("heading", name="2 votes")).to_be_visible()
    page.get_by_role("button", name="Ranking").click()
    expect(page.locator(".compare-ranks li")).to_have_count(4)


def test_the_best_weights_go_into_the_plan(page: Page, served: Served, version: Version) -> None:
    settings.update(version, "training", {"learning_rate": "1e-4"})
    open_board(
        page,
        served,
        "?rows=weight_te&columns=weight_unet&where=" + json.dumps({"run": ["run 00"], "epoch": ["1"]}),
    )
    page.locator(".tile").first.click()
    page.get_by_role("button", name="This is the best weight").click()
    expect(page.get_by_role("dialog", name="What the best weights say")).to_contain_text("unet_lr")
    page.get_by_role("button", name="Plan this").click()
    expect(page.get_by_role("tab", name="Plan")).to_have_attribute("aria-selected", "true")
    assert settings.read(version)["training"]["unet_lr"] == "5e-06"
    page.get_by_role("button", name="Undo").click()
    page.wait_for_timeout(800)
    assert settings.read(version)["training"] == {"learning_rate": "1e-4"}


def test_keep_this_one(page: Page, served: Served, version: Version, complaints: Complaints) -> None:
    open_board(page, served)
    page.locator(".tile").first.click()
    expect(page.locator("dialog.compare-viewer")).to_be_visible()
    page.keyboard.press("k")
    dialog = page.get_by_role("dialog", name="Keep this checkpoint")
    dialog.get_by_label("Name in prompts").fill("a:b")
    dialog.get_by_role("button", name="Keep this one").click()
    expect(dialog.get_by_role("alert").last).to_contain_text("can't be used")
    dialog.get_by_label("Name in prompts").fill("我的 cat")
    dialog.get_by_role("button", name="Keep this one").click()
    expect(page.locator(".toast").first).to_contain_text("<lora:我的 cat:1>")
    expect(page.locator(".compare-info .chip")).to_contain_text("kept as 我的 cat")
    folder = served.root / "train_tools" / "published"
    assert {Path(p).name for p in folder.iterdir()} >= {
        "我的 cat.safetensors",
        "我的 cat.preview.png",
        "我的 cat.md",
    }
    # The browser notes the refusal that was wanted.
    complaints.found = [one for one in complaints.found if "400" not in one]


def test_scores_and_curves(page: Page, served: Served, version: Version) -> None:
    for number, run in enumerate(("run 00", "run 01")):
        lines = [
            json.dumps(
                {"time": n, "event": "step", "step": n, "epoch": 1, "loss": 1 / (n + number + 1), "lr": 1e-4}
            )
            for n in range(1, 200)
        ]
        (version.trains / run / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    page.goto(served.url + PLACE + "?view=scores")
    expect(page.get_by_role("heading", name="No scores yet")).to_be_visible()
    score(version, ScoreSettings(), lambda *_: None)
    page.reload()
    expect(page.locator(".compare-chart path.line")).to_have_count(8)
    page.get_by_role("button", name="likeness to the nearest training image").click()
    page.locator(".compare-chart").hover()
    expect(page.locator(".compare-chart-tip")).to_contain_text("Epoch")
    page.get_by_role("tab", name="Curves").click()
    expect(page.locator(".compare-chart path.line")).to_have_count(2)
    page.get_by_role("button", name="Log scale").click()
    page.get_by_role("button", name="Learning rate 2e-05").click()
    expect(page.locator(".compare-chart path.line")).to_have_count(1)
    page.get_by_role("button", name="Learning rate", exact=True).click()
    expect(page.locator(".compare-chart-holder")).to_contain_text("0.0001")
    box = page.locator(".compare-chart").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 420, box["y"] + 120, steps=3)
    page.mouse.up()
    axis = page.locator(".compare-chart > text")
    expect(axis.get_by_text("50", exact=True)).to_be_visible()
    expect(axis.get_by_text("150", exact=True)).to_have_count(0)
    page.get_by_role("button", name="Show all").click()
    expect(axis.get_by_text("150", exact=True)).to_be_visible()
    page.locator(".compare-chart-holder").press("+")
    expect(page.get_by_role("button", name="Show all")).to_be_visible()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Show all")).to_be_hidden()
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    assert saved.value.suggested_filename == "猫 cat-v1-curves.csv"
    assert len(Path(saved.value.path()).read_text("utf-8-sig").splitlines()) == 1 + 199


def test_a_picture_without_lora_bears_no_star(page: Page, served: Served, version: Version) -> None:
    index = read_index(version)
    one, *others = index.cells
    bare = replace(one, weight_unet=0.0, weight_te=0.0, key="no-lora-0123456789")
    write_index(version, Index(made=9.0, cells=(bare, one, *others)))
    where = json.dumps({"run": ["run 00"], "epoch": ["1"], "prompt": [EVIL]})
    open_board(page, served, f"?columns=weight_unet,weight_te&where={quote(where)}")
    page.locator(".board").focus()
    page.keyboard.press("s")
    expect(page.locator(".toast")).to_contain_text("base model's own picture")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("s")
    expect(page.locator(".tile-marks .icon")).to_have_count(3)  # the other three are the checkpoint's
    assert len(read_marks(version)) == 1
    page.locator(".tile").first.click()
    expect(page.get_by_role("heading", name="Without LoRA")).to_be_visible()
    expect(page.locator(".compare-info").get_by_role("button")).to_have_count(0)


def test_runs_are_compared_planned_anew_and_saved(page: Page, served: Served, version: Version) -> None:
    settings.update(version, "training", {"flip_aug": "true"})
    page.goto(served.url + PLACE + "?view=runs")
    page.get_by_role("checkbox", name="Choose Learning rate 1e-05").check()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download a run").click()
        dialog = page.get_by_role("dialog", name="Download a run")
        expect(dialog).to_contain_text("files")
        dialog.get_by_role("button", name="Download").click()
    assert saved.value.suggested_filename == "run 00.zip"
    with zipfile.ZipFile(saved.value.path()) as archive:
        assert sum(name.endswith(".safetensors") for name in archive.namelist()) == 4
    page.get_by_role("checkbox", name="Choose Learning rate 2e-05").check()
    page.get_by_role("button", name="Compare settings").click()
    rows = page.get_by_role("dialog", name="Compare settings").get_by_role("row")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("1e-052e-05")
    page.get_by_role("checkbox", name="Show what is the same").check()
    expect(rows.filter(has_text="AdamW")).to_have_count(1)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Plan anew").click()
    page.get_by_role("button", name="Make the plan").click()
    expect(page.get_by_role("tab", name="Plan")).to_have_attribute("aria-selected", "true")
    now = settings.read(version)["training"]
    assert (now["learning_rate"], "flip_aug" in now) == ("1e-05,2e-05", False)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_timeout(800)
    assert settings.read(version)["training"] == {"flip_aug": "true"}


def test_the_board_as_a_file_opens_by_itself(
    page: Page, served: Served, version: Version, tmp_path: Path
) -> None:
    where = json.dumps({"run": ["run 00", "run 01"], "prompt": [EVIL]})
    open_board(page, served, f"?where={quote(where)}")
    page.get_by_role("button", name="Download").click()
    page.get_by_role("menuitem", name="The board as one HTML file").click()
    dialog = page.get_by_role("dialog", name="The board as one file")
    expect(dialog).to_contain_text("24 pictures.")
    expect(dialog).to_contain_text("KB")
    with page.expect_download() as saved:
        dialog.get_by_role("button", name="Download").click()
    file = tmp_path / "board.html"
    saved.value.save_as(file)
    page.goto(file.as_uri())
    expect(page.locator("td img")).to_have_count(24)
    page.wait_for_function(
        "[...document.images].some((i) => i.src.startsWith('blob:') && i.naturalWidth === 16)"
    )
    assert page.title() == "猫 cat / v1"
    page.get_by_text("Epoch", exact=True).first.click()
    page.get_by_role("checkbox", name="1", exact=True).first.uncheck()
    expect(page.locator("td img")).to_have_count(18)
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_text("仅星标")).to_be_visible()
    page.locator("td button").first.click()
    expect(page.locator("#viewer aside h2")).to_have_text("学习率 1e-05")
    before = page.locator("#viewer img").get_attribute("src")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer img")).not_to_have_attribute("src", before or "")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()


def test_nothing_to_compare_says_what_to_do(page: Page, served: Served) -> None:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    workspace.create_version("猫 cat", "v1")
    page.goto(served.url + PLACE)
    expect(page.get_by_text("Train first")).to_be_visible()
    assert find_checkpoints(workspace.version("猫 cat", "v1")) == []


def test_fields_of_pictures_say_what_the_base_models_family_means(page: Page, served: Served) -> None:
    workspace = Workspace(served.root)
    workspace.create_project("猫 cat")
    made = workspace.create_version("猫 cat", "v1")
    (path,) = add_run(made, "first", 1, pretrained_model_name_or_path=str(model(served.root, "velocity")))
    add_pictures(made, {cell("first", path.name, 1, "zorb", 1.0, "0" * 16): picture()})
    open_board(page, served)
    page.get_by_role("button", name="Make pictures").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("textbox", name="Sampler")).to_have_attribute(
        "placeholder", "as the family: Euler"
    )
    dialog.get_by_text("More").click()
    expect(dialog.get_by_role("textbox", name="CFG rescale")).to_have_attribute(
        "placeholder", "as the family: 0.7"
    )
    expect(dialog.get_by_role("textbox", name="Guidance (distilled)")).to_have_attribute(
        "placeholder", "none"
    )
    dialog.get_by_role("textbox", name="Sampler").fill("DDIM")
    expect(dialog.get_by_role("status")).to_contain_text("3 pictures, 3 of them new")
