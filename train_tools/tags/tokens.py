"""How many CLIP tokens a caption has. Stable Diffusion reads them in chunks of 75.

The tokenizer is built of the vocabulary file alone, which is much quicker than loading transformers, and only
where a caption can be too long at all.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING

from train_tools.families.stable_diffusion import tokenizer as clip
from train_tools.tags.caption import COMMA, SECONDARY_SEPARATOR, Line, parse, wildcards

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LIMITS = (75, 150, 225)  # whole chunks; what sd-scripts' max_token_length can be (75: left out)
# Where OpenAI's CLIP divides text before it merges bytes.
WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def count(text: str) -> int:
    """Tokens of the longest line as training may read it, of a wildcard its longest choice."""
    return max((count_line(line) for line in parse(text).lines), default=0)


def is_longer(text: str, limit: int) -> bool:
    """Whether `count(text) > limit`; no token is shorter than a byte, so short texts need no counting."""
    return len(normal(text).encode("utf-8")) > limit and count(text) > limit


def limit_of(text: str) -> int | None:
    """The smallest of `LIMITS` that holds the text; None: none does."""
    return next((limit for limit in LIMITS if not is_longer(text, limit)), None)


def count_line(line: Line) -> int:
    return count_plain(", ".join(chosen(section.raw) for section in line.sections))


def chosen(text: str) -> str:
    """With the longest choice of each wildcard, and commas where tags are held together."""
    result, start = [], 0
    for first, end in wildcards(text):
        result += [text[start:first], longest(text[first + 1 : end - 1])]
        start = end
    return "".join([*result, text[start:]]).replace(SECONDARY_SEPARATOR, COMMA)


def longest(choices: str) -> str:
    return max(choices.split("|"), key=count_plain)


@functools.lru_cache(maxsize=100_000)
def count_plain(text: str) -> int:
    """Without the tokens that start and end a chunk; `text` is taken as it is."""
    return len(clip_tokenizer().encode(text, add_special_tokens=False).ids)


def normal(text: str) -> str:
    """As the tokenizer sees it; some letters grow by this."""
    return unicodedata.normalize("NFC", text).lower()


@functools.cache
def clip_tokenizer() -> Tokenizer:
    """Equal to transformers' CLIPTokenizer; raises FileNotFoundError where the vocabulary is missing."""
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

    vocabulary, merges = clip.read_vocabulary()
    pairs = [(first, second) for first, _, second in (merge.partition(" ") for merge in merges)]
    result = Tokenizer(
        models.BPE(
            vocabulary, pairs, end_of_word_suffix="</w>", continuing_subword_prefix="", unk_token=clip.END
        )
    )
    result.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    result.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    result.add_special_tokens([AddedToken(clip.START, special=True), AddedToken(clip.END, special=True)])
    return result
