from __future__ import annotations

import pytest

from train_tools.planning.imports.words import right_words, words_of


@pytest.mark.parametrize(
    ("words", "right", "wrong"),
    [
        (["conv_dim=4", "conv_alpha=1"], ["conv_dim=4", "conv_alpha=1"], []),
        (["conv_dim=4,", "conv_alpha=1"], ["conv_dim=4", "conv_alpha=1"], []),
        (["conv_dim=4,conv_alpha=1,algo=lokr"], ["conv_dim=4", "conv_alpha=1", "algo=lokr"], []),
        (["conv_dim=4 conv_alpha=1"], ["conv_dim=4", "conv_alpha=1"], []),
        (["betas=0.9,0.99"], ["betas=0.9,0.99"], []),
        (["betas=0.9,", "0.99", "eps=1e-6"], ["betas=0.9,0.99", "eps=1e-6"], []),
        (["betas=(0.9, 0.99)"], ["betas=(0.9,0.99)"], []),
        (["betas=(0.9,", "0.99)"], ["betas=(0.9,0.99)"], []),
        (['"weight_decay=0.1"', "'d_coef=2'"], ["weight_decay=0.1", "d_coef=2"], []),
        (['algo="loha"'], ["algo=loha"], []),
        (["null"], [], ["null"]),
        (["weight_decay", "0.1"], [], ["weight_decay", "0.1"]),
        (["weight_decay=", "d=1"], ["d=1"], ["weight_decay="]),
        (["", ",", " "], [], []),
    ],
)
def test_words_are_name_and_value_however_they_were_written(
    words: list[str], right: list[str], wrong: list[str]
) -> None:
    assert right_words(words) == (right, wrong)


def test_a_field_with_all_words() -> None:
    assert words_of('weight_decay=0.01 "betas=0.9,0.99"') == ["weight_decay=0.01", '"betas=0.9,0.99"']
    assert words_of('a=1 "b') == ["a=1", "b"]
