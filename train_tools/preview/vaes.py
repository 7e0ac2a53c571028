"""Which VAE and text encoders the pictures of a run are drawn with, whatever a webui has chosen."""

from __future__ import annotations

from pathlib import Path

from .base_facts import facts_of
from .cells import Run

VAES = ("vae", "ae")
TEXT_ENCODERS = ("clip_l", "clip_g", "t5xxl", "gemma2", "qwen3", "text_encoder", "byt5")
AS_HOST = "host"

Parts = tuple[str | None, tuple[str, ...] | None]  # as in cells.Drawn


def parts_of(run: Run, base_model: Path, chosen: str) -> Parts:
    """`chosen` is the preview's setting `vae`: "" is as trained."""
    if chosen == AS_HOST:
        return None, None
    given = chosen or next((str(v) for name in VAES if (v := run.arguments.get(name))), "")
    vae = str(Path(given).absolute()) if given else None
    facts = facts_of(base_model)
    encoders = tuple(str(Path(str(v)).absolute()) for n in TEXT_ENCODERS if (v := run.arguments.get(n)))
    if facts.is_whole:
        return ("" if vae is None and facts.holds_vae else vae), encoders
    return vae, encoders or None
