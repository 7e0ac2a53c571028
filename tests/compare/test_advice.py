"""What the guide reads off the best cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from compare.samples import cell
from safetensors.torch import save_file

from train_tools.arguments.current import argument_named
from train_tools.arguments.values import parse_values
from train_tools.compare.advice import Advice, advise
from train_tools.compare.block_advice import block_changes
from train_tools.compare.board import make_board
from train_tools.compare.checkpoints import Checkpoint, Run
from train_tools.errors import UsageError
from train_tools.small_models import base_model_file

ARGUMENTS = {"learning_rate": 1e-4, "optimizer_type": "AdamW", "network_dim": 8}
WEIGHTS = (0.0, 0.5, 1.0, 1.5, 2.0)


def best(unet: float, te: float, others: tuple[dict[str, Any], ...] = (), **arguments: Any) -> Advice:
    runs = [Run("one", {**ARGUMENTS, **arguments}), *(Run(f"other {n}", a) for n, a in enumerate(others))]
    cells = {
        (u, t): cell("one", "one.safetensors", 1, "p", u, f"{u}-{t}", weight_te=t)
        for u in WEIGHTS
        for t in WEIGHTS
    }
    chosen = cells.get((unet, te)) or cell("one", "one.safetensors", 1, "p", unet, "x", weight_te=te)
    board = make_board(runs, [Checkpoint("one", "one.safetensors", "id", 1, 1, 1)], list(cells.values()))
    return advise(board, chosen)


@pytest.mark.parametrize(
    ("unet", "te", "changes"),
    [
        (1.0, 1.5, {"text_encoder_lr": "0.00015"}),
        (0.5, 1.0, {"unet_lr": "5e-05"}),
        (1.0, 2.0, {"text_encoder_lr": "0.0002"}),
        (0.5, 1.5, {"unet_lr": "5e-05", "text_encoder_lr": "0.00015"}),
        (1.0, 1.0, {}),
        (1.0, 0.0, {"network_train_unet_only": "true"}),
        (0.0, 1.0, {"network_train_text_encoder_only": "true"}),
    ],
)
def test_the_guides_examples(unet: float, te: float, changes: dict[str, str]) -> None:
    advice = best(unet, te)
    assert advice.changes == changes
    assert advice.sentences
    assert all(one and other for one, other in advice.sentences)


def test_the_changes_are_what_a_plan_takes() -> None:
    for name, text in best(0.5, 1.5, unet_lr=3e-4, text_encoder_lr=[5e-5, 1e-5]).changes.items():
        assert len(parse_values(argument_named(name), text)) == 1
    assert best(0.5, 1.5, unet_lr=3e-4, text_encoder_lr=[5e-5, 1e-5]).changes == {
        "unet_lr": "0.00015", "text_encoder_lr": "7.5e-05 1.5e-05",
    }  # fmt: skip


def test_one_run_is_planned_where_there_are_many() -> None:
    other = {**ARGUMENTS, "network_dim": 32, "learning_rate": 3e-4, "output_name": "zorb-2"}
    advice = best(0.5, 1.0, (other,), output_name="zorb-1")
    assert advice.changes == {"network_dim": "8", "learning_rate": "0.0001", "unet_lr": "5e-05"}
    assert best(1.0, 1.0, (other,)).changes == {}


def test_an_optimizer_that_tunes_itself_gets_no_rates() -> None:
    advice = best(0.5, 1.0, optimizer_type="Prodigy")
    assert advice.changes == {}
    assert "Prodigy finds its learning rate itself" in advice.sentences[0][0]


def test_a_part_that_was_not_trained_gets_no_rate() -> None:
    assert best(1.0, 1.5, network_train_unet_only=True).changes == {}
    assert best(0.5, 1.5, network_train_text_encoder_only=True).changes == {"text_encoder_lr": "0.00015"}


def test_block_weights_become_the_rates_of_blocks() -> None:
    base = {"pretrained_model_name_or_path": str(base_model_file()), "network_args": ["dropout=0.1"]}
    one = cell("one", "one.safetensors", 1, "p", 1.0, "k", block_weights="OUTX:0.2")
    made = [Checkpoint("one", "one.safetensors", "id", 1, 1, 1)]
    changes = advise(make_board([Run("one", {**ARGUMENTS, **base})], made, [one]), one).changes
    parts = changes["network_args"].split()
    assert parts[0] == "dropout=0.1"
    assert (
        parts[1] == "down_lr_weight=1,0.2,0.2,1,0.2,0.2,1,0.2,0.2,1,1,1"
    )  # 1 where a block has no attention
    assert parts[2:] == ["mid_lr_weight=0.2", "up_lr_weight=" + ",".join("1" * 12)]
    assert parse_values(argument_named("network_args"), changes["network_args"]) == [parts]
    assert changes["text_encoder_lr"] == "2e-05"  # BASE is the text encoder
    other = make_board([Run("one", {**ARGUMENTS, "network_module": "lycoris.kohya"})], made, [one])
    assert "network_args" not in advise(other, one).changes


def test_those_of_sdxl_become_its_own_rates(tmp_path: Path) -> None:
    base = tmp_path / "xl.safetensors"
    to_text = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight"
    save_file({to_text: torch.zeros(1, 2048)}, base)
    changes, _ = block_changes("OUTX:0.2", {"pretrained_model_name_or_path": str(base)})
    assert changes["network_args"].split() == [
        "down_lr_weight=1,1,1,1,0.2,0.2,1,0.2,0.2", "mid_lr_weight=0.2,0.2,0.2", "up_lr_weight=1,1,1,1,1,1,1,1,1",
    ]  # fmt: skip


def test_the_edge_of_the_grid_is_told() -> None:
    assert any("largest text encoder weight" in english for english, _ in best(1.0, 2.0).sentences)
    assert not any("largest" in english for english, _ in best(1.0, 1.5).sentences)


def test_what_says_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="base model's alone"):
        best(0.0, 0.0)
    with pytest.raises(UsageError, match="turns a LoRA around"):
        best(-1.0, 1.0)
    with pytest.raises(UsageError, match="doesn't say what it was trained with"):
        advise(make_board([], [], []), cell("gone", "x", 1, "p", 0.5, "k"))
