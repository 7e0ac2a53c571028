"""Answers that a browser saves: made while they are sent, so that nothing is held in memory or left on the disk."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from starlette.responses import StreamingResponse


def downloaded(pieces: Iterable[str | bytes], name: str, media_type: str) -> StreamingResponse:
    """`name` is of any script."""
    headers = {
        "Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}",
        "Content-Encoding": "identity",  # packing it would take longer than sending it to this machine's browser
        "Cache-Control": "no-store",
    }
    return StreamingResponse(pieces, media_type=media_type, headers=headers)
