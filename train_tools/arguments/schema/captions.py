"""Rows: how captions are found, changed and dropped in each step."""

from __future__ import annotations

from train_tools.arguments.argument import Argument, flag, row

ROWS: tuple[Argument, ...] = (
    row("caption_extension", "str", ".caption", ours=".txt", reason="what taggers and caption editors write",
        short="ext", opens="part"),
    row("caption_extention", "str", None, importance="expert", instead=("caption_extension", None),
        opens="part"),
    row("caption_separator", "str", ",", short="sep", importance="expert", is_text=True),
    flag("shuffle_caption", short="shuf"),
    row("keep_tokens", "int", 0, minimum=0, short="kt"),
    row("keep_tokens_separator", "str", "", short="kts", is_text=True),
    row("secondary_separator", "str", None, short="sep2", is_text=True),
    flag("enable_wildcard", short="wild"),
    flag("weighted_captions", short="wcap"),
    row("caption_prefix", "str", None, short="pre", importance="expert", is_text=True),
    row("caption_suffix", "str", None, short="suf", importance="expert", is_text=True),
    row("caption_dropout_rate", "float", 0.0, minimum=0, maximum=1, short="cdr"),
    row("caption_dropout_every_n_epochs", "int", 0, minimum=0, short="cde"),
    row("caption_tag_dropout_rate", "float", 0.0, minimum=0, maximum=1, short="tdr"),
    row("token_warmup_min", "int", 1, minimum=1, short="twm", importance="expert"),
    row("token_warmup_step", "int_or_ratio", 0, minimum=0, short="tws", importance="expert"),
)  # fmt: skip
