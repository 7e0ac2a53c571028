"""Previews from run folders: what is rendered, what is kept, what fails alone, what the index says."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from preview.samples import PROMPTS, WriteLora, settings

from train_tools.errors import UsageError
from train_tools.preview import drawing
from train_tools.preview.index import read_index
from train_tools.preview.service import PreviewResult, Progress, preview
from train_tools.preview.settings import PreviewSettings
from train_tools.workspace.workspace import Version, Workspace


def render(version: Version, chosen: PreviewSettings) -> tuple[PreviewResult, list[tuple[int, int]]]:
    seen: list[Progress] = []
    result = preview(version, chosen, seen.append)
    return result, [(progress.done, progress.total) for progress in seen]


def pictures(version: Version) -> dict[tuple[str, str, float], bytes]:
    found = {}
    for cell in read_index(version).cells:
        found[cell.checkpoint, cell.prompt, cell.weight_unet] = (version.folder / cell.image).read_bytes()
    return found


def test_a_grid_for_each_checkpoint_and_a_sheet_across_the_runs(version: Version) -> None:
    result, seen = render(version, settings())
    assert len(result.grids) == 6  # with those of the differences
    assert (result.rendered, result.kept, result.failed) == (3 * 2 + 2, 0, [])
    assert seen == [(n, 8) for n in range(1, 9)]
    for grid in result.grids:
        assert grid.parent.name == "images"
        assert grid.name.startswith("xyz_grid-")
        assert grid.parent.parent.with_suffix(".safetensors").is_file()
        with Image.open(grid) as image:
            assert image.width > 2 * 128
            assert image.height > 2 * 128
    assert result.sheet is not None
    assert result.sheet.parent == version.folder / "previews"
    index = read_index(version)
    assert len(index.cells) == 12
    assert all((version.folder / cell.image).is_file() for cell in index.cells)
    assert {cell.text for cell in index.cells} == {PROMPTS[0], "zorb 在蓝色背景上"}
    assert {run.label for run in index.runs} == {"optimizer_type Lion", "optimizer_type AdamW"}
    assert [axis.name for axis in index.axes] == ["run", "epoch", "prompt", "weight"]
    across = next(sheet for sheet in index.sheets if not sheet.run and not sheet.difference)
    assert across.columns == ("epoch 1", "epoch 2")
    assert [row.split("\n")[0] for row in across.rows] == [PROMPTS[0]] * 2 + ["zorb 在蓝色背景上"] * 2
    assert across.cells[0][0] is None  # the run with AdamW has no first epoch
    keys = {cell.key for cell in index.cells}
    assert all(key in keys for sheet in index.sheets for row in sheet.cells for key in row if key)


def test_the_lora_shows_at_weight_one_and_weight_zero_is_the_same_everywhere(version: Version) -> None:
    render(version, settings())
    found = pictures(version)
    checkpoints = {key[0] for key in found}
    at_zero = {found[c, PROMPTS[0], 0.0] for c in checkpoints}
    at_one = {found[c, PROMPTS[0], 1.0] for c in checkpoints}
    assert len(at_zero) == 1
    assert len(at_one) == 3
    assert not at_zero & at_one


def test_only_what_is_new_is_rendered(version: Version, write_lora: WriteLora) -> None:
    render(version, settings())
    again, _ = render(version, settings())
    assert (again.rendered, again.kept) == (0, 8)
    wider, _ = render(version, settings(weights=(0.0, 0.5, 1.0)))
    assert (wider.rendered, wider.kept) == (6, 8)
    other_seed, _ = render(version, settings(seed=(1, 2)))
    assert (other_seed.rendered, other_seed.kept) == (8, 8)
    assert len(read_index(version).cells) == 12 + 6 + 12  # nothing is forgotten
    write_lora(version.trains / "run-AdamW" / "zorb-v1-1.safetensors", 99, 2, 2)
    changed, _ = render(version, settings())
    assert (changed.rendered, changed.kept) == (2, 6)


def test_a_model_or_checkpoint_of_another_content_is_another_picture(
    version: Version, base_file: Path, tmp_path: Path
) -> None:
    """A base model is known by its content: a copy of it renders nothing new."""
    render(version, settings())
    copy = tmp_path / "copy.safetensors"
    shutil.copy(base_file, copy)
    assert render(version, settings(base_models=(str(copy),)))[0].rendered == 0


def test_runs_and_checkpoints_are_chosen(version: Version) -> None:
    result, _ = render(version, settings(runs=("run-L*",), checkpoints="last", weights=(1.0,)))
    assert result.rendered == 2
    (cell, *_) = read_index(version).cells
    assert (cell.run, cell.epoch) == ("run-Lion", 2)
    (run,) = read_index(version).runs
    assert (run.label, run.trigger) == (
        "optimizer_type Lion",
        "zorb",
    )  # as it differs from the run that isn't shown
    with pytest.raises(UsageError, match="none is called 'run-X'; there are: run-AdamW, run-Lion"):
        render(version, settings(runs=("run-X",)))
    with pytest.raises(UsageError, match="means none; there are epochs 1, 2"):
        render(version, settings(checkpoints="7"))


def test_again_renders_once_more_and_keeps_the_old_in_the_trash(version: Version, tmp_path: Path) -> None:
    render(version, settings())
    result = preview(version, settings(runs=("run-AdamW",)), lambda _: None, again=True)
    assert (result.rendered, result.kept) == (2 + 2, 0)
    (trashed,) = (tmp_path / "train_tools" / "trash").glob("*-preview-again")
    assert len(list(trashed.glob("*.png"))) == 4
    assert all((version.folder / cell.image).is_file() for cell in read_index(version).cells)


def test_a_damaged_a_foreign_and_a_missing_checkpoint_fail_alone(
    version: Version, write_lora: WriteLora, monkeypatch: pytest.MonkeyPatch
) -> None:
    lion = version.trains / "run-Lion"
    damaged = lion / "zorb-v1-0-000001.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:5000])
    foreign = write_lora(lion / "foreign.safetensors", 3, 4, 3)
    content = foreign.read_bytes()
    foreign.write_bytes(
        content.replace(
            b"lora_te_text_model_encoder_layers_0_mlp_fc1", b"lora_te_text_model_encoder_layers_7_mlp_fc1"
        )
    )
    gone = write_lora(lion / "gone.safetensors", 4, 4, 4)

    def remove(progress: Progress) -> None:
        gone.unlink(missing_ok=True)

    result = preview(version, settings(prompts=PROMPTS[:1], batch_cells=1), remove)
    assert (result.rendered, len(result.failed)) == (1 + 2, 3)
    told = "\n".join(result.failed)
    assert "zorb-v1-0-000001.safetensors" in told
    assert "foreign.safetensors doesn't fit this base model" in told
    assert "gone.safetensors can't be read" in told
    failed = {cell.checkpoint: cell for cell in read_index(version).cells if cell.error}
    assert set(failed) == {damaged.name, foreign.name, gone.name}
    assert all(cell.image == "" for cell in failed.values())
    write_lora(damaged, 1, 4, 1)
    foreign.unlink()
    mended = preview(version, settings(prompts=PROMPTS[:1]), lambda _: None)
    assert (mended.rendered, mended.failed) == (1, [])
    assert not [cell for cell in read_index(version).cells if cell.error]  # nor of what is gone by now


def test_a_base_model_that_is_missing_fails_its_cells_alone(version: Version, tmp_path: Path) -> None:
    models = ("trained", str(tmp_path / "no.safetensors"))
    result, _ = render(version, settings(base_models=models, prompts=PROMPTS[:1]))
    (sentence,) = result.failed
    assert result.rendered == 4
    assert sentence.startswith("the base model")
    assert sentence.endswith("(4 pictures)")


def test_cut_off_it_leaves_whole_pictures_and_goes_on(version: Version) -> None:
    class PowerCutError(Exception):
        pass

    def cut(progress: Progress) -> None:
        if progress.done == 4:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        preview(version, settings(), cut)
    found = list(version.folder.rglob("cell-*.png"))
    assert len(found) == 4
    for path in found:
        with Image.open(path) as image:
            image.load()
    assert not list(version.folder.rglob(".tmp-*"))
    cells = read_index(version).cells
    assert len(cells) >= 4
    assert all(cell.image and not cell.error for cell in cells)
    result, _ = render(version, settings())
    assert (result.rendered, result.kept) == (4, 4)


def test_a_version_without_checkpoints_says_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create_project("p")
    with pytest.raises(UsageError, match="train first"):
        render(workspace.create_version("p", "v"), settings())


def test_many_axes_at_once(version: Version) -> None:
    """Two go to columns and rows, the others to sheets of their own."""
    chosen = settings(
        prompts=PROMPTS[:1], weights_unet=(0.0, 1.0), weights_te=(0.0, 0.5), sampler=("DDIM", "Euler a"),
        clip_skip=(1, 2), sizes=("64,64", "96,64"), runs=("run-AdamW",), block_weights=("OUTALL",),
        sheet_axes=("sampler", "clip_skip"), sheet_format="both",
    )  # fmt: skip
    result, _ = render(version, chosen)
    assert result.rendered == 2 * 2 * 2 * 4
    index = read_index(version)
    names = [axis.name for axis in index.axes]
    assert names == ["weight_unet", "weight_te", "sampler", "clip_skip", "size"]
    grid = next(sheet for sheet in index.sheets if sheet.run and sheet.file.endswith(".png"))
    assert grid.columns == ("UNet weight 0", "UNet weight 1")
    assert grid.rows == ("text encoder weight 0", "text encoder weight 0.5")
    assert set(grid.page) == {"sampler", "clip_skip", "size"}
    assert grid.title.endswith(f"\n{PROMPTS[0]}")
    across = [s for s in index.sheets if not s.run and not s.difference and s.file.endswith(".webp")]
    assert {sheet.columns for sheet in across} == {("DDIM", "Euler a")}
    assert {sheet.rows for sheet in across} == {("clip skip 1", "clip skip 2")}
    assert len(across) == 2  # a page for each size, at the largest weights
    with Image.open(version.folder / across[0].file) as image:
        assert image.format == "WEBP"


def test_differences_are_black_where_nothing_differs(version: Version) -> None:
    render(version, settings(prompts=PROMPTS[:1], runs=("run-AdamW",)))
    index = read_index(version)
    sheet = next(sheet for sheet in index.sheets if sheet.run and sheet.difference)
    with Image.open(version.folder / sheet.file) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert (pixels == 0).all(-1).sum() >= 128 * 128  # the picture at weight 0
    assert sheet.columns == ("LoRA weight 0", "LoRA weight 1")


def test_sheets_that_are_as_they_were_arent_drawn_again(version: Version, write_lora: WriteLora) -> None:
    first, _ = render(version, settings())
    drawn = {path: path.stat().st_mtime_ns for path in [*first.grids, *first.sheets]}
    again, _ = render(version, settings())
    assert {path: path.stat().st_mtime_ns for path in [*again.grids, *again.sheets]} == drawn
    write_lora(version.trains / "run-AdamW" / "zorb-v1-1.safetensors", 99, 2, 2)
    _, _ = render(version, settings())
    redrawn = {path for path in drawn if path.stat().st_mtime_ns != drawn[path]}
    assert redrawn == {path for path in drawn if "run-AdamW" in path.parts} | set(first.sheets)
    lion, _ = render(version, settings(runs=("run-Lion",)))
    assert set(lion.grids) < set(first.grids)  # the same files for the same cells
    assert not set(lion.sheets) & set(first.sheets)


def test_more_pages_than_are_drawn_are_told(version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MOST_PAGES", 2)
    chosen = settings(
        prompts=PROMPTS[:1],
        seed=(1, 2, 3),
        steps=(1, 2),
        weights=(1.0,),
        runs=("run-AdamW",),
        clip_skip=(1, 2),
    )
    result, _ = render(version, chosen)
    assert "of 2 pages" not in "".join(result.notes)
    assert any("of 12 pages the first 2 are drawn" in note for note in result.notes)
    assert len(read_index(version).cells) == 12
