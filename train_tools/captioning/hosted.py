"""The host's own captioners: the webui's BLIP and deepbooru, where the page runs inside it."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from train_tools.captioning.interface import Picture
from train_tools.captioning.model_files import first_line
from train_tools.errors import UsageError
from train_tools.hosts.detect import current
from train_tools.hosts.interface import HostCaptioner

if TYPE_CHECKING:
    from typing_extensions import Self


class Hosted:
    """`kind` is a name of `Host.captioners`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._captioner: HostCaptioner | None = None

    @property
    def name(self) -> str:
        return f"webui-{self._kind}"

    def __enter__(self) -> Self:
        host = current()
        found = host.captioners().get(self._kind) if host else None
        if found is None:
            where = f"this {host.name} has no {self._kind}" if host else "this isn't a webui"
            raise UsageError(f"{self.name} is the webui's own captioner, and {where}; take blip or wd")
        try:
            found.start()
        except (
            Exception
        ) as error:  # the webui's loading and downloading raises anything, IndexError when offline
            raise UsageError(
                f"the webui can't load its {self._kind} ({first_line(error)}); it downloads the model at first use: "
                "check its network, or take another captioner"
            ) from error
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
