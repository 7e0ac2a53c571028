"""A scoring as a person starts it: real pictures, a real index, the features of our own, then CLIP's path."""

from __future__ import annotations

import json

import pytest
from compare.samples import add_pictures, add_run, cell
from PIL import Image, ImageDraw

from train_tools.compare.board import read_board
from train_tools.compare.scores.document import read_scores
from train_tools.compare.scores.measures import DIVERSITY, NEAREST, TRAINING
from train_tools.compare.scores.service import score
from train_tools.compare.scores.settings import ScoreSettings
from train_tools.errors import UsageError
from train_tools.workspace.workspace import Version


def drawn(colour: str, shift: int) -> Image.Image:
    image = Image.new("RGB", (64, 64), "white")
    ImageDraw.Draw(image).ellipse((10 + shift, 10, 40 + shift, 40), fill=colour)
    return image


@pytest.fixture
def trained(version: Version) -> Version:
    """Epoch 1 draws nothing of the training images, epoch 2 their like, epoch 3 one of them for every seed."""
    folder = version.processed / "5_zorb"
    folder.mkdir(parents=True)
    for number in range(4):
        drawn("red", 3 * number).save(folder / f"{number}.png")
    files = [path.name for path in add_run(version, "one", 3)]
    pictures = {}
    for epoch, file in enumerate(files, start=1):
        for seed in range(4):
            for weight in (0.0, 1.0):
                shown = {1: drawn("blue", 5 * seed), 2: drawn("red", 5 * seed), 3: drawn("red", 3)}[epoch]
                entry = cell("one", file, epoch, "{trigger}, a circle", weight, f"{epoch}-{seed}-{weight:g}",
                             seed=seed, text="zorb, a circle")  # fmt: skip
                pictures[entry] = shown if weight else drawn("green", 0)
    add_pictures(version, pictures)
    return version


def test_scores_tell_the_checkpoints_apart(trained: Version) -> None:
    seen: list[tuple[int, int]] = []
    done = score(trained, ScoreSettings(), lambda n, of, _: seen.append((n, of)))
    assert (done.checkpoints, done.pictures, done.faults) == (3, 12, ())
    assert seen[-1] == (16, 16)
    (document,) = read_scores(trained)
    board = read_board(trained)
    one, two, three = (document["checkpoints"][c.id] for c in board.checkpoints)
    assert one[TRAINING]["mean"] < two[TRAINING]["mean"]
    assert two[NEAREST]["mean"] < three[NEAREST]["mean"] == pytest.approx(1, abs=1e-3)
    assert two[DIVERSITY]["mean"] > three[DIVERSITY]["mean"] == pytest.approx(0, abs=1e-3)
    assert one[TRAINING]["count"] == 4
    assert one[TRAINING]["error"] > 0
    assert "prompt_similarity" not in one  # these features read no text, and nothing is invented
    assert document["title"][0] == "colours and edges, no learned model"
    assert document["nearest"]["3-0-1"] == ["1.png", pytest.approx(1, abs=1e-3)]


def test_only_what_is_new_is_looked_at(trained: Version) -> None:
    score(trained, ScoreSettings(), lambda *_: None)
    seen: list[int] = []
    score(trained, ScoreSettings(), lambda n, of, _: seen.append(of))
    assert seen == []
    drawn("red", 30).save(trained.processed / "5_zorb" / "new.png")
    score(trained, ScoreSettings(), lambda n, of, _: seen.append(of))
    assert seen == [1]


def test_a_broken_picture_is_named_and_left_out(trained: Version) -> None:
    broken = next(c for c in read_board(trained).cells if c.weight == 1)
    (trained.folder / broken.image).write_bytes(b"\x89PNG")
    done = score(trained, ScoreSettings(), lambda *_: None)
    assert done.pictures == 11
    assert "can't be read" in done.faults[0]


def test_what_is_missing_is_said(version: Version, trained: Version) -> None:
    with pytest.raises(UsageError, match=r"no pictures of LoRA weight 0\.7; there are: 0; 1"):
        score(trained, ScoreSettings(scored_weight=0.7), lambda *_: None)
    for path in (trained.processed / "5_zorb").iterdir():
        path.unlink()
    with pytest.raises(UsageError, match="no training images"):
        score(trained, ScoreSettings(), lambda *_: None)


def test_a_damaged_document_is_left_out(trained: Version) -> None:
    score(trained, ScoreSettings(), lambda *_: None)
    folder = trained.folder / "previews" / "scores"
    (folder / "other.json").write_text("{", encoding="utf-8")
    (folder / "newer.json").write_text(json.dumps({"schema": 9}), encoding="utf-8")
    assert [d["model"] for d in read_scores(trained)] == ["simple-1"]
