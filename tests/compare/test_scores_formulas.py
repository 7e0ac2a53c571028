"""Formulas of the scores against their definitions, the features of our own, and the rule of the hint."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from train_tools.compare.scores import measures
from train_tools.compare.scores.embedder import normalised
from train_tools.compare.scores.measures import DIVERSITY, MEASURES, NEAREST, PROMPT
from train_tools.compare.scores.overfit import overfit_from
from train_tools.compare.scores.service import without_trigger
from train_tools.compare.scores.simple import SimpleFeatures
from train_tools.compare.scores.vectors import Vectors, content_key


def unit_rows(count: int, seed: int) -> np.ndarray:
    return normalised(np.random.default_rng(seed).normal(size=(count, 16)))


def test_formulas_are_their_definitions() -> None:
    pictures, training = unit_rows(5, 1), unit_rows(7, 2)
    cosines = np.array([[float(p @ t) for t in training] for p in pictures])
    assert np.allclose(measures.to_training(pictures, training), cosines.mean(axis=1), atol=1e-6)
    best, which = measures.to_nearest(pictures, training)
    assert np.allclose(best, cosines.max(axis=1))
    assert list(which) == list(cosines.argmax(axis=1))
    pairs = [1 - float(pictures[i] @ pictures[j]) for i in range(5) for j in range(i)]
    assert measures.diversity(pictures) == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)
    same = np.repeat(pictures[:1], 4, axis=0)
    assert measures.diversity(same) == pytest.approx(0, abs=1e-6)


def test_a_mean_has_its_standard_error() -> None:
    found = measures.summary([1.0, 2.0, 3.0, 4.0])
    assert (found.mean, found.count) == (2.5, 4)
    assert found.error == pytest.approx(np.std([1, 2, 3, 4], ddof=1) / 2)
    assert measures.summary([1.0]).error is None


def test_every_measure_is_explained_in_both_languages() -> None:
    for measure in MEASURES:
        assert measure.help[0].endswith(".")
        assert any("\u4e00" <= letter <= "\u9fff" for letter in measure.help[1] + measure.title[1])


def shape(colour: str, kind: str, shift: int = 0) -> Image.Image:
    image = Image.new("RGB", (128, 96), "white")
    pen = ImageDraw.Draw(image)
    box = (30 + shift, 20, 90 + shift, 80)
    pen.ellipse(box, fill=colour) if kind == "circle" else pen.rectangle(box, fill=colour)
    return image


def test_simple_features_see_colours_and_edges() -> None:
    with SimpleFeatures() as features:
        red, again, moved, blue, square, plain = features.pictures([
            shape("red", "circle"), shape("red", "circle"), shape("red", "circle", 4), shape("blue", "circle"),
            shape("red", "square"), Image.new("RGB", (64, 64), "white"),
        ])  # fmt: skip
    assert np.linalg.norm(red) == pytest.approx(1, abs=1e-5)
    assert float(red @ again) == pytest.approx(1, abs=1e-6)
    assert float(red @ moved) > float(red @ blue)
    assert float(red @ moved) > float(red @ square)
    assert float(red @ square) < 0.97
    assert np.isfinite(plain).all()
    assert not SimpleFeatures().reads_text


def checkpoint(prompt: float | None, nearest: float, noise: float = 0.0, pictures: int = 6) -> dict:
    chooser = random.Random(round(1000 * nearest))
    values: dict = {NEAREST: {n: nearest + chooser.uniform(-noise, noise) for n in range(pictures)}}
    if prompt is not None:
        values[PROMPT] = {n: prompt + 0.05 * n + chooser.uniform(-noise, noise) for n in range(pictures)}
    return values


def test_overfitting_is_seen_where_the_prompt_is_lost_while_training_images_come_back() -> None:
    run = [checkpoint(0.2, 0.5), checkpoint(0.3, 0.6), checkpoint(0.25, 0.8), checkpoint(0.2, 0.9)]
    hint = overfit_from(run)
    assert hint is not None
    assert (hint.place, hint.best, hint.by) == (2, 1, PROMPT)


@pytest.mark.parametrize(
    "run",
    [
        [checkpoint(0.2, 0.5), checkpoint(0.3, 0.6), checkpoint(0.4, 0.9)],  # both rise
        [
            checkpoint(0.3, 0.9),
            checkpoint(0.2, 0.8),
            checkpoint(0.1, 0.7),
        ],  # it forgets, but memorises nothing
        [checkpoint(0.3, 0.5), checkpoint(0.2, 0.9), checkpoint(0.35, 0.6)],  # it recovers
        [checkpoint(0.3, 0.5), checkpoint(0.299, 0.501)][:1],
        [checkpoint(0.3, 0.5, pictures=1), checkpoint(0.2, 0.9, pictures=1)],  # one picture says nothing
        [checkpoint(None, 0.5), checkpoint(None, 0.9)],
        [],
    ],
)
def test_nothing_is_said_where_the_rule_does_not_hold(run: list[dict]) -> None:
    assert overfit_from(run) is None


def test_noise_alone_is_no_finding() -> None:
    found = 0
    for seed in range(40):
        chooser = random.Random(seed)
        run = [
            {m: {n: chooser.gauss(0.5, 0.05) for n in range(8)} for m in (PROMPT, NEAREST)} for _ in range(5)
        ]
        found += overfit_from(run) is not None
    assert found <= 4


def test_diversity_stands_in_where_no_model_reads_texts() -> None:
    def at(diversity: float, nearest: float) -> dict:
        return {
            DIVERSITY: {n: diversity + 0.01 * n for n in range(4)},
            NEAREST: {n: nearest + 0.01 * n for n in range(8)},
        }

    hint = overfit_from([at(0.4, 0.5), at(0.5, 0.6), at(0.1, 0.95)])
    assert hint is not None
    assert (hint.place, hint.best, hint.by) == (2, 1, DIVERSITY)


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("zorb, a red circle", "a red circle"),
        ("a photo of ZORB in a garden <lora:zorb:0.8>", "a photo of in a garden"),
        ("zorb", ""),
        ("zorbs, zorb2", "zorbs, zorb2"),
        ("(zorb:1.2), sky", "(:1.2), sky"),
    ],
)
def test_the_trigger_word_is_left_out_of_the_prompt(prompt: str, left: str) -> None:
    assert without_trigger(prompt, ["zorb"]) == left


def test_a_picture_is_looked_at_once(tmp_path: Path) -> None:
    paths = {}
    for number in range(3):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (32, 32), (number * 80, 0, 0)).save(path)
        paths[content_key(path)] = path
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG no")
    seen: list[int] = []

    class Counting(SimpleFeatures):
        def pictures(self, images):  # type: ignore[no-untyped-def]
            seen.append(len(images))
            return super().pictures(images)

    file = tmp_path / "vectors.npz"
    first = Vectors(file)
    faults = first.add({**paths, "x": broken}, Counting(), 2, lambda _n: None)
    assert list(faults) == ["x"]
    first.save(paths)
    assert sum(seen) == 3
    again = Vectors(file)
    again.add(paths, Counting(), 2, lambda _n: None)
    assert sum(seen) == 3
    assert np.allclose(again.rows(list(paths)), first.rows(list(paths)), atol=1e-3)
    file.write_bytes(b"cut off")
    assert Vectors(file).missing(paths) == list(paths)
