"""Tokenizers of the true classes in a folder, as sd-scripts finds them there without the hub.

CLIP's, T5's and Qwen's are the true ones, made from CLIP's vocabulary and from what lies in sd-scripts' checkout.
Gemma's has bytes as its words; ByT5's has no words at all.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from train_tools.families.stable_diffusion.tokenizer import byte_characters, write_files

T5 = {
    "tokenizer_class": "T5Tokenizer",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "extra_ids": 100,
}
GEMMA = {
    "tokenizer_class": "GemmaTokenizer", "bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>",
    "pad_token": "<pad>",
}  # fmt: skip


def write_tokenizers(checkout: Path, folder: Path) -> Path:
    write_files(folder / "openai_clip-vit-large-patch14")
    write_files(folder / "laion_CLIP-ViT-bigG-14-laion2B-39B-b160k", "!")
    t5 = checkout / "configs" / "t5_old"
    _write(
        folder / "google_t5-v1_1-xxl",
        {**T5, "model_max_length": 512},
        t5 / "tokenizer.json",
        t5 / "spiece.model",
    )
    qwen = checkout / "configs" / "qwen3_06b"
    told = json.loads((qwen / "tokenizer_config.json").read_text("utf-8"))
    _write(
        folder / "qwen",
        {**told, "tokenizer_class": "Qwen2Tokenizer"},
        qwen / "vocab.json",
        qwen / "merges.txt",
    )
    shutil.copytree(folder / "qwen", folder / "Qwen_Qwen2.5-VL-7B-Instruct")
    for name in ("byt5", "google_byt5-small"):
        _write(folder / name, {"tokenizer_class": "ByT5Tokenizer"})
    _write(folder / "gemma", GEMMA)
    (folder / "gemma" / "tokenizer.json").write_text(json.dumps(_bytes()), encoding="utf-8")
    return folder


def _write(folder: Path, configuration: dict[str, Any], *files: Path) -> None:
    folder.mkdir(parents=True)
    for file in files:
        shutil.copyfile(file, folder / file.name)
    (folder / "tokenizer_config.json").write_text(json.dumps(configuration), encoding="utf-8")


def _bytes() -> dict[str, Any]:
    special = ["<pad>", "<eos>", "<bos>", "<unk>"]
    options = {"special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {
        "version": "1.0",
        "added_tokens": [{"id": number, "content": token, **options} for number, token in enumerate(special)],
        "pre_tokenizer": {
            "type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False,
        },
        "model": {
            "type": "BPE", "merges": [], "unk_token": "<unk>",
            "vocab": {token: number for number, token in enumerate([*special, *byte_characters()])},
        },
    }  # fmt: skip
