"""Revisions: what is taken over, what is restored, which captions a person should look at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from train_tools.dataset import making
from train_tools.dataset.census import take_census
from train_tools.dataset.history import restore, revisions_of
from train_tools.dataset.intake import add
from train_tools.dataset.originals import originals_in
from train_tools.dataset.preview_image import preview_image
from train_tools.dataset.process import process
from train_tools.dataset.progress import Progress
from train_tools.dataset.revision import FILE
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import TrainToolsError, UsageError
from train_tools.workspace.workspace import Version


def draw(path: Path, colour: str = "red", size: tuple[int, int] = (120, 60)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).ellipse((10, 5, 50, 55), fill=colour)
    image.save(path)
    return path


def pixels(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.png")}


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


SMALL = DatasetSettings(width=40, height=40)


@pytest.fixture
def filled(version: Version, pictures: Path) -> Version:
    for name, colour in (("a.png", "red"), ("b.png", "blue"), ("c.png", "green")):
        draw(pictures / name, colour)
    (pictures / "a.txt").write_text("a red one", encoding="utf-8")
    add(version, [pictures])
    return version


def inodes(folder: Path) -> set[int]:
    return {path.stat().st_ino for path in folder.rglob("*.png")}


def test_unchanged_images_are_linked_from_the_previous_revision(filled: Version, pictures: Path) -> None:
    process(filled, SMALL)
    before = inodes(filled.processed)
    again = process(filled, DatasetSettings(width=40, height=40, repeats=3, concept="other"))
    assert again.reused == again.images == 3
    assert inodes(filled.processed) == before
    draw(pictures / "0.png", "gold")  # shifts the numbers
    add(filled, [pictures])
    more = process(filled, SMALL)
    assert (more.reused, more.images) == (3, 4)
    assert before < inodes(filled.processed)
    assert process(filled, DatasetSettings(width=48, height=48)).reused == 0


def test_a_replaced_original_or_a_touched_image_is_made_again(filled: Version) -> None:
    process(filled, SMALL)
    whole = pixels(filled.processed)
    draw(filled.origin / "b.png", "black")
    (filled.processed / "10_zorb" / "00003-0-c.png").unlink()
    damaged = filled.processed / "10_zorb" / "00001-0-a.png"
    damaged.write_bytes(damaged.read_bytes() + b"x")
    assert process(filled, SMALL).reused == 0
    now = pixels(filled.processed)
    assert now["10_zorb/00001-0-a.png"] == whole["10_zorb/00001-0-a.png"]
    assert now["10_zorb/00002-0-b.png"] != whole["10_zorb/00002-0-b.png"]
    assert now["10_zorb/00003-0-c.png"] == whole["10_zorb/00003-0-c.png"]


def test_without_hard_links_files_are_copied(filled: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    process(filled, SMALL)
    before = pixels(filled.processed)

    def refused(*_: object) -> None:
        raise OSError("this file system has no hard links")

    monkeypatch.setattr(making.os, "link", refused)
    assert process(filled, SMALL).reused == 3
    assert pixels(filled.processed) == before
    restore(filled, "1")
    assert pixels(filled.processed) == before


def test_editing_captions_never_changes_an_earlier_revision(filled: Version) -> None:
    process(filled, SMALL)
    report = process(filled, SMALL)
    assert report.previous
    before = tree(report.previous)
    for path in filled.processed.rglob("*.txt"):
        with path.open("w", encoding="utf-8") as file:  # in place, as many editors do
            file.write("changed")
    assert tree(report.previous) == before
    restore(filled, "1")
    for path in filled.processed.rglob("*.txt"):
        with path.open("w", encoding="utf-8") as file:
            file.write("changed")
    assert tree(report.previous) == before


def test_restore_makes_a_revision_current_and_loses_none(filled: Version) -> None:
    process(filled, SMALL)
    (filled.processed / "10_zorb" / "00002-0-b.txt").write_text("by hand", encoding="utf-8")
    first = {name: data for name, data in tree(filled.processed).items() if name != FILE}
    process(filled, DatasetSettings(width=64, height=64, repeats=2))
    second = tree(filled.processed)
    report = restore(filled, "1")
    assert report.revision == 3
    assert report.previous
    assert tree(report.previous) == second
    assert {name: data for name, data in tree(filled.processed).items() if name != FILE} == first
    assert [(r.number, r.restored_from, r.is_current) for r in revisions_of(filled)] == [
        (1, None, False),
        (2, None, False),
        (3, 1, True),
    ]
    assert process(filled, SMALL).reused == 3  # taken over from the restored one
    assert (filled.processed / "10_zorb" / "00002-0-b.txt").read_text(encoding="utf-8").strip() == "by hand"


def test_restore_names_what_is_there(filled: Version) -> None:
    with pytest.raises(UsageError, match="no earlier one"):
        restore(filled, "1")
    process(filled, SMALL)
    process(filled, SMALL)
    with pytest.raises(UsageError, match="there are: 1"):
        restore(filled, "7")
    with pytest.raises(UsageError, match="current one"):
        restore(filled, "2")


def test_what_another_program_made_is_kept_and_restored_by_name(filled: Version) -> None:
    draw(filled.processed / "4_old" / "x.png")
    process(filled, SMALL)
    (old, current) = revisions_of(filled)
    assert (old.number, old.images, current.number) == (None, 1, 1)
    restore(filled, old.name)
    assert list(pixels(filled.processed)) == ["4_old/x.png"]
    assert take_census(filled).revision is None


def test_a_stopped_restore_leaves_the_current_revision(filled: Version) -> None:
    process(filled, SMALL)
    process(filled, DatasetSettings(width=64, height=64))
    before = tree(filled.folder)

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(filled, "1", stop)
    assert tree(filled.folder) == before


def test_captions_are_carried_over_and_conflicts_are_named(filled: Version) -> None:
    process(filled, DatasetSettings(width=40, height=40, flip=True))
    folder = filled.processed / "10_zorb"
    for name in ("00001-0-a", "00002-0-b", "00002-1-b", "00003-0-c"):
        (folder / f"{name}.txt").write_text(f"edited {name}", encoding="utf-8")
    draw(filled.origin / "a.png", "black")
    report = process(filled, DatasetSettings(width=50, height=50))
    assert report.captions_kept == 3
    assert {conflict.name.rpartition("/")[2]: conflict.reason for conflict in report.conflicts} == {
        "00001-0-a.png": "the original was replaced since its caption was written; check the caption",
        "00002-1-b.png": "this image isn't made any more; its caption stays in revision 1",
    }
    cropped = process(filled, DatasetSettings(width=50, height=50, keep_aspect=False))
    assert len(cropped.conflicts) == 3
    assert all("another part" in conflict.reason for conflict in cropped.conflicts)
    assert (filled.processed / "10_zorb" / "00002-0-b.txt").read_text("utf-8").strip() == "edited 00002-0-b"


@pytest.mark.parametrize(
    ("action", "edited", "untouched"),
    [
        ("ignore", "new", None),
        ("copy", "new", "a red one"),
        ("prepend", "a red one, new", "a red one"),
        ("append", "new, a red one", "a red one"),
    ],
)
def test_existing_captions(filled: Version, action: str, edited: str, untouched: str | None) -> None:
    settings = DatasetSettings(width=40, height=40, existing_caption=action)
    process(filled, settings)
    path = filled.processed / "10_zorb" / "00001-0-a.txt"
    assert (path.read_text("utf-8").strip() if path.exists() else None) == untouched
    path.write_text("new", encoding="utf-8")
    for _ in range(3):  # the original's is never there twice
        process(filled, settings)
        assert path.read_text("utf-8").strip() == edited


def test_concepts_have_repeats_of_their_own(filled: Version, pictures: Path) -> None:
    draw(pictures / "other" / "x.png", "gold")
    add(filled, [pictures / "other"], concept="second")
    settings = DatasetSettings.from_mapping({"width": "40", "height": "40", "concept_repeats": "second:7"})
    report = process(filled, settings)
    assert [folder.name for folder in report.folders] == ["10_zorb", "7_second"]
    assert [p.name for p in (filled.processed / "7_second").glob("*.png")] == ["00004-0-x.png"]
    balanced = process(filled, DatasetSettings(width=40, height=40, balance_repeats=True))
    assert [folder.name for folder in balanced.folders] == ["10_zorb", "30_second"]
    assert balanced.reused == 4


def test_automatic_repeats_count_flipped_copies(filled: Version) -> None:
    for flip, folder in ((False, "170_zorb"), (True, "85_zorb")):
        report = process(filled, DatasetSettings(width=40, height=40, repeats=-1, flip=flip))
        assert [path.name for path in report.folders] == [folder]


def test_a_concept_named_as_the_versions_own_is_the_same(filled: Version, pictures: Path) -> None:
    draw(pictures / "other" / "a.png", "gold")
    add(filled, [pictures / "other"], concept="Zorb")
    report = process(filled, SMALL)
    assert [folder.name for folder in report.folders] == ["10_zorb"]
    assert report.images == 4


def test_skipped_originals_are_named_in_report_and_census(filled: Version, pictures: Path) -> None:
    draw(pictures / "large.png", size=(900, 600))
    add(filled, [pictures])
    report = process(filled, DatasetSettings(small_images="skip"))
    assert {one.name for one in report.skipped} == {"a.png", "b.png", "c.png"}
    (filled.origin / "late.png").write_bytes(draw(pictures / "late.png").read_bytes())
    census = take_census(filled)
    assert (census.originals, census.used) == (5, 1)
    reasons = {one.name: one.reason for one in census.skipped}
    assert "only 120x60 pixels, smaller than 512x512" in reasons["a.png"]
    assert "dataset process" in reasons["late.png"]
    assert census.not_looked_at == 1
    with pytest.raises(TrainToolsError, match=r"none of the 5 originals.*smaller than"):
        process(filled, DatasetSettings(small_images="skip", width=2000, height=2000))


def test_an_old_revision_record_is_read(filled: Version) -> None:
    process(filled, SMALL)
    record = (
        '{"number": 4, "time": "2026-01-01T00:00:00", "settings": {}, "images": ['
        '{"file": "10_zorb/00002-0-b.png", "original": "b.png", "flipped": false, "caption": null}]}'
    )
    (filled.processed / FILE).write_text(record, encoding="utf-8")
    (filled.processed / "10_zorb" / "00002-0-b.txt").write_text("by hand", encoding="utf-8")
    report = process(filled, SMALL)
    assert (report.revision, report.reused, report.captions_kept, report.conflicts) == (5, 0, 1, ())
    (filled.processed / FILE).write_text('{"number": 4}', encoding="utf-8")
    with pytest.raises(TrainToolsError, match="mend it"):
        process(filled, SMALL)


def test_masks_are_kept(version: Version, pictures: Path) -> None:
    image = Image.new("RGBA", (40, 40), (255, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 40))
    image.save(pictures / "a.png")
    draw(pictures / "b.png")
    add(version, [pictures])
    process(version, DatasetSettings(width=20, height=20, alpha_mask=True, alpha_colour="#00ff00"))
    with Image.open(version.processed / "10_zorb" / "00001-0-a.png") as made:
        assert made.mode == "RGBA"
        assert made.getpixel((3, 10)) == (0, 255, 0, 0)
        assert made.getpixel((16, 10)) == (255, 0, 0, 255)
    with Image.open(version.processed / "10_zorb" / "00002-0-b.png") as made:
        assert made.mode == "RGB"


def test_a_preview_shows_every_picture_and_touches_nothing(filled: Version, pictures: Path) -> None:
    draw(pictures / "tall.png", size=(100, 500))
    add(filled, [pictures / "tall.png"])
    before = tree(filled.folder)
    settings = DatasetSettings(width=64, height=64, split=True, focal_crop=True, flip=True)
    preview = preview_image(filled, "tall.png", settings)
    process_like = [(one.operation, one.flipped) for one in preview.pictures]
    assert process_like[-2:] == [("focal", False), ("focal", True)]
    assert len(preview.pictures) % 2 == 0
    assert {(one.width, one.height) for one in preview.pictures} == {(64, 64)}
    assert preview.sheet.width > 400
    assert tree(filled.folder) == before
    with pytest.raises(UsageError, match=r"no original 'nothing\.png'"):
        preview_image(filled, "nothing.png", settings)
    process(filled, settings)
    assert len(list((filled.processed / "10_zorb").glob("00004-*"))) == len(preview.pictures)


def test_a_preview_finds_names_in_concepts(filled: Version, pictures: Path) -> None:
    draw(pictures / "x" / "a.png", "gold")
    draw(pictures / "x" / "z.png", "gold")
    add(filled, [pictures / "x"], concept="second")
    assert preview_image(filled, "z.png", SMALL).name == "second/z.png"
    assert preview_image(filled, "second/a.png", SMALL).name == "second/a.png"
    assert preview_image(filled, "a.png", SMALL).name == "a.png"
    assert len(originals_in(filled.origin)) == 5


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_history_that_leads_out_is_refused(filled: Version, tmp_path: Path) -> None:
    process(filled, SMALL)
    (tmp_path / "elsewhere" / "1_x").mkdir(parents=True)
    filled.history.mkdir()
    (filled.history / "x").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="link"):
        restore(filled, "x")
