"""OpenCV, where a picture needs it. It takes a second to load, so only then."""

from __future__ import annotations

import threading
from typing import Any

_loading = threading.Lock()


def opencv() -> Any:
    """Loaded by one thread alone: while it loads, it takes itself out of Python's list of modules."""
    with _loading:
        import cv2
        import cv2.data

        return cv2
