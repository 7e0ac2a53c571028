"""Prompts: where they come from, what is put into them and what is taken out."""

from __future__ import annotations

from pathlib import Path

import pytest
from preview.samples import settings

from train_tools.errors import UsageError
from train_tools.preview.choosing import Chooser
from train_tools.preview.plan import plan_cells
from train_tools.preview.prompts import asked_for, prompts_folder, resolved, save_list
from train_tools.preview.settings import PreviewSettings, split_prompts
from train_tools.workspace.settings import build
from train_tools.workspace.workspace import Version


def texts(version: Version, **changes: object) -> list[str]:
    """What is rendered of the first checkpoint."""
    chosen = settings(weights=(1.0,), **changes)
    plan = plan_cells(version, chosen, Chooser(version, chosen, None))
    return [cell.recipe.prompt for cell in plan.rows[0].cells]


def test_prompts_are_separated_by_bars_and_lines() -> None:
    assert split_prompts("a, b | c,d |\ne") == ("a, b", "c,d", "e")
    assert split_prompts("{a|b} x | {c|{d|e}}") == ("{a|b} x", "{c|{d|e}}")
    assert split_prompts("} a | b") == ("} a", "b")
    made = build(PreviewSettings, {"prompts": "x|y", "weights": "0, 0.8", "negative_prompt": "|blurry"})
    assert (made.prompts, made.weights, made.negative_prompt) == (("x", "y"), (0.0, 0.8), ("", "blurry"))


def test_trigger_and_wildcards(version: Version) -> None:
    folder = prompts_folder(version)
    folder.mkdir()
    (folder / "places.txt").write_text(
        "# where\nin a {red|blue} room\n\non grass with {trigger}\n", encoding="utf-8"
    )
    found = texts(version, prompts=("{trigger} __places__, {day|night}",), seed=tuple(range(1, 21)))
    assert {text.split(",")[0] for text in found} == {
        "zorb in a red room", "zorb in a blue room", "zorb on grass with zorb"
    }  # fmt: skip
    assert {text.split(", ")[1] for text in found} == {"day", "night"}
    assert found == texts(version, prompts=("{trigger} __places__, {day|night}",), seed=tuple(range(1, 21)))
    with pytest.raises(UsageError, match="there is no list of prompts 'nowhere'; there are: places"):
        texts(version, prompts=("__nowhere__",))


def test_a_wildcard_that_names_itself_comes_to_an_end() -> None:
    with pytest.raises(UsageError, match="don't come to an end"):
        resolved("__a__", "", 1, lambda _: ["__a__"])
    assert resolved("snake_case __init __ {x}", "", 1, lambda _: []) == "snake_case __init __ {x}"


def test_search_and_replace(version: Version) -> None:
    found = texts(version, prompts=("a red cat", "a dog"), prompt_sr=("red", "blue"))
    assert found == ["a red cat", "a blue cat", "a dog"]
    pairs = asked_for(
        version, settings(prompts=("x",), negative_prompt=("bad",), prompt_sr=("bad", "worse"))
    ).pairs
    assert pairs == (("x", "bad"), ("x", "worse"))
    with pytest.raises(UsageError, match="'green' stands in no prompt"):
        texts(version, prompt_sr=("green", "blue"))


def test_other_loras_are_taken_out_and_that_is_said(version: Version) -> None:
    asked = asked_for(
        version,
        settings(prompts=("a <lora:other:0.7> cat <LYCO:x:1>", "1 < 2"), negative_prompt=("<hypernet:h:1>",)),
    )
    assert asked.pairs == (("a cat", ""), ("1 < 2", ""))
    assert [note.split(" was")[0] for note in asked.notes] == [
        "<lora:other:0.7>",
        "<LYCO:x:1>",
        "<hypernet:h:1>",
    ]


def test_random_captions_are_the_same_for_a_seed(version: Version) -> None:
    folder = version.processed / "5_zorb"
    for number in range(20):
        (folder / f"{number}.png").write_bytes(b"")
        (folder / f"{number}.txt").write_text(f"caption {number % 15}\n", encoding="utf-8")
    first = texts(version, prompts=("own",), random_captions=5, seed=(7,))
    assert first[0] == "own"
    assert len(set(first)) == 6
    assert first == texts(version, prompts=("own",), random_captions=5, seed=(7,))
    assert first != texts(version, prompts=("own",), random_captions=5, seed=(8,))
    assert len(texts(version, prompts=("own",), random_captions=100, seed=(7,))) == 16


def test_no_captions_to_choose_from(version: Version) -> None:
    with pytest.raises(UsageError, match="no processed image has a caption"):
        texts(version, random_captions=1)


def test_a_saved_set(version: Version, tmp_path: Path) -> None:
    path = save_list(version, "my set", ["a cat", "a\nzorb"])
    assert path == tmp_path / "train_tools" / "prompts" / "my set.txt"
    assert texts(version, prompt_set="my set") == ["a cat", "a zorb"]
    with pytest.raises(UsageError, match="exists already"):
        save_list(version, "my set", ["b"])
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="can't be read as UTF-8"):
        texts(version, prompt_set="my set")
