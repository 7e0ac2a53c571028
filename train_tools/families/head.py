"""The head of a model's file, whatever its format; and what a file is that isn't one."""

from __future__ import annotations

import json
import re
from pathlib import Path

from train_tools.errors import TrainToolsError
from train_tools.families.interface import Fault, Head
from train_tools.families.pickles import read_pickle
from train_tools.lora.safetensors_header import LARGEST_HEADER, read_header

AGAIN = "download it again, and compare its size with the page's"
# What a file starts with: what it is then, and what to do.
STARTS: tuple[tuple[bytes, str, str], ...] = (
    (b"GGUF", "a GGUF file: quantised weights, which can be drawn with, not trained on",
     "get the safetensors file in fp16 or bf16"),
    (b"version https://git-lfs", "a Git LFS pointer: a few lines that stand for the file, not the file itself",
     "fetch it with `git lfs pull`, or download the file itself"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive", "unpack it, and choose the model in it"),
    (b"Rar!", "a RAR archive", "unpack it, and choose the model in it"),
    (b"\x1f\x8b", "a gzip archive", "unpack it, and choose the model in it"),
    (b"\x89PNG", "a picture", "choose the model's file; the picture lies beside it"),
    (b"\xff\xd8\xff", "a picture", "choose the model's file; the picture lies beside it"),
    (b"RIFF", "a picture", "choose the model's file; the picture lies beside it"),
)  # fmt: skip
PAGE = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml|!--|svg|script)", re.IGNORECASE)
LOOKED_AT = 512  # bytes
SHOWN = 60  # characters of a text
TORCH_ENDINGS = (".ckpt", ".pt", ".pth", ".bin")


class NoModelError(TrainToolsError):
    """The file holds no weights that can be read; `fault` says what it is."""

    def __init__(self, name: str, fault: Fault) -> None:
        super().__init__(f"the file {name} is {fault.what}; {fault.instead}")
        self.fault = fault


def read_head(path: Path) -> Head:
    """Raises NoModelError."""
    fault = None
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
        if not size:
            fault = Fault("damaged", "empty: it has 0 bytes", AGAIN)
        elif _says_safetensors(start):
            return _safetensors(path, size)
        elif known := next((one for one in STARTS if start.startswith(one[0])), None):
            fault = Fault(
                "damaged" if known[0] == b"version https://git-lfs" else "foreign", known[1], known[2]
            )
        elif start[:1] == b"\x80" or start.startswith(b"PK"):
            return read_pickle(path)
        else:
            fault = _without_format(path, start)
    except OSError as error:
        fault = Fault("damaged", f"not to be read ({error.strerror})", "look at its rights and its disk")
    except ValueError as error:
        fault = Fault("damaged", f"cut off or damaged ({error})", AGAIN)
    raise NoModelError(path.name, fault)


def _says_safetensors(start: bytes) -> bool:
    return 2 <= int.from_bytes(start[:8], "little") <= LARGEST_HEADER and start[8:9] == b"{"


def _safetensors(path: Path, size: int) -> Head:
    try:
        header = read_header(path)
    except TrainToolsError as error:
        raise NoModelError(path.name, _why_not_whole(path, size, error)) from error
    metadata = {str(name): str(value) for name, value in header.metadata.items()}
    return Head({name: tensor.shape for name, tensor in header.tensors.items()}, metadata)


def _why_not_whole(path: Path, size: int, error: TrainToolsError) -> Fault:
    whole = _said_size(path)
    if size < whole:
        return Fault("damaged", f"cut off: {size:,} of {whole:,} bytes are there", AGAIN)
    return Fault("damaged", f"damaged ({str(error).rpartition(': ')[2]})", AGAIN)


def _said_size(path: Path) -> int:
    """How many bytes its head tells of; 0 where that is damaged itself."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        data = file.read(min(length, path.stat().st_size))
    if len(data) < length:
        return 8 + length
    try:
        ends = [
            entry["data_offsets"][1] for name, entry in json.loads(data).items() if name != "__metadata__"
        ]
        return 8 + length + max(map(int, ends), default=0)
    except (
        ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError,
    ):  # fmt: skip
        return 0


def _without_format(path: Path, start: bytes) -> Fault:
    if PAGE.match(start):
        return Fault(
            "damaged", "a web page that was saved under the model's name",
            "log in where it comes from, accept its licence there, and download it again",
        )  # fmt: skip
    if not start.strip(b"\0"):
        return Fault("damaged", "filled with zeros: its download was begun, and never written", AGAIN)
    text = " ".join(start.decode("utf-8", errors="replace").rstrip("\ufffd").split())
    if text.isprintable() and "\ufffd" not in text:
        return Fault(
            "damaged",
            f"a text, no weights ({text[:SHOWN]} …)",
            "choose the model's file, or download it again",
        )
    if path.suffix.lower() in TORCH_ENDINGS:
        return Fault("damaged", "no file that torch wrote, or one whose start is lost", AGAIN)
    if path.suffix.lower() == ".safetensors":
        return Fault("damaged", "no safetensors file, or one whose start is lost", AGAIN)
    return Fault(
        "foreign", "in no format that holds a model here", "choose a safetensors file or a diffusers folder"
    )
