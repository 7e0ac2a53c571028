"""Text as other programs and people leave it: UTF-8, UTF-16, the code pages of Chinese and Japanese Windows."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from train_tools.errors import UsageError

BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip
SAMPLE = 4096  # bytes that tell which kind of UTF-16 it is
LARGEST = 8 * 1024 * 1024  # no settings or script is so long
KANA = re.compile(r"[\u3041-\u30f6]")
HALF_WIDTH = re.compile(r"[\uff61-\uff9f]")


def read_text(file: Path) -> str:
    """Raises UsageError where there is no such file, or where it holds something else than text."""
    if not file.is_file():
        raise UsageError(f"there is no file {file}")
    if file.stat().st_size > LARGEST:
        raise UsageError(f"{file.name} is too large to be settings or a script")
    text = decoded(file.read_bytes())
    if text is None:
        raise UsageError(f"{file.name} isn't text; settings are text")
    return text


def decoded(data: bytes) -> str | None:
    """None where the bytes are no text."""
    for bom, encoding in BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    if b"\0" in data[:SAMPLE]:
        return _without_bom(data)
    for text in (_strictly(data, "utf-8"), _east_asian(data)):
        if text is not None:
            return text
    return data.decode("cp1252", "replace")


def _without_bom(data: bytes) -> str | None:
    """UTF-16 has every other byte zero where a text is mostly Latin."""
    even, odd = data[:SAMPLE:2].count(0), data[1:SAMPLE:2].count(0)
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = _strictly(data, encoding)
    return None if text is None or "\0" in text else text


def _east_asian(data: bytes) -> str | None:
    """Bytes of one often are others' too: Japanese text holds kana, and Chinese read as Japanese half-width ones."""
    japanese, chinese = _strictly(data, "cp932"), _strictly(data, "gb18030")
    if japanese is not None and KANA.search(japanese):
        kana, half = len(KANA.findall(japanese)), len(HALF_WIDTH.findall(japanese))
        if kana > half and (chinese is None or kana > len(KANA.findall(chinese))):
            return japanese
    return chinese if chinese is not None else japanese


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None
