"""Token counts equal those of the tokenizer that training uses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from train_tools.families.stable_diffusion.tokenizer import vocabulary_file

try:
    vocabulary_file()
except FileNotFoundError:
    pytest.skip("the vocabulary is missing", allow_module_level=True)

from train_tools.tags.tokens import count, count_plain, is_longer

SOME = [
    "a red hat",
    "<|endoftext|> a",
    "İstanbul \u0958",
    "小猫, ^_^",
    "it's Zorb's 1girl",
    "",
    "  \n ",
    "ΑΣ",
]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_as_transformers_counts(text: str) -> None:
    pytest.importorskip("transformers")
    from train_tools.families.stable_diffusion.tokenizer import shared

    for sample in (text, *SOME):
        assert count_plain(sample) == len(shared()(sample)["input_ids"]) - 2


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40), st.integers(0, 30))
def test_the_shortcut_is_right(text: str, limit: int) -> None:
    assert is_longer(text, limit) == (count(text) > limit)


def test_the_longest_line_and_choice_count() -> None:
    assert count("one\none two three\n") == 3
    assert count("{a|a b c}, d") == count_plain("a b c, d")
    assert count("a ||| b;;;c") == count_plain("a, b,c")
    assert count("") == 0
