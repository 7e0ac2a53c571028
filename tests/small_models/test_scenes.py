"""The little world: words, pictures and the check that reads pictures back."""

from __future__ import annotations

import random

import pytest
from PIL import Image

from train_tools.small_models import recognise, scenes, train_captioner
from train_tools.small_models.evaluate import held_out_scenes


def test_words() -> None:
    thing = scenes.Thing("circle", "red", "small", "top left")
    assert (
        scenes.prompt(scenes.Scene("blue", (thing,))) == "a red circle on a blue background, small, top left"
    )
    two = scenes.Scene("orange", (scenes.Thing("cross", "orange"), scenes.Thing("triangle", "red")))
    assert scenes.prompt(two) == "an orange cross left of a red triangle on an orange background"


def test_the_check_reads_every_drawn_scene() -> None:
    rng = random.Random(1)
    for _ in range(300):
        scene = scenes.sample(rng)
        found = recognise.read(scenes.draw(scene, rng))
        assert (found.background, found.colour, found.shape) == (
            scene.background,
            scene.things[0].colour,
            scene.things[0].shape,
        )


@pytest.mark.parametrize("size", [16, 64, 128])
def test_the_check_doesnt_see_things_in_an_empty_picture(size: int) -> None:
    found = recognise.read(Image.new("RGB", (size, size), scenes.COLOURS["green"]))
    assert (found.background, found.colour, found.shape) == ("green", "", "")


def test_training_never_sees_what_is_held_out() -> None:
    rng = random.Random(0)
    trained = {scenes.prompt(s) for s in (scenes.sample_trained(rng, 0.1) for _ in range(5000))}
    tested = {scenes.prompt(s) for s in held_out_scenes(200)}
    assert len(tested) == 200
    assert not trained & tested


def test_the_captioners_words_are_in_its_vocabulary() -> None:
    rng = random.Random(0)
    words = {w for _ in range(500) for w in train_captioner.caption(scenes.sample(rng, 0.3)).split()}
    assert words <= set(train_captioner.vocabulary())
