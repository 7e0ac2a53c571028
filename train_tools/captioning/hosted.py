"""The host's own captioners: the webui's BLIP and deepbooru, inside it or through its bridge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from train_tools.captioning.interface import Picture
from train_tools.errors import UsageError
from train_tools.hosts.detect import host_of
from train_tools.hosts.interface import HostCaptioner, HostError

if TYPE_CHECKING:
    from typing_extensions import Self

    from train_tools.captioning.settings import CaptioningSettings


class Hosted:
    """`kind` is a name of `Host.captioners`; the host is the one of `root`."""

    def __init__(self, kind: str, root: Path) -> None:
        self._kind = kind
        self._root = root
        self._captioner: HostCaptioner | None = None

    @property
    def name(self) -> str:
        return f"webui-{self._kind}"

    def __enter__(self) -> Self:
        host = host_of(self._root)
        found = host.captioners().get(self._kind)
        if found is None:
            without = host.capabilities()["captioners"] or f"{host.name} has no {self._kind}"
            raise UsageError(f"{self.name} is the webui's own captioner, and {without}; take blip or wd")
        try:
            found.start()
        except HostError as error:
            raise UsageError(str(error)) from error
        self._captioner = found
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._captioner is not None:
            self._captioner.stop()
            self._captioner = None

    def caption(self, pictures: Sequence[Picture]) -> list[str]:
        assert self._captioner is not None
        return [self._captioner.caption(picture.image.convert("RGB")).strip() for picture in pictures]


def made_blip(_settings: CaptioningSettings, root: Path) -> Hosted:
    return Hosted("blip", root)


def made_deepbooru(_settings: CaptioningSettings, root: Path) -> Hosted:
    return Hosted("deepbooru", root)
