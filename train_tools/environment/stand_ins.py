"""Packages that aren't there yet, stood in for while a command is only asked how it is used.

Help and mistakes in a command line are answered before a training environment is made: the command's module is
imported, and nothing of the packages that it needs is run.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class _Anything(type):
    """Whatever is asked of it, is there: a class to inherit from, a function, a number, a decorator."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything

    def __call__(cls, *_arguments: Any, **_more: Any) -> Any:
        return Anything

    def __getitem__(cls, _item: Any) -> Any:
        return Anything

    def __or__(cls, _other: Any) -> Any:
        return Anything

    __ror__ = __mul__ = __rmul__ = __add__ = __or__


class Anything(metaclass=_Anything):
    pass


class _Module(ModuleType):
    __path__: list[str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


class _Finder(MetaPathFinder, Loader):
    """The last that is asked, so only for what nobody else has."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: Any = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if top == "train_tools" or top in sys.stdlib_module_names:
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextlib.contextmanager
def for_what_is_missing() -> Iterator[None]:
    """What was imported meanwhile isn't to be run afterwards: this process ends, or hands over to another."""
    finder = _Finder()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, _Module)]:
            del sys.modules[name]
