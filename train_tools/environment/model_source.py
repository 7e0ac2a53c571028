"""What a person asks for as a model: an address, or a Hugging Face hub id with or without a file."""

from __future__ import annotations

import http.client
import re
import urllib.error
from dataclasses import dataclass
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from train_tools.environment.hub import look_up
from train_tools.environment.mirror_choice import HUGGING_FACE
from train_tools.environment.network import Network
from train_tools.errors import UsageError

HUB_ID = re.compile(r"(?P<id>[A-Za-z0-9][\w.-]*/[\w.-]+)(?:@(?P<revision>[\w./-]+))?(?::(?P<file>.+))?")
ON_HUB = re.compile(r"/(?P<id>[^/]+/[^/]+)/(?:blob|resolve)/(?P<revision>[^/]+)/(?P<file>.+)")
WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".onnx", ".gguf")
SHA256 = re.compile(r"[0-9a-fA-F]{64}")
UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True)
class Source:
    """`sha256` is empty where nobody tells it."""

    url: str
    name: str
    sha256: str = ""


def find(asked: str, network: Network) -> Source:
    """Asks the network for what `asked` leaves open: the file, its name, its hash.

    Raises UsageError for what can't be meant, TrainToolsError where the network fails.
    """
    if asked.startswith(("http://", "https://")):
        parts = urlsplit(asked)
        on_hub = ON_HUB.fullmatch(parts.path) if f"https://{parts.hostname}" == HUGGING_FACE else None
        if on_hub:
            return _on_hub(on_hub["id"], unquote(on_hub["revision"]), unquote(on_hub["file"]), network)
        return Source(asked, _name_of(asked, network))
    match = HUB_ID.fullmatch(asked)
    if not match:
        raise UsageError(
            f"{asked!r} is neither an address nor a hub id; give https://…, owner/name or owner/name:file"
        )
    revision = match["revision"] or "main"
    return _on_hub(
        match["id"], revision, match["file"] or _only_file(match["id"], revision, network), network
    )


def _on_hub(hub_id: str, revision: str, file: str, network: Network) -> Source:
    """The hub tells the SHA-256 of large files, by a header of its own, before it leads to where they lie."""
    url = f"{HUGGING_FACE}/{hub_id}/resolve/{quote(revision, safe='')}/{quote(file)}"
    tag = str(_head(url, network).get("X-Linked-Etag", "")).strip('"')
    return Source(url, safe_name(PurePosixPath(file).name), tag.lower() if SHA256.fullmatch(tag) else "")


def _head(url: str, network: Network) -> Message:
    try:
        with network.open(url, method="HEAD", follow=False) as response:
            return response.headers  # type: ignore[no-any-return]
    except urllib.error.HTTPError as error:
        if error.code in (301, 302, 303, 307, 308):
            return error.headers
        return Message()  # the download itself says what is wrong
    except (OSError, http.client.HTTPException):
        return Message()


def _only_file(hub_id: str, revision: str, network: Network) -> str:
    names = look_up(hub_id, revision, network).names
    weights = [name for name in names if name.endswith(WEIGHTS)]
    whole = [name for name in weights if "/" not in name]
    for found in ([name for name in whole if name.endswith(".safetensors")], whole, weights):
        if len(found) == 1:
            return found[0]
    told = ", ".join(weights[:12]) + (" …" if len(weights) > 12 else "")
    raise UsageError(f"say which file of {hub_id}, as {hub_id}:FILE; there are: {told or 'no weights in it'}")


def _name_of(url: str, network: Network) -> str:
    """From the address where it ends in a file of weights, else as the server calls it."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    if name.endswith((*WEIGHTS, ".zip", ".yaml", ".json")):
        return safe_name(name)
    try:
        with network.open(url, {"Range": "bytes=0-0"}) as response:
            given = response.headers.get_filename() or ""
            at_end = PurePosixPath(unquote(urlsplit(response.url).path)).name
    except (
        OSError,
        http.client.HTTPException,
    ):  # an HTTPError is an OSError; the download says what is wrong
        given, at_end = "", ""
    return safe_name(given or at_end or name)


def safe_name(name: str) -> str:
    """A file's name that every system takes and that stays in its folder; raises UsageError where nothing is left."""
    plain = UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).strip(" .")
    if not plain:
        raise UsageError("the address doesn't tell the file's name; give one with --name")
    return plain
