"""Rows: the network that is trained, and what it starts from."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, depends, flag, path, row

ROWS: tuple[Argument, ...] = (
    row("network_module", "str", None, ours="networks.lora", reason="the kind that every program reads",
        short="nm", opens="code", is_required=True),
    row("network_dim", "int", None, ours=16, reason="enough for a subject or a style, and small files",
        minimum=1, maximum=100_000, short="net", importance="beginner"),
    row("network_alpha", "float", 1, ours=8, reason="half the rank keeps learning rates of common advice right",
        minimum=0, short="ap", importance="beginner"),
    row("network_dropout", "float", None, minimum=0, maximum=1, short="drop", importance="expert"),
    row("network_args", "list", None, short="na", importance="expert", opens="part"),
    path("network_weights", short="from", importance="expert"),
    flag("dim_from_weights", short="dfw", needs=depends("network_weights", because="that file says the rank")),
    row("base_weights", "list", None, short="bw", importance="expert", is_path=True, opens="reads"),
    row("base_weights_multiplier", "list", None, short="bwm", importance="expert", are_numbers=True,
        needs=depends("base_weights", is_fatal=False, because="it says how much of those files is taken"),
        opens="plain"),
    flag("network_train_unet_only", short="uo",
        excludes=depends("network_train_text_encoder_only", because="together they leave nothing to train")),
    flag("network_train_text_encoder_only", short="to", importance="expert"),
    row("scale_weight_norms", "float", None, minimum=0, short="swn", importance="expert"),
    flag("split_mode", families=("flux", "chroma"), importance="expert", instead=("blocks_to_swap", 18)),
)  # fmt: skip
