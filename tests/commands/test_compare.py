"""`compare` and `publish` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from compare.samples import add_pictures, add_run, cell, picture
from hosts.doubles import install

from train_tools.cli import main
from train_tools.compare.checkpoints import find_checkpoints
from train_tools.execution.queue import Queue
from train_tools.execution.ticket import read_ticket
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.interface import WAIT
from train_tools.hosts.webui import Webui
from train_tools.workspace import settings
from train_tools.workspace.workspace import Version, Workspace

Say = Any


@pytest.fixture
def version(tmp_path: Path) -> Version:
    """Two runs of two checkpoints, with a grid of UNet and text encoder weights, and training images."""
    workspace = Workspace(tmp_path)
    workspace.create_project("猫 zorb")
    made = workspace.create_version("猫 zorb", "v1")
    folder = made.processed / "5_zorb"
    folder.mkdir(parents=True)
    picture((250, 30, 30)).save(folder / "1.png")
    pictures = {}
    for number, rate in enumerate((1e-4, 3e-4)):
        files = add_run(made, f"run {number}", 2, learning_rate=rate, optimizer_type="AdamW")
        for epoch, path in enumerate(files, start=1):
            for unet, te in ((0.5, 1.0), (1.0, 1.0), (1.0, 1.5)):
                key = f"{number}-{epoch}-{unet:g}-{te:g}"
                entry = cell(f"run {number}", path.name, epoch, "zorb, a circle", unet, key, weight_te=te)
                pictures[entry] = picture((100 * number + 50, 40 * epoch, int(100 * te)))
    add_pictures(made, pictures)
    return made


@pytest.fixture
def say(version: Version, capsys: pytest.CaptureFixture[str]) -> Say:
    """say("board", "--rows", "run") -> (exit code, its JSON, or its error)."""
    root = str(version.root)

    def do(action: str, *options: str, command: str = "compare") -> tuple[int, Any]:
        words = (
            [command, action, "猫 zorb", "v1", *options]
            if command == "compare"
            else [command, "猫 zorb", "v1", action, *options]
        )
        capsys.readouterr()
        try:
            code = main([*words, "--root", root, "--json"])
        except SystemExit as left:
            code = int(left.code or 0)
        shown = capsys.readouterr()
        return code, json.loads(shown.out) if code == 0 else shown.err

    return do


def test_the_board_by_any_axes(say: Say) -> None:
    code, found = say(
        "board",
        "--rows",
        "learning_rate",
        "--columns",
        "epoch",
        "--where",
        "weight_unet=1",
        "--where",
        "weight_te=1.5",
    )
    assert code == 0
    table = found["table"]
    assert (table["rows"], table["columns"]) == (["learning_rate"], ["epoch"])
    keys = found["board"]["cells"]["keys"]
    length = found["board"]["cells"]["key_length"]
    shown = [keys[n * length : (n + 1) * length].strip() for n in table["grid"]]
    assert shown == ["0-1-1-1.", "0-2-1-1.", "1-1-1-1.", "1-2-1-1."]


def test_the_board_as_one_page(say: Say, tmp_path: Path) -> None:
    file = tmp_path / "页 page.html"
    code, told = say("board", "--where", "run=run 0", "--html", str(file), "--pictures", "whole")
    assert (code, told) == (0, {"file": str(file), "bytes": file.stat().st_size})
    assert file.read_text("utf-8").count("data-kind=") == 6


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["board", "--rows", "colour"], "no axis 'colour'"),
        (["board", "--where", "epoch"], "AXIS=VALUE"),
        (["board", "--where", "epoch=7"], "epoch is never '7'; there are: 1, 2"),
        (["board", "--where", "colour=red"], "no axis 'colour'"),
        (["board", "--sort", "beauty"], "can't be sorted by 'beauty'"),
        (["mark", "nothing.safetensors", "--star"], "no checkpoint 'nothing.safetensors'"),
        (["mark", "zorb-run 0.safetensors"], "say --star"),
        (["mark", "no key", "--cell", "--star"], "no picture 'no key'"),
        (["vote", "zorb-run 0", "zorb-run 0", "a"], "two different"),
        (["vote", "zorb-run 0", "zorb-run 1", "c"], "can't be 'c'"),
        (["vote", "undo"], "no vote to take back"),
        (["curves", "--run", "x"], "no run 'x'"),
        (["curves", "--smoothing", "2"], "below 1"),
        (["advice", "x"], "no picture 'x'"),
        (["score", "--set", "scorer=/nowhere"], "neither a folder nor a hub id"),
        (["score", "--set", "scorer"], "NAME=VALUE"),
    ],
)  # fmt: skip
def test_wrong_words_get_a_sentence(say: Say, words: list[str], complaint: str) -> None:
    code, error = say(*words)
    assert code == 2
    assert complaint in error
    assert "Traceback" not in error


def test_marks_sort_and_filter_the_board(say: Say) -> None:
    assert say("mark", "zorb-run 1-000001", "--star", "--note", "这个最好")[1]["mark"] == "star"
    say("mark", "run 0/zorb-run 0.safetensors", "--reject")
    assert {(m["name"], m["mark"], m["note"]) for m in say("marks")[1]} == {
        ("run 1/zorb-run 1-000001.safetensors", "star", "这个最好"), ("run 0/zorb-run 0.safetensors", "reject", ""),
    }  # fmt: skip
    runs = say("board", "--rows", "run", "--sort", "star")[1]["table"]
    assert runs["row_keys"][0][0] == 1
    assert say("board", "--starred")[1]["table"]["shown"] == 3
    assert say("board", "--no-rejected")[1]["table"]["shown"] == 9
    say("mark", "zorb-run 1-000001", "--clear", "--note", "")
    assert len(say("marks")[1]) == 1
    assert len(say("marks", "--history")[1]) == 3


def test_votes_make_a_ranking(say: Say, version: Version) -> None:
    first = say("pair")[1]
    assert first["a"] != first["b"]
    assert first["pictures"]
    better = find_checkpoints(version)[0].id
    for other in find_checkpoints(version)[1:]:
        assert say("vote", better, other.id, "a")[0] == 0
    ranks = say("ranking")[1]
    assert ranks[0]["id"] == better
    assert ranks[0]["name"].startswith("run 0/")
    say("vote", "undo")
    assert sum(r["games"] for r in say("ranking")[1]) == 4
    assert say("board", "--rows", "run", "--sort", "votes")[1]["table"]["row_keys"][0][0] == 0


def test_scores_are_made_and_sort_the_board(say: Say) -> None:
    code, documents = say("score", "--set", "scored_weight=1")
    assert code == 0
    assert len(documents[0]["checkpoints"]) == 4
    assert say("scores")[1] == documents
    found = say("board", "--sort", "training_similarity")[1]
    assert found["scores"][0]["measures"]["training_similarity"][0][2] == 1


def test_only_what_worked_is_kept_as_a_setting(say: Say, version: Version) -> None:
    assert say("score", "--set", "scorer=/nowhere/x")[0] == 2
    assert settings.read(version)["score"] == {}
    assert say("score", "--set", "pictures_at_once=2")[0] == 0
    assert settings.read(version)["score"] == {"pictures_at_once": 2}


def test_advice_comes_as_settings_of_a_plan(say: Say) -> None:
    found = say("advice", "1-2-1-1.5")[1]
    assert found["changes"] == {"learning_rate": "0.0003", "text_encoder_lr": "0.00045"}


def test_a_score_job_can_be_queued(say: Say, version: Version, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train_tools.execution.lane.ensure_worker", lambda *_: None)
    root = version.root
    words = [
        "queue",
        "add",
        "猫 zorb",
        "v1",
        "--kind",
        "score",
        "--set",
        "scored_weight=1",
        "--root",
        str(root),
    ]
    assert main(words) == 0
    (entry,) = Queue(root).entries()
    assert entry.ticket.kind == "score"
    assert main([*words[:-3], "scorer_=1", "--root", str(root)]) == 2
    from train_tools.commands.job import main as do_job

    assert do_job([str(entry.folder)]) == 0
    assert (version.folder / "previews" / "scores" / "simple-1.json").is_file()
    assert read_ticket(entry.folder) is not None


def test_publish(say: Say, tmp_path: Path) -> None:
    target = tmp_path / "Lora"
    target.mkdir()
    code, done = say(
        "zorb-run 1",
        "--to",
        str(target),
        "--name",
        "my zorb",
        "--set",
        "preferred_weight=0.7",
        command="publish",
    )
    assert code == 0
    assert Path(done["lora"]) == target / "my zorb.safetensors"
    again, error = say("zorb-run 1", "--to", str(target), "--name", "My Zorb", command="publish")
    assert again == 2
    assert "nothing is overwritten" in error


def test_publish_has_a_running_webui_look_for_it(
    say: Say, tmp_path: Path, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    double = install(monkeypatch, folder=tmp_path / "webui")
    double.cmd_opts.lora_dirs = [str(tmp_path / "more")]
    bridge = Bridge(Webui(), version.root, lambda: WAIT)
    bridge.start()
    try:
        for number, folder in enumerate(("webui/models/Lora/zorbs", "more", "elsewhere"), start=1):
            (tmp_path / folder).mkdir(parents=True)
            where = ("--to", str(tmp_path / folder), "--name", f"zorb {number}")
            code, done = say("zorb-run 1", *where, command="publish")
            assert code == 0
            assert not any("refresh" in note for note in done["notes"])
        assert double.rescans == ["all", "all"], "a folder that it doesn't look into is no reason"
    finally:
        bridge.close()


def test_people_get_words(version: Version, capsys: pytest.CaptureFixture[str]) -> None:
    root = ["--root", str(version.root)]
    for action in ("board", "marks", "pair", "ranking", "scores", "score", "curves"):
        assert main(["compare", action, "猫 zorb", "v1", *root]) == 0
        assert len(capsys.readouterr().out.strip()) > 20
    assert main(["compare", "advice", "猫 zorb", "v1", "0-1-0.5-1", *root]) == 0
    assert "plan '猫 zorb' v1 --set learning_rate=0.0001 --set unet_lr=5e-05" in capsys.readouterr().out
