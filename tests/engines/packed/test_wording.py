"""What a caption reads at a step, as sd-scripts' process_caption makes it."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

from train_tools.engines.packed.config import from_arguments
from train_tools.engines.packed.data.wording import At, Wording

FIRST = At(1, 0)


def wording(steps: int = 100, **changes: Any) -> Wording:
    arguments = {
        "pretrained_model_name_or_path": "base.safetensors", "train_data_dir": "data", "max_train_epochs": 1, **changes,
    }  # fmt: skip
    return Wording(from_arguments(Path("run"), arguments), random.Random(1), steps)


def read(line: str, at: At = FIRST, **changes: Any) -> str:
    return wording(**changes).word([line], at)


def many(line: str, times: int = 400, **changes: Any) -> Counter[str]:
    made = wording(**changes)
    return Counter(made.word([line], FIRST) for _ in range(times))


def test_as_it_stands() -> None:
    assert read("a,b ,  c") == "a,b ,  c"
    assert read("a, b", caption_prefix="masterpiece,", caption_suffix=", solo") == "masterpiece, a, b , solo"


def test_dropout_of_all_and_of_tags() -> None:
    found = many("a, b", caption_dropout_rate=0.25)
    assert set(found) == {"", "a, b"}
    assert 60 < found[""] < 140
    assert read("a", At(2, 0), caption_dropout_every_n_epochs=2) == ""
    assert read("a", At(3, 0), caption_dropout_every_n_epochs=2) == "a"
    tags = many("k, a, b", caption_tag_dropout_rate=0.5, keep_tokens=1)
    assert set(tags) == {"k", "k, a", "k, b", "k, a, b"}


def test_separators() -> None:
    made = many("x, y ||| a, b ||| last", shuffle_caption=True, keep_tokens_separator="|||")
    assert set(made) == {"x, y, a, b, last", "x, y, b, a, last"}
    assert set(many("a;;b, c", shuffle_caption=True, secondary_separator=";;")) == {"a,b, c", "c, a,b"}
    assert set(many("a;b", shuffle_caption=True, caption_separator=";")) == {"a, b", "b, a"}


def test_wildcards_and_lines() -> None:
    assert set(many("{red|blue} ball, {{x}}", enable_wildcard=True)) == {"red ball, {x}", "blue ball, {x}"}
    made = wording(enable_wildcard=True)
    assert {made.word(["one", "two"], FIRST) for _ in range(50)} == {"one", "two"}
    assert wording().word(["one", "two"], FIRST) == "one"


def test_tags_come_one_after_another() -> None:
    given = {"token_warmup_step": 10, "token_warmup_min": 1, "keep_tokens": 1}
    assert read("k, a, b, c", At(1, 0), **given) == "k, a"
    assert read("k, a, b, c", At(1, 5), **given) == "k, a, b"
    assert read("k, a, b, c", At(1, 10), **given) == "k, a, b, c"
    assert read("k, a, b, c", At(1, 5), token_warmup_step=0.1, token_warmup_min=1, keep_tokens=1) == "k, a, b"
