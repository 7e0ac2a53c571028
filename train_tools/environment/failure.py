"""Why the environment can't be used, as one sentence that says what to do."""

from __future__ import annotations

UNREACHABLE = (
    "name resolution",
    "name or service not known",
    "getaddrinfo",
    "dns error",
    "timed out",
    "newconnectionerror",
    "connection refused",
    "connection reset",
    "error sending request",
    "network is unreachable",
)
# Words in an installer's log, and what they ask of the user. The first that fits is said.
ADVICE = (
    (
        ("no space left on device", "errno 28", "not enough space"),
        "the disk is full: free about 8 GB and start again",
    ),
    (
        ("ensurepip is not", "no module named venv", "no module named ensurepip"),
        "this Python can't make environments: install its venv package (python3-venv) or uv, and start again",
    ),
    (
        ("proxyerror", "proxy connect", "cannot connect to proxy"),
        "the proxy refuses: check HTTPS_PROXY or pip's setting `proxy`, and start again",
    ),
    (
        ("certificate", "sslerror"),
        "the package index's certificate isn't trusted: give its authority as pip's setting `cert`, and start again",
    ),
    (
        ("permission denied", "access is denied"),
        "a file can't be written: close what uses it, and start again",
    ),
    (
        (
            "could not resolve host: github",
            "unable to access 'https://",
            "github.com/kohya-ss/sd-scripts/archive",
        ),
        "GitHub can't be reached: choose a mirror with `env settings --set github=https://…`, and start again",
    ),
    (
        UNREACHABLE,
        "the package index can't be reached: `env settings --set package_index=https://…` takes a mirror; start again",
    ),
    (
        ("no matching distribution", "no solution found"),
        "the package index lacks a package for this Python or machine: try Python 3.10 to 3.13, or another index",
    ),
)
OTHERWISE = "check network, proxy and free disk space, and start again"


class SetupError(Exception):
    """The environment is not ready; the text is one sentence for the user."""


def advice(log: str) -> str:
    """What an installer's `log` asks the user to do."""
    lower = log.lower()
    for words, text in ADVICE:
        if any(word in lower for word in words):
            return text
    return OTHERWISE
