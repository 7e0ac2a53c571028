"""Takes out of a text what nobody else should read: tokens, passwords, names of people and machines."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from train_tools.environment.network import hub_token

HIDDEN = "***"
PATTERNS = (
    (re.compile(r"(?<=://)[^/\s'\"@]+@"), f"{HIDDEN}@"),  # a login in an address
    (re.compile(r"\b(?:hf_|gh[pousr]_|github_pat_|sk-|glpat-|AKIA)[A-Za-z0-9_-]{8,}"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)\b(authorization|(?:set-)?cookie)(['\"]?\s*[=:]\s*).+"), rf"\1\2{HIDDEN}"),
    # A webui's own options for logins: --gradio-auth name:password, --ngrok key.
    (re.compile(r"(?i)(--(?:[\w-]*auth(?!or)[\w-]*|ngrok)(?:\s+|=))[^\s\"']+"), rf"\1{HIDDEN}"),
    # token = "…", --wandb_api_key …, "password": "…"; keep_tokens and tokenizer are no secrets.
    (
        re.compile(
            r"(?i)((?:^|[\s\"'?&;,{(-])[\w.-]*(?:token|passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|"
            r"signature|credential)['\"]?(?:\s*[=:]\s*|\s+(?=['\"]?[A-Za-z0-9_-]{16,})))"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s&,;\"'})]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<mail>"),
    # Whoever's folder it is, also another person's, as in a log from another machine.
    (
        re.compile(r"(?i)((?:[a-z]:)?[\\/]+(?:users|home|documents and settings)[\\/]+)[^\\/\s:\"'<>|]+"),
        r"\1<user>",
    ),
)
SECRET_VARIABLE = re.compile(r"(?i)token|secret|passw|api_?key|credential|cookie")
NAME_VARIABLES = ("USER", "USERNAME", "LOGNAME")
# As a person's name they tell nothing, and as words they stand everywhere.
COMMON_NAMES = {"root", "user", "admin", "administrator", "ubuntu", "localhost", "default", "guest", "runner"}


class Redactor:
    """Knows this machine's secrets by their values, and others by their form."""

    def __init__(self, environ: Mapping[str, str], root: Path) -> None:
        values = [value for name, value in environ.items() if SECRET_VARIABLE.search(name)]
        values += [hub_token(environ), *tokens_in(root / "train_tools")]
        self._secrets = sorted({v.strip() for v in values if len(v.strip()) >= 6}, key=len, reverse=True)
        self._homes = sorted(
            {str(Path.home()), environ.get("HOME", ""), environ.get("USERPROFILE", "")}, key=len
        )[::-1]
        names = {environ.get(name, "") for name in NAME_VARIABLES} | {Path.home().name, socket.gethostname()}
        self._names = [name for name in names if len(name) >= 3 and name.lower() not in COMMON_NAMES]

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for home in self._homes:
            if len(home) > 3:
                for spelling in (home, home.replace("\\", "\\\\"), home.replace("\\", "/")):
                    text = re.sub(re.escape(spelling) + r"(?=[\\/\s\"':,]|$)", "~", text)
        for pattern, instead in PATTERNS:
            text = pattern.sub(instead, text)
        for name in self._names:
            text = re.sub(rf"(?i)(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", "<user>", text)
        return text


def tokens_in(folder: Path) -> Iterable[str]:
    """Those by which the page and the webui know each other: `token` in the JSON files beside the projects."""
    for path in folder.glob("*.json"):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and isinstance(found.get("token"), str):
            yield found["token"]
