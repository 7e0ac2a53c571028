from __future__ import annotations

from typing import Any

import pytest

from train_tools.arguments.current import argument_named
from train_tools.arguments.values import parse_values
from train_tools.errors import UsageError
from train_tools.planning.grid import make_grid


@pytest.mark.parametrize(
    ("name", "given", "values"),
    [
        ("learning_rate", "1e-4", [1e-4]),
        ("learning_rate", " 1E-4 , .0003,", [1e-4, 3e-4]),
        ("learning_rate", 1e-4, [1e-4]),
        ("learning_rate", [1e-4, 3e-4], [1e-4, 3e-4]),
        ("learning_rate", "1e-5-1e-3 [3]", [1e-5, 0.000505, 1e-3]),
        ("learning_rate", "0.1-0.3 (+0.1)", [0.1, 0.2, 0.3]),
        ("network_dim", "4,8", [4, 8]),
        ("text_encoder_lr", "5e-5 1e-5, 5e-5", [[5e-5, 1e-5], 5e-5]),
        ("text_encoder_lr", [[5e-5, 1e-5]], [[5e-5, 1e-5]]),
        ("text_encoder_lr", [5e-5, 1e-5], [5e-5, 1e-5]),
        ("optimizer_type", "pytorch_optimizer.CAME, lion", ["pytorch_optimizer.CAME", "Lion"]),
        ("network_dim", "1e1, 8.0", [10, 8]),
        ("network_dim", "1-5", [1, 2, 3, 4, 5]),
        ("network_dim", "1-5 (+2)", [1, 3, 5]),
        ("network_dim", "5-1(-2)", [5, 3, 1]),
        ("network_dim", "1-10 [5]", [1, 3, 6, 8, 10]),
        ("network_dim", "2, 4-6, 16", [2, 4, 5, 6, 16]),
        ("lr_warmup_steps", "0, 100, 0.05", [0, 100, 0.05]),
        ("clip_skip", "none,2", [None, 2]),
        ("flip_aug", "true, off,1", [True, False, True]),
        ("flip_aug", True, [True]),
        ("optimizer_type", "lion, ADAMW", ["Lion", "AdamW"]),
        ("max_token_length", "225", [225]),
        ("resolution", "512", ["512,512"]),
        ("resolution", "512,768", ["512,768"]),
        ("resolution", "512,768; 640x640", ["512,768", "640,640"]),
        ("resolution", "768 + 512+1024x768; 640", ["512,512+768,768+1024,768", "640,640"]),
        ("resolution", "768x768+512+768", ["512,512+768,768"]),
        ("resolution", "512\uff0b768\uff1b1024", ["512,512+768,768", "1024,1024"]),
        ("resolution", '"64,64","128,128"', ["64,64", "128,128"]),
        ("optimizer_args", "betas=0.9,0.99 weight_decay=0.1", [["betas=0.9,0.99", "weight_decay=0.1"]]),
        ("optimizer_args", "betas=(0.9, 0.99); weight_decay=0", [["betas=(0.9, 0.99)"], ["weight_decay=0"]]),
        ("optimizer_args", ["weight_decay=0.1"], [["weight_decay=0.1"]]),
        ("optimizer_args", [["a=1"], ["b=2"]], [["a=1"], ["b=2"]]),
        ("caption_prefix", "a photo, old; a painting", ["a photo, old", "a painting"]),
        ("vae", '"C:\\models\\a, b.pt", none', ["C:\\models\\a, b.pt", None]),
        ("vae", "it's.pt, model (v1, fp16).pt", ["it's.pt", "model (v1, fp16).pt"]),
        ("vae", 'say ""x"".pt', ['say ""x"".pt']),
        ("vae", "sad :(.pt, b.pt", ["sad :(.pt", "b.pt"]),
        ("caption_extension", ".txt", [".txt"]),
    ],
)
def test_what_a_field_says(name: str, given: Any, values: list[Any]) -> None:
    found = parse_values(argument_named(name), given)
    assert found == values
    assert [type(v) for v in found] == [type(v) for v in values]


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("learning_rate", "fast", ["learning_rate", "fast", "a number"]),
        ("learning_rate", "nan", ["nan"]),
        ("learning_rate", "-1", ["at least 0"]),
        ("learning_rate", "1e-4 3e-4", ["1e-4 3e-4"]),
        ("learning_rate", "", ["learning_rate is empty"]),
        ("learning_rate", [], ["is empty"]),
        ("learning_rate", True, ["True"]),
        ("network_dim", "4.5", ["4.5", "a whole number"]),
        ("network_dim", "1-1000000", ["1000000 values"]),
        ("network_dim", "1-5 (-1)", ["doesn't lead"]),
        ("network_dim", "1-5 (0)", ["doesn't lead"]),
        ("unet_lr", "0.1-0.5", ["say the step"]),
        ("optimizer_type", "Lyon", ["Lyon", "one of AdamW, Lion"]),
        ("seed", "1e20", ["to 4.29497e+09"]),
        ("train_batch_size", "none", ["train_batch_size"]),
        ("flip_aug", "perhaps", ["true or false"]),
        ("resolution", "512,512,512", ["WIDTH,HEIGHT"]),
        ("resolution", "4", ["WIDTH,HEIGHT"]),
        ("resolution", "512+", ["several at once as in 512+768"]),
        ("resolution", "512,768,1024", ["several at once as in 512+768"]),
        ("vae", '"never closed', ["never closed"]),
        ("max_token_length", "100", ["150, 225, none"]),
    ],
)
def test_what_a_field_may_not_say(name: str, given: Any, words: list[str]) -> None:
    with pytest.raises(UsageError) as refused:
        parse_values(argument_named(name), given)
    for word in [name, *words]:
        assert word in str(refused.value)


def test_an_unknown_argument_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean learning_rate"):
        make_grid({"learning_rat": "1e-4"})


def test_a_grid_multiplies_in_order_and_merges_equal_values() -> None:
    grid = make_grid({"optimizer_type": "Lion,AdamW", "seed": "7", "learning_rate": "1e-4, 3e-4, 0.0001"})
    assert grid.fixed == {"seed": 7}
    assert [(c["optimizer_type"], c["learning_rate"], c["seed"]) for c in grid.combinations()] == [
        ("Lion", 1e-4, 7), ("Lion", 3e-4, 7), ("AdamW", 1e-4, 7), ("AdamW", 3e-4, 7),
    ]  # fmt: skip
    assert len(grid) == 4
    assert "learning_rate" in grid.warnings[0]


def test_what_changes_no_training_is_no_axis() -> None:
    with pytest.raises(UsageError, match="log_with takes one value: it doesn't change what is trained"):
        make_grid({"log_with": "tensorboard,wandb"})
    assert make_grid({"log_with": "wandb"}).fixed == {"log_with": "wandb"}


def test_a_grid_too_large_to_mean_it_is_refused() -> None:
    with pytest.raises(UsageError, match="1000000 runs"):
        make_grid({"seed": "1-1000", "network_dim": "1-1000"})
