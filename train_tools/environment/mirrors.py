"""The user's pip settings (mirrors, proxy, certificates) in uv's words: uv doesn't read pip's."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping

# pip's option -> uv's variable and what stands between several values.
VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", ""),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", ""),
    "proxy": ("ALL_PROXY", ""),
    "timeout": ("UV_HTTP_TIMEOUT", ""),
    "default-timeout": ("UV_HTTP_TIMEOUT", ""),
}
SECTIONS = ("global", "install", ":env:")  # the later wins
ANSWER_S = 30.0


def pip_settings(python: str) -> dict[str, str]:
    """What pip of the interpreter `python` is set to; empty where it has no pip."""
    command = [python, "-m", "pip", "config", "list"]
    try:
        answer = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return parse(answer.stdout.decode("utf-8", "replace")) if answer.returncode == 0 else {}


def parse(listing: str) -> dict[str, str]:
    """The lines `section.option='value'` of `pip config list`, as option -> value."""
    found: dict[str, dict[str, str]] = {section: {} for section in SECTIONS}
    for line in listing.splitlines():
        name, equals, literal = line.partition("=")
        section, _, option = name.strip().partition(".")
        if not equals or section not in found:
            continue
        try:
            found[section][option] = str(ast.literal_eval(literal.strip()))
        except (SyntaxError, ValueError):
            continue
    return {option: value for section in SECTIONS for option, value in found[section].items()}


def uv_variables(settings: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Variables for uv; those that the user has set for uv stay as they are."""
    variables: dict[str, str] = {}
    for option, value in settings.items():
        variable, between = VARIABLES.get(option, ("", ""))
        if variable and value.strip():
            variables[variable] = between.join(value.split()) if between else value.strip()
    if "UV_INDEX" in variables:
        # pip takes the best version of all indexes; uv's own rule would stop at the first that has the name.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: value for name, value in variables.items() if name not in environ}
