"""How the program reaches other machines: mirrors, tokens, offline mode. urllib takes the proxy from the variables."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from train_tools.environment.mirror_choice import GITHUB, HUGGING_FACE, known_choices
from train_tools.environment.process import github_prefix, mirror
from train_tools.environment.program import AUTO, read
from train_tools.errors import UsageError

TIMEOUT_S = 30.0
AGENT = "train-tools"
CIVITAI = "civitai.com"


@dataclass(frozen=True)
class Network:
    """`hugging_face` is the hub's address or its mirror's, `github` what stands before GitHub's paths.

    `tokens`: host -> what a person has logged in with there; it is sent to that host alone.
    """

    hugging_face: str = HUGGING_FACE
    github: str = GITHUB
    offline: bool = False
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)

    def address(self, url: str) -> str:
        """Where `url` is fetched from."""
        if url.startswith(GITHUB):
            return self.github + url.removeprefix(GITHUB)
        if url.startswith(f"{HUGGING_FACE}/"):
            return self.hugging_face + url.removeprefix(HUGGING_FACE)
        return url

    def open(
        self, url: str, headers: Mapping[str, str] | None = None, method: str = "GET", *, follow: bool = True
    ) -> Any:
        """The response; raises what urllib raises, also for a redirect where it isn't followed.

        UsageError in offline mode.
        """
        if self.offline:
            raise UsageError(
                f"{url} isn't fetched in offline mode; switch it off with `env settings --set offline=false`"
            )
        address = self.address(url)
        request = urllib.request.Request(
            address, method=method, headers={"User-Agent": AGENT, **(headers or {})}
        )
        if token := self.tokens.get(urlsplit(address).hostname or ""):
            # Not sent on to where the answer leads.
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        handler = Redirects(self.tokens) if follow else NoRedirects()
        return urllib.request.build_opener(handler).open(request, timeout=TIMEOUT_S)


class Redirects(urllib.request.HTTPRedirectHandler):
    """A redirect within a host that we are logged in to keeps the login; another host never sees it."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._tokens = tokens

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        following = super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
        if following is None:
            return None
        following.method = req.get_method()
        then, now = urlsplit(req.full_url), urlsplit(newurl)
        token = self._tokens.get(now.hostname or "")
        if token and (then.scheme, then.hostname, then.port) == (now.scheme, now.hostname, now.port):
            following.add_unredirected_header("Authorization", f"Bearer {token}")
        return following


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def network_of(root: Path, environ: Mapping[str, str] = os.environ) -> Network:
    """As the program's settings and the usual variables say."""
    settings = read(root)
    known = known_choices(root)
    chosen = mirror("hugging_face", settings, known) or HUGGING_FACE
    own = environ.get("HF_ENDPOINT", "")
    hub = (own if own and settings.hugging_face == AUTO else chosen).rstrip("/")
    tokens = {CIVITAI: environ.get("CIVITAI_API_TOKEN", "")}
    # A mirror that the program took by itself isn't told who is asking.
    if settings.hugging_face != AUTO or hub in (HUGGING_FACE, own.rstrip("/")):
        tokens[urlsplit(hub).hostname or ""] = hub_token(environ)
    github = mirror("github", settings, known)
    return Network(
        hub,
        github_prefix(github) if github else GITHUB,
        settings.offline or environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"),
        {host: token for host, token in tokens.items() if token},
    )


def hub_token(environ: Mapping[str, str]) -> str:
    """Of the variables of Hugging Face's own tools, or of the file that their login leaves."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if environ.get(name):
            return environ[name]
    home = Path(environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    try:
        return Path(environ.get("HF_TOKEN_PATH") or home / "token").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""
