"""What AUTOMATIC1111's webui makes of prompts, as data for the tests.

    <python of the training environment> tests/families/webui_chunks.py <the webui's folder> webui_chunks.json

`webui_chunks.json` was made so by v1.10.1 (82a973c0): of each text its chunks, as numbers of tokens and as weights,
without what begins, ends and fills them. Only the two files that do it are the webui's; what they import is left away.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

TAGS = ", ".join(f"very detailed tag number {number}" for number in range(30))
TEXTS = (
    "", "a red ball", "a (red) ball, [blue] sky", "a (red:1.3) ball, ((very) bright: 1.2 ), [[dark]",
    r"a \(red\) ball \\ and \[more\] a\b", "(red:1.2.3x) :1.2) [a:b:0.5] ) ]", "one BREAK two BREAKFAST BREAK",
    "(one BREAK two:1.2), three", "BREAK BREAK one", TAGS, f"({TAGS}:1.1) BREAK {TAGS}",
    "word " * 80, "word " * 74 + ", " + "word " * 5, "word " * 75 + ", more", "a, " + "word " * 90,
    "word " * 60 + ", " + "word " * 30, "word " * 54 + ", " + "word " * 30, "一个红色的球，" * 12,
)  # fmt: skip


def of_webui(folder: Path) -> Any:
    """Its class, given a tokenizer in place of a model."""
    options = SimpleNamespace(emphasis="Original", comma_padding_backtrack=20)
    for name in ("modules", "modules.devices", "modules.shared", "modules.sd_hijack", "modules.sd_emphasis"):
        sys.modules[name] = ModuleType(name)
    sys.modules["modules.shared"].opts = options  # type: ignore[attr-defined]
    no_embeddings = SimpleNamespace(find_embedding_at_position=lambda *_: (None, None))
    sys.modules["modules.sd_hijack"].model_hijack = SimpleNamespace(embedding_db=no_embeddings)  # type: ignore[attr-defined]
    for name in ("devices", "shared", "sd_hijack", "sd_emphasis"):
        setattr(sys.modules["modules"], name, sys.modules[f"modules.{name}"])
    sys.modules["lark"] = SimpleNamespace(Lark=lambda _: None)  # type: ignore[assignment]
    for name in ("prompt_parser", "sd_hijack_clip"):
        spec = importlib.util.spec_from_file_location(f"modules.{name}", folder / "modules" / f"{name}.py")
        assert spec is not None and spec.loader is not None
        sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
        setattr(sys.modules["modules"], name, module)
        spec.loader.exec_module(module)
    return module.TextConditionalModel


def told(chunk: Any, end: int) -> list[list[float]]:
    ids = chunk.tokens[1:-1]
    while ids and ids[-1] == end:
        ids.pop()
    return [ids, [round(weight, 6) for weight in chunk.multipliers[1 : len(ids) + 1]]]


def main(webui: str, out: str) -> None:
    from train_tools.families.stable_diffusion import tokenizer

    words = tokenizer.shared(tokenizer.END)
    reader = of_webui(Path(webui))()
    reader.id_start, reader.id_end = words.bos_token_id, words.eos_token_id
    reader.comma_token = words.get_vocab()[",</w>"]
    reader.tokenize = lambda texts: words(texts, truncation=False, add_special_tokens=False)["input_ids"]
    found = {}
    for text in TEXTS:
        chunks, _ = reader.tokenize_line(text)
        found[text] = [told(chunk, words.eos_token_id) for chunk in chunks]
    lines = (
        f" {json.dumps(text)}: {json.dumps(chunks, separators=(',', ':'))}" for text, chunks in found.items()
    )
    Path(out).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
