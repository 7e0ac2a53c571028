"""Files of a version: pictures whole or small, and what may be downloaded. Nothing outside of the version's folder."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from train_tools.dataset.thumbnails import SIDES, thumbnail
from train_tools.ui.routing import Call, get
from train_tools.workspace.files import require_inside
from train_tools.workspace.workspace import Version

# Shown in the page; anything else is only ever saved, as a page or a vector picture may hold a script.
SHOWN = {
    ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".bmp": "image/bmp",
    ".gif": "image/gif", ".avif": "image/avif", ".apng": "image/png", ".dib": "image/bmp",
    **dict.fromkeys((".jpe", ".jfif", ".jif", ".pjpeg", ".pjp"), "image/jpeg"),
    **dict.fromkeys((".txt", ".caption", ".cap"), "text/plain"),
}  # fmt: skip
SAVED = {
    ".safetensors", ".toml", ".json", ".jsonl", ".log", ".zip", ".md", ".tif", ".tiff", ".heic", ".heif", ".hif",
    ".ckpt", ".pt",
}  # fmt: skip


def _file(version: Version, path: str) -> Path:
    """Hidden files are ours; a link that leaves the version is refused."""
    file = version.folder / path
    is_hidden = any(part.startswith(".") for part in Path(path).parts)
    if is_hidden or file.suffix.lower() not in SHOWN.keys() | SAVED or "\\" in path or "\0" in path:
        raise HTTPException(404, "There is no such file.")
    require_inside(file, version.folder)
    if not file.is_file():
        raise HTTPException(404, "There is no such file.")
    return file


def whole(call: Call) -> Response:
    file = _file(call.version, call.part("path"))
    kind = SHOWN.get(file.suffix.lower())
    is_saved = kind is None or call.query("save") == "1"
    return FileResponse(
        file,
        media_type=kind or "application/octet-stream",
        filename=file.name,
        content_disposition_type="attachment" if is_saved else "inline",
        headers={"Cache-Control": "private, no-cache"},
    )


def small(call: Call) -> Response:
    """`side` is the longest one in pixels, one of SIDES. `v` in the query is the page's: it may be cached for long."""
    version = call.version
    side = min(SIDES, key=lambda known: abs(known - call.number("side", SIDES[0])))
    made = thumbnail(version, _file(version, call.part("path")), side)
    age = "private, max-age=31536000, immutable" if call.query("v") else "private, no-cache"
    return FileResponse(made, media_type="image/webp", headers={"Cache-Control": age})


ROUTES = [
    get("/files/v/{project}/{version}/{path:path}", whole),
    get("/thumbs/v/{project}/{version}/{path:path}", small),
]
