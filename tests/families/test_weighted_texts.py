"""Captions with weights in them, as sd-scripts reads them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch

from train_tools.families.loading import KINDS
from train_tools.families.stable_diffusion import long_texts, narrow
from train_tools.families.stable_diffusion.base import BaseModel
from train_tools.families.stable_diffusion.weighted_texts import _tokens, embed, pieces

REAL = os.environ.get("TRAIN_TOOLS_SD_SCRIPTS", "")
LENGTHS = [75, 150, 225]
TEXTS = [
    "a plain text, of two parts",
    "a (very:1.3) [red] ball",
    "((zorb)), (a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).",
    r"zorb \(series\), \[odd\], a\b",
    "(unbalanced, [both",
    "closed) too] early:1.3)",
    "",
    "(blue:-0.5), (red:+1.2), (:1.1), time: 3:45, 8:1)",
    ", ".join(f"(word{n}:1.{n % 10})" for n in range(60)),
]


@pytest.fixture(scope="module", params=["sd1", "sdxl"])
def base(request: pytest.FixtureRequest) -> BaseModel:
    return narrow.build(KINDS[request.param])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        (r"\(literal\]", [("(literal]", 1.0)]),
        ("(unnecessary)(parens)", [("unnecessaryparens", 1.1)]),
        ("[less] (more:2)", [("less", 1 / 1.1), (" ", 1.0), ("more", 2.0)]),
        ("a:1.3) b", [("a:1.3) b", 1.0)]),
        ("(a:1.2.3)", [("a:1.2.3)", 1.1)]),
        ("", []),
    ],
)
def test_texts_come_apart_at_their_weights(text: str, expected: list[tuple[str, float]]) -> None:
    assert pieces(text) == [(part, pytest.approx(weight)) for part, weight in expected]


def test_a_weight_multiplies_what_is_said_of_its_words(base: BaseModel) -> None:
    with torch.no_grad():
        plain = long_texts.embed(base, long_texts.tokens(base, ["red ball", "red ball"], 75))
        found = embed(base, ["red (ball:1.5)", "red ball"], 75)
    torch.testing.assert_close(found.hidden[1], plain.hidden[1])
    torch.testing.assert_close(found.hidden[0, 2], plain.hidden[0, 2] * 1.5)  # behind the start and `red`
    others = [place for place in range(77) if place != 2]
    torch.testing.assert_close(found.hidden[0, others], plain.hidden[0, others])
    if plain.pooled is not None:
        assert found.pooled is not None
        torch.testing.assert_close(found.pooled, plain.pooled)


@pytest.mark.parametrize("longest", [75, 225])
def test_without_weights_it_is_a_text_like_others(base: BaseModel, longest: int) -> None:
    long = ", ".join(f"word{number} of many" for number in range(60))
    with torch.no_grad():
        plain = long_texts.embed(base, long_texts.tokens(base, [TEXTS[0], long], longest))
        found = embed(base, [TEXTS[0], long], longest)
    assert found.hidden.shape[1] == longest + 2
    torch.testing.assert_close(found.hidden, plain.hidden)


@pytest.mark.real_sd_scripts
@pytest.mark.skipif(not REAL, reason="TRAIN_TOOLS_SD_SCRIPTS names no checkout of sd-scripts")
def test_tokens_and_weights_are_those_of_sd_scripts(base: BaseModel) -> None:
    """Its strategy takes our tokenizers' words: one process says what it makes of all texts and lengths."""
    encoded = [
        {part: words(part).input_ids for text in TEXTS for part, _ in pieces(text)}
        for words in base.tokenizers
    ]
    numbers = [[w.bos_token_id, w.eos_token_id, w.pad_token_id] for w in base.tokenizers]
    script = f"""
import json, sys
from types import SimpleNamespace
sys.path.insert(0, {REAL!r})
from library.strategy_base import TokenizeStrategy

class Words:
    model_max_length = 77
    def __init__(self, texts, numbers):
        self.texts = texts
        self.bos_token_id, self.eos_token_id, self.pad_token_id = numbers
    def __call__(self, text):
        return SimpleNamespace(input_ids=self.texts[text])

found = []
for texts, numbers in zip(*json.load(sys.stdin)):
    words = Words({{**texts, "": numbers[:2]}}, numbers)
    for longest in {LENGTHS!r}:
        for text in {TEXTS!r}:
            ids, weights = TokenizeStrategy()._get_input_ids(words, text, longest + 2, weighted=True)
            found.append([ids.reshape(-1, 77).tolist(), weights.reshape(-1, 77).tolist()])
print(json.dumps(found))
"""
    python = Path(REAL) / (".venv/Scripts/python.exe" if os.name == "nt" else ".venv/bin/python")
    said = subprocess.run(
        [python, "-c", script],
        input=json.dumps([encoded, numbers]),
        check=True,
        capture_output=True,
        text=True,
    )
    theirs = iter(json.loads(said.stdout.strip().splitlines()[-1]))
    for words in base.tokenizers:
        for longest in LENGTHS:
            for text in TEXTS:
                ids, weights = _tokens(words, text, longest)
                their_ids, their_weights = next(theirs)
                assert ids.tolist() == their_ids
                inside = [weight for window in their_weights for weight in window[1:-1]]
                assert weights[1:-1] == pytest.approx(inside)
