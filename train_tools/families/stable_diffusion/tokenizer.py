"""The true CLIP tokenizer, made from the vocabulary file in the open_clip_torch package.

Only that file is read: importing open_clip would need torchvision.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

PACKAGE = "open_clip"
VOCABULARY = "bpe_simple_vocab_16e6.txt.gz"
MERGES = 49152 - 256 - 2  # what OpenAI's CLIP reads of the file, after its first line
START, END = "<|startoftext|>", "<|endoftext|>"


def vocabulary_file() -> Path:
    """Raises FileNotFoundError where the training environment lacks the package."""
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / VOCABULARY).is_file():
            return path
    raise FileNotFoundError(f"{VOCABULARY} is missing: the package open_clip_torch holds it")


def byte_characters() -> list[str]:
    """The 256 printable characters that stand for bytes in GPT-2's and CLIP's byte-level BPE."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def read_vocabulary() -> tuple[dict[str, int], list[str]]:
    """The number of each token, and the merges, pairs with a blank between, in their order."""
    with gzip.open(vocabulary_file(), "rt", encoding="utf-8") as lines:
        merges = lines.read().split("\n")[1 : MERGES + 1]
    characters = byte_characters()
    tokens = characters + [c + "</w>" for c in characters]
    tokens += ["".join(merge.split()) for merge in merges]
    tokens += [START, END]
    return {token: i for i, token in enumerate(tokens)}, merges


def write_files(folder: Path, filled_by: str = END) -> None:
    """Writes `vocab.json`, `merges.txt` and the configuration as transformers reads them.

    `filled_by` is the token that fills short texts up: CLIP's own is its end, OpenCLIP's is "!".
    """
    vocabulary, merges = read_vocabulary()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    configuration = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "bos_token": START,
        "eos_token": END,
        "pad_token": filled_by,
        "unk_token": END,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=2), encoding="utf-8")


@cache
def shared(filled_by: str = END) -> CLIPTokenizer:
    """CLIP's tokenizer: 49,408 tokens, 77 at most; short texts are filled up by `filled_by`."""
    from transformers import CLIPTokenizer  # seconds that who only counts tokens shouldn't wait for

    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), filled_by)
        return CLIPTokenizer.from_pretrained(folder)
