"""The head of a file that torch pickled (.ckpt, .pt, .bin): names and shapes, without running anything in it.

A pickle is a program. It is interpreted here with stand-ins for all that it asks for, so nothing is imported and
nothing is called but these.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from train_tools.families.interface import Head, Shape

MOST_BYTES = 100_000_000  # of the pickle itself; the weights lie outside of it
MOST_DEPTH = 4  # of dictionaries in each other
LEGACY_PICKLES = 4  # before version 1.6: a magic number, a version, the machine, and then the content
TENSORS = frozenset({
    "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter", "_rebuild_parameter_with_state",
})  # fmt: skip
PLAIN = frozenset(
    {"set", "frozenset", "list", "dict", "tuple", "int", "float", "bool", "str", "bytes", "complex"}
)


class Tensor:
    """Of which the shape alone is known."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape


class Thing:
    """Stands for whatever a pickle makes."""

    def __new__(cls, *_: Any, **__: Any) -> Thing:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __call__(self, *_: Any, **__: Any) -> Thing:
        return self

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        pass

    extend = append
    add = append


class Ordered(dict[Any, Any]):
    """collections.OrderedDict, which may be given attributes."""


class Reader(pickle._Unpickler):  # noqa: SLF001
    """Python's own, not the one in C: that one gives memory for whatever a pickle asks for."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.code: dict[str, None] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch._utils" and name in TENSORS:
            return _rebuilt
        if (module, name) == ("collections", "OrderedDict"):
            return Ordered
        if module in ("builtins", "__builtin__") and name in PLAIN:
            return getattr(__import__("builtins"), name)
        if module != "torch" and not module.startswith("torch."):
            self.code[f"{module}.{name}"] = None
        return Thing

    def persistent_load(self, _identity: Any) -> Thing:
        return Thing()


def _rebuilt(*given: Any) -> Tensor:
    """(storage, offset, shape, …), or a tensor and what a parameter has besides."""
    if given and isinstance(given[0], Tensor):
        return given[0]
    return Tensor(tuple(int(side) for side in given[2]))


def read_pickle(path: Path) -> Head:
    """Raises ValueError where it isn't whole, or is no pickle of torch."""
    try:
        if zipfile.is_zipfile(path):
            content, code = _of_archive(path)
        else:
            content, code = _of_legacy(path)
    except ValueError:
        raise
    except Exception as error:  # a broken pickle can fail in any way
        raise ValueError(
            f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        ) from error
    return Head(dict(_tensors(content)), code=tuple(code), is_pickle=True)


def _of_archive(path: Path) -> tuple[Any, list[str]]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if not names:
            raise ValueError("it is a zip archive without a model in it")
        if archive.getinfo(names[0]).file_size > MOST_BYTES:
            raise ValueError("what describes its tensors is too large")
        reader = Reader(io.BytesIO(archive.read(names[0])))
    return reader.load(), list(reader.code)


def _of_legacy(path: Path) -> tuple[Any, list[str]]:
    content: Any = None
    code: dict[str, None] = {}
    with path.open("rb") as file:
        for _ in range(LEGACY_PICKLES):
            reader = Reader(file)
            content = reader.load()
            code |= reader.code
            if file.tell() > MOST_BYTES:
                raise ValueError("what describes its tensors is too large")
    return content, list(code)


def _tensors(content: Any) -> Iterator[tuple[str, Shape]]:
    """All in dictionaries and lists, by their dotted names; a training's own state is left out."""
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    yield from _inner(content, "", 0)


def _inner(content: Any, name: str, depth: int) -> Iterator[tuple[str, Shape]]:
    if isinstance(content, Thing):
        content = getattr(content, "state", None)
    if isinstance(content, Tensor):
        yield name, content.shape
    elif depth < MOST_DEPTH and isinstance(content, (dict, list, tuple)):
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        for key, value in pairs:
            yield from _inner(value, f"{name}.{key}" if name else str(key), depth + 1)
