"""Where a server answers, however a person gives it."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit, urlunsplit

from train_tools.errors import UsageError

USUAL = "http://127.0.0.1:11434/v1"  # Ollama's
# What such programs answer at, for the page.
KNOWN = {
    "Ollama": USUAL,
    "LM Studio": "http://127.0.0.1:1234/v1",
    "llama.cpp": "http://127.0.0.1:8080/v1",
    "vLLM": "http://127.0.0.1:8000/v1",
}
ENDS = ("/chat/completions", "/models", "/completions")


def base_of(text: str) -> str:
    """`localhost:1234` -> `http://localhost:1234/v1`: what paths are put behind. Raises UsageError for what is none."""
    given = text.strip()
    if "://" not in given:
        given = f"{'http' if is_near(given.split('/')[0].rpartition(':')[0] or given.split('/')[0]) else 'https'}://{given}"
    parts = _split(given)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageError(f"{text!r} is no address of a server; give one such as {USUAL}")
    path = parts.path.rstrip("/")
    for end in ENDS:
        path = path.removesuffix(end)
    return urlunsplit((parts.scheme, parts.netloc, path or "/v1", "", ""))


def host_of(base: str) -> str:
    """`host:port`: what a key belongs to."""
    parts = urlsplit(base)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def is_near(host: str) -> bool:
    """This machine or its own network, which no proxy leads to."""
    host = host.strip("[]").lower()
    if host == "localhost" or host.endswith((".local", ".lan", ".localhost")):
        return True
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    return found.is_private or found.is_loopback


def _split(address: str) -> SplitResult | None:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts
