"""The client of a version's settings, with the key that belongs to the address."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from train_tools.captioning.server.address import base_of, is_near
from train_tools.captioning.server.captioner import Asking, ServerCaptioner
from train_tools.captioning.server.client import Client
from train_tools.captioning.server.keys import key_of
from train_tools.captioning.settings import CaptioningSettings
from train_tools.environment.program import read
from train_tools.errors import UsageError


def client_of(settings: CaptioningSettings, root: Path) -> Client:
    """Raises UsageError for an address on the net in offline mode."""
    base = base_of(settings.server)
    if read(root).offline and not is_near(urlsplit(base).hostname or ""):
        raise UsageError(
            f"{base} isn't asked in offline mode; switch it off with `env settings --set offline=false`"
        )
    return Client(base, key_of(base), float(settings.server_timeout), settings.server_retries)


def made(settings: CaptioningSettings, root: Path) -> ServerCaptioner:
    asking = Asking(
        model=settings.server_model,
        prompt=settings.server_prompt,
        own_prompt=settings.server_own_prompt,
        side=settings.server_side,
        max_tokens=settings.server_max_tokens,
        parallel=settings.server_parallel,
        remove_underscore=settings.remove_underscore,
    )
    return ServerCaptioner(client_of(settings, root), asking)
