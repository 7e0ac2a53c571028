"""One original in a person's hands: its picture to draw on, its crop and its mask, each undoable."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

from PIL import Image
from starlette.responses import Response

from train_tools.dataset import by_hand
from train_tools.dataset.by_hand import ByHand, Step, Touch
from train_tools.dataset.images import decode, read_data, read_mask, split_alpha
from train_tools.dataset.looks import digest
from train_tools.dataset.originals import Original
from train_tools.dataset.preview_image import find_original, given_mask
from train_tools.dataset.settings import DatasetSettings
from train_tools.errors import UsageError
from train_tools.ui.routing import Call, get, post, upload

SIDE = 1600  # pixels of what is drawn on


def picture(call: Call) -> Response:
    """Upright and as every browser can show it, whatever the original is."""
    data = read_data(_original(call).path)
    image, _ = split_alpha(decode(data), DatasetSettings().background())
    image.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return Response(
        buffer.getvalue(), media_type="image/jpeg", headers={"Cache-Control": "private, no-cache"}
    )


def state(call: Call) -> dict[str, Any]:
    """`width` and `height` are the upright original's; `mask` is what is painted, or what came with the image."""
    version, original = call.version, _original(call)
    data = read_data(original.path)
    image, _ = split_alpha(decode(data), DatasetSettings().background())
    known = ByHand.of(version)
    touch = known.touch(digest(data))
    mask = known.mask_file(touch) or given_mask(original)
    return {
        **_document(touch),
        "width": image.width,
        "height": image.height,
        "mask": _as_address(read_mask(read_data(mask)), image.size) if mask else "",
    }


def _document(touch: Touch) -> dict[str, Any]:
    return {"crop": touch.crop, "kinds": touch.kinds}


def _as_address(mask: Image.Image, size: tuple[int, int]) -> str:
    scale = min(1.0, SIDE / max(size))
    fitting = mask.resize((max(1, round(size[0] * scale)), max(1, round(size[1] * scale))))
    buffer = io.BytesIO()
    fitting.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def crop(call: Call) -> dict[str, Any]:
    box = call.field("box", list)
    if len(box) != 4 or not all(isinstance(value, (int, float)) and math.isfinite(value) for value in box):
        raise UsageError("'box' must be four numbers")
    left, top, right, bottom = (float(value) for value in box)
    original = _original(call, call.field("name"))
    touch = by_hand.crop_by_hand(
        call.version, original.name, read_data(original.path), (left, top, right, bottom)
    )
    return _document(touch)


def mask(call: Call, file: Path) -> dict[str, Any]:
    original = _original(call)
    return _document(
        by_hand.mask_by_hand(call.version, original.name, read_data(original.path), file.read_bytes())
    )


def no_mask(call: Call) -> dict[str, Any]:
    original = _original(call, call.field("name"))
    return _document(by_hand.mask_by_hand(call.version, original.name, read_data(original.path), None))


def undo(call: Call) -> dict[str, Any]:
    return _said(by_hand.undo(call.version))


def redo(call: Call) -> dict[str, Any]:
    return _said(by_hand.redo(call.version))


def _said(step: Step) -> dict[str, Any]:
    return {"name": step.name}


def _original(call: Call, name: str = "") -> Original:
    return find_original(call.version, name or call.query("name"))


BASE = "/api/v/{project}/{version}/data/by-hand"
ROUTES = [
    get(BASE, state),
    get(f"{BASE}/picture", picture),
    post(f"{BASE}/crop", crop),
    upload(f"{BASE}/mask", lambda call: call.version.origin.parent, mask),
    post(f"{BASE}/no-mask", no_mask),
    post(f"{BASE}/undo", undo),
    post(f"{BASE}/redo", redo),
]
