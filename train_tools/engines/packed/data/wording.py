"""What a caption reads at a step: parts that stay, parts that are shuffled, left out or drawn.

As process_caption in sd-scripts' library/train_util.py (48d368fa) makes it; the chances are the run's own.
"""

from __future__ import annotations

import dataclasses
import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from train_tools.engines.packed.config import RunConfig

WILDCARD = re.compile(r"\{([^{}]+)\}")
JOINED = ", "


@dataclass(frozen=True)
class At:
    """`epoch` is counted from 1, `step` from 0 over the whole training."""

    epoch: int
    step: int


def all_wordings(config: RunConfig, lines: Sequence[str]) -> set[str] | None:
    """Every text that an image's caption may read as; None where each step makes others."""
    is_arranged = config.shuffle_caption or config.token_warmup_step or config.caption_tag_dropout_rate
    if is_arranged or config.enable_wildcard:
        return None
    whole = Wording(dataclasses.replace(config, caption_dropout_rate=0.0, caption_dropout_every_n_epochs=0),
                    random.Random(), 1).word(lines, At(1, 0))  # fmt: skip
    is_dropped = config.caption_dropout_rate or config.caption_dropout_every_n_epochs
    return {whole, ""} if is_dropped else {whole}


class Wording:
    """`steps` are those of the whole training, for what is said as a share of them."""

    def __init__(self, config: RunConfig, chances: random.Random, steps: int) -> None:
        self._config = config
        self._random = chances
        warmup = config.token_warmup_step
        self._warmup = math.floor(warmup * steps) if warmup < 1 else int(warmup)

    def word(self, lines: Sequence[str], at: At) -> str:
        """`lines` are the caption file's; the first one counts, or one that is drawn."""
        config = self._config
        if self._is_dropped(at):
            return ""
        caption = lines[0] if lines else ""
        if config.enable_wildcard and len(lines) > 1:
            caption = self._random.choice(lines)
        caption = " ".join(part for part in (config.caption_prefix, caption, config.caption_suffix) if part)
        if config.enable_wildcard:
            caption = self._without_wildcards(caption)
        if config.shuffle_caption or self._warmup or config.caption_tag_dropout_rate:
            caption = self._arranged(caption, at)
        if config.secondary_separator:
            caption = caption.replace(config.secondary_separator, config.caption_separator)
        return caption

    def _is_dropped(self, at: At) -> bool:
        rate, every = self._config.caption_dropout_rate, self._config.caption_dropout_every_n_epochs
        is_drawn = rate > 0 and self._random.random() < rate
        return is_drawn or (every > 0 and at.epoch % every == 0)

    def _without_wildcards(self, caption: str) -> str:
        """`{a|b}` is one of them; doubled braces are braces."""
        opening, closing = "\0", "\1"  # which no caption has
        text = caption.replace("{{", opening).replace("}}", closing)
        text = WILDCARD.sub(lambda found: self._random.choice(found[1].split("|")), text)
        return text.replace(opening, "{").replace(closing, "}")

    def _arranged(self, caption: str, at: At) -> str:
        config = self._config
        kept, rest, last = self._parts(caption)
        if self._warmup and at.step < self._warmup:
            grown = math.floor(at.step * (len(rest) - config.token_warmup_min) / self._warmup)
            rest = rest[: grown + config.token_warmup_min]
        if config.shuffle_caption:
            self._random.shuffle(rest)
        if config.caption_tag_dropout_rate:
            rest = [tag for tag in rest if self._random.random() >= config.caption_tag_dropout_rate]
        return JOINED.join(kept + rest + last)

    def _parts(self, caption: str) -> tuple[list[str], list[str], list[str]]:
        """What stays in front, what is arranged, what stays behind."""
        config = self._config
        mark, separator = config.keep_tokens_separator, config.caption_separator
        if mark and mark in caption:
            front, _, others = caption.partition(mark)
            middle, _, behind = others.partition(mark)
            front_tags, tags, last = (_tags(part, separator) for part in (front, middle, behind))
            return front_tags, tags, last
        tags = [tag.strip() for tag in caption.strip().split(separator)]
        return tags[: config.keep_tokens], tags[config.keep_tokens :], []


def _tags(text: str, separator: str) -> list[str]:
    return [tag.strip() for tag in text.split(separator) if tag.strip()]
