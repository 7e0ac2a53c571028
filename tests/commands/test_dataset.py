"""From awkward files to a processed set, as a user does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from train_tools import cli


@pytest.fixture
def root(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    root = ["--root", str(tmp_path / "outputs")]
    assert cli.main(["project", "create", "zorb", *root]) == 0
    assert cli.main(["version", "create", "zorb", "v1", *root]) == 0
    capsys.readouterr()
    return root


@pytest.fixture
def awkward(tmp_path: Path) -> Path:
    """The pictures people have."""
    folder = tmp_path / "pictures"
    (folder / "one").mkdir(parents=True)
    (folder / "two").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 30), "red").save(folder / "rotated.jpg", exif=exif)
    Image.new("RGBA", (40, 40), (255, 0, 0, 100)).save(folder / "alpha.png")
    Image.new("L", (40, 40), 90).save(folder / "grey.png")
    Image.new("RGB", (40, 40), "gold").save(folder / "CAPITALS.JPG", "JPEG")
    Image.new("RGB", (40, 40), "green").save(folder / "小猫.png")
    Image.new("RGB", (40, 40), "blue").save(folder / "one" / "same.png")
    Image.new("RGB", (40, 40), "pink").save(folder / "two" / "same.png")
    (folder / "corrupt.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return folder


def test_awkward_files(
    root: list[str], awkward: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dataset", "add", "zorb", "v1", str(awkward), *root]) == 1
    captured = capsys.readouterr()
    assert "7 added" in captured.out
    assert captured.err.count("\n") == 1
    assert "corrupt.png" in captured.err
    assert (
        cli.main(["dataset", "process", "zorb", "v1", "--set", "width=32", "--set", "height=32", *root]) == 0
    )
    assert "7 images of 7 originals" in capsys.readouterr().out
    version = tmp_path / "outputs" / "train_tools" / "projects" / "zorb" / "versions" / "v1"
    processed = {
        path.name[8:]: path for path in (version / "dataset" / "processed" / "10_zorb").glob("*.png")
    }
    assert set(processed) == {
        "rotated.png",
        "alpha.png",
        "grey.png",
        "CAPITALS.png",
        "小猫.png",
        "same.png",
        "same (2).png",
    }
    for path in processed.values():
        with Image.open(path) as image:
            assert image.mode == "RGB"
    with Image.open(processed["rotated.png"]) as image:
        assert image.height == pytest.approx(2 * image.width, abs=1)
    assert cli.main(["dataset", "show", "zorb", "v1", *root]) == 0
    shown = capsys.readouterr().out
    assert "10_zorb" in shown
    assert "width=32" in shown  # saved by `process`


def test_show_tries_settings_without_saving(root: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["dataset", "show", "zorb", "v1", "--set", "repeats=3", *root]) == 0
    assert "repeats=3" in capsys.readouterr().out
    assert cli.main(["dataset", "show", "zorb", "v1", *root]) == 0
    assert "repeats=10" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("action", "assignment", "words"),
    [
        ("process", "widht=64", "did you mean width?"),
        ("process", "width=a", "a whole number from 8 to 8192"),
        ("caption", "existing=copy", "keep, ignore, prepend, append"),
        ("show", "flip", "NAME=VALUE"),
    ],
)
def test_a_wrong_setting_ends_with_2(
    root: list[str], capsys: pytest.CaptureFixture[str], action: str, assignment: str, words: str
) -> None:
    assert cli.main(["dataset", action, "zorb", "v1", "--set", assignment, *root]) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_empty_folders_and_missing_steps_say_what_to_do(
    root: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.main(["dataset", "add", "zorb", "v1", str(tmp_path / "empty"), *root]) == 1
    assert "there is no image to add" in capsys.readouterr().err
    for action, hint in (("process", "dataset add zorb v1"), ("caption", "dataset process zorb v1")):
        assert cli.main(["dataset", action, "zorb", "v1", *root]) == 2
        assert hint in capsys.readouterr().err
    assert cli.main(["dataset", "add", "zorb", "v1", str(tmp_path / "none"), *root]) == 2


def test_revisions_restore_and_preview(
    root: list[str], awkward: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dataset", "revisions", "zorb", "v1", *root]) == 0
    assert "nothing was processed yet" in capsys.readouterr().out
    cli.main(["dataset", "add", "zorb", "v1", str(awkward), *root])
    sheet = str(tmp_path / "sheet.png")
    capsys.readouterr()
    preview = ["dataset", "preview-image", "zorb", "v1", "小猫.png", "--set", "flip=true", "--out", sheet]
    assert cli.main([*preview, *root]) == 0
    assert "whole, flipped: 40x40" in capsys.readouterr().out
    with Image.open(sheet) as image:
        assert image.format == "PNG"
    assert cli.main([*preview, *root]) == 2
    assert "exists already" in capsys.readouterr().err
    for size in ("32", "16"):
        assert cli.main(["dataset", "process", "zorb", "v1", "--set", f"width={size}", *root]) == 0
    assert cli.main(["dataset", "restore", "zorb", "v1", "1", *root]) == 0
    assert "now revision 3" in capsys.readouterr().out
    assert cli.main(["dataset", "revisions", "zorb", "v1", "--json", *root]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["number"], one["restored_from"], one["is_current"]) for one in found] == [
        (1, None, False),
        (2, None, False),
        (3, 1, True),
    ]
    assert cli.main(["dataset", "restore", "zorb", "v1", "9", *root]) == 2
    assert "there are: 1, 2" in capsys.readouterr().err


def test_what_was_skipped_and_doubled_is_shown(
    root: list[str], awkward: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (awkward / "double.png").write_bytes((awkward / "grey.png").read_bytes())
    cli.main(["dataset", "add", "zorb", "v1", str(awkward), *root])
    cli.main(["dataset", "process", "zorb", "v1", *root])
    capsys.readouterr()
    assert cli.main(["dataset", "show", "zorb", "v1", *root]) == 0
    shown = capsys.readouterr().out
    assert "same bytes: double.png, grey.png" in shown
    assert "corrupt.png" in shown
    assert "originals used: 8 of 8" in shown
    assert cli.main(["dataset", "show", "zorb", "v1", "--json", *root]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["originals"], document["used"], document["skipped"]) == (8, 8, [])


def test_concepts_and_regularisation(
    root: list[str], awkward: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = str(awkward / "one"), str(awkward / "two")
    assert cli.main(["dataset", "add", "zorb", "v1", one, *root]) == 0
    assert cli.main(["dataset", "add", "zorb", "v1", two, "--concept", "blip", *root]) == 0
    assert cli.main(["dataset", "add", "zorb", "v1", two, "--reg", "zorb", "--repeats", "4", *root]) == 0
    assert cli.main(["dataset", "process", "zorb", "v1", "--set", "concept_repeats=blip:3", *root]) == 0
    capsys.readouterr()
    assert cli.main(["dataset", "show", "zorb", "v1", *root]) == 0
    shown = capsys.readouterr().out
    assert "10_zorb" in shown
    assert "3_blip" in shown
    assert (
        "regularisation 4_zorb: 1 images x 4 = 4, shown 13 times an epoch, 1 of them captioned 'zorb'"
        in shown
    )
    assert "regularisation 4_zorb: 1 image(s) are trained with the trigger word" in shown
    assert cli.main(["dataset", "add", "zorb", "v1", two, "--repeats", "4", *root]) == 2
    assert "--repeats is for --reg" in capsys.readouterr().err


def test_a_trainer_s_folders_are_read_and_said(
    root: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "set"
    for name in ("img/7_mira woman/a.png", "reg/1_woman/r.png", "model/sample/s.png"):
        (tree / name).parent.mkdir(parents=True)
        Image.new("RGB", (40, 40), "red").save(tree / name)
    assert cli.main(["dataset", "add", "zorb", "v1", str(tree), "--dry-run", *root]) == 0
    look = capsys.readouterr().out
    assert cli.main(["dataset", "add", "zorb", "v1", str(tree), "--json", *root]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {(one["folder"], one["kind"], one["name"], one["repeats"]) for one in document["decisions"]} == {
        ("set/img/7_mira woman", "concept", "mira woman", 7),
        ("set/reg/1_woman", "reg", "woman", 1),
        ("set/model/sample", "left out", "", 0),
    }
    assert all(f"{one['folder']}: {one['sentence']}" in look for one in document["decisions"])
    assert [(one["section"], one["name"]) for one in document["settings"]] == [
        ("dataset", "concept"),
        ("dataset", "concept_repeats"),
    ]
    assert (len(document["added"]), len(document["ignored"])) == (2, 1)
    assert cli.main(["dataset", "process", "zorb", "v1", *root]) == 0
    capsys.readouterr()
    assert cli.main(["dataset", "show", "zorb", "v1", *root]) == 0
    shown = capsys.readouterr().out
    assert "7_mira woman" in shown
    assert "regularisation 1_woman: 1 images x 1 = 1, shown 7 times an epoch" in shown
    assert cli.main(["version", "create", "zorb", "v2", *root]) == 0
    assert cli.main(["dataset", "add", "zorb", "v2", str(tree), "--as-is", *root]) == 0
    assert "3 added" in capsys.readouterr().out


def test_a_class_that_is_the_trigger_word_is_said_at_once(
    root: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 40), "red").save(tmp_path / "a.png")
    assert cli.main(["dataset", "add", "zorb", "v1", str(tmp_path / "a.png"), *root]) == 0
    assert cli.main(["dataset", "process", "zorb", "v1", *root]) == 0
    assert cli.main(["dataset", "add", "zorb", "v1", str(tmp_path / "a.png"), "--reg", "zorb", *root]) == 0
    assert "regularisation 1_zorb: 1 image(s) are trained with the trigger word" in capsys.readouterr().out
