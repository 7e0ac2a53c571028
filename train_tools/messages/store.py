"""The channels that a person has set up. Their addresses are secrets: they lie where the bridge's token does.

That is a file of the user's own and not below the root, which a webui may serve and an export may hold.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from train_tools.errors import UsageError
from train_tools.hosts import bridge_file
from train_tools.messages.channels import Channel, check

MOST = 20
SECRETS = ("address", "secret", "target")


def read(root: Path) -> list[Channel]:
    """Those of this root, on this machine."""
    for path in _files(root):
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            if bridge_file.is_trusted(path.parent):
                return [_channel(row) for row in json.loads(path.read_text(encoding="utf-8"))["channels"]]
    return []


def _channel(row: Mapping[str, Any]) -> Channel:
    known = {field.name for field in dataclasses.fields(Channel)}
    return Channel(**{name: value for name, value in row.items() if name in known})


def save(root: Path, changes: Mapping[str, Any]) -> Channel:
    """A channel with `changes` over it, new without an `id`; a secret that is empty stays as it is.

    Raises UsageError where something is wrong, OSError where it can't be written.
    """
    channels = {channel.id: channel for channel in read(root)}
    identity = str(changes.get("id") or "")
    if identity and identity not in channels:
        raise UsageError("this place for messages isn't there any more; add it again")
    if not identity and len(channels) >= MOST:
        raise UsageError(f"messages go to at most {MOST} places; take one out first")
    before = channels.get(identity, Channel(secrets.token_hex(4), ""))
    given = {name: value for name, value in changes.items() if name not in SECRETS or value}
    channel = dataclasses.replace(before, **{**given, "id": before.id})
    check(channel)
    _write(root, [*(other for other in channels.values() if other.id != channel.id), channel])
    return channel


def remove(root: Path, identity: str) -> None:
    _write(root, [channel for channel in read(root) if channel.id != identity])


def shown(channel: Channel) -> dict[str, Any]:
    """Without its secrets: which of them are known, and the host that it goes to."""
    return {
        **{name: value for name, value in dataclasses.asdict(channel).items() if name not in SECRETS},
        "known": [name for name in SECRETS if getattr(channel, name)],
        "host": host_of(channel),
    }


def host_of(channel: Channel) -> str:
    return urlsplit(channel.address).hostname or channel.kind


def _files(root: Path) -> Iterator[Path]:
    for path in bridge_file.files(root):
        yield path.with_name(f"{path.stem}-messages.json")


def _write(root: Path, channels: list[Channel]) -> None:
    """Into the first folder that can be written, and nowhere else."""
    error: OSError | None = None
    for path in _files(root):
        try:
            bridge_file.write_private(
                path, {"channels": [dataclasses.asdict(channel) for channel in channels]}
            )
        except OSError as problem:
            error = error or problem
            continue
        for other in _files(root):
            if other != path:
                with contextlib.suppress(OSError):
                    other.unlink()
        return
    raise error or OSError("no folder can be written")
