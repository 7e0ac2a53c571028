"""Where a message can go: a row for each service, with what it wants to know and how its requests and answers look."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlsplit, urlunsplit

from train_tools.errors import UsageError

TELEGRAM = "https://api.telegram.org"
NAME = "Train Tools"
SHORT = 1900  # characters that every service takes


@dataclasses.dataclass(frozen=True)
class Channel:
    """One that a person has set up. `address`, `secret` and `target` are what its kind wants; `ended` and `failed` say
    when it is told.
    """

    id: str
    kind: str
    address: str = ""
    secret: str = ""
    target: str = ""
    language: str = "en"
    ended: bool = True
    failed: bool = True


@dataclasses.dataclass(frozen=True)
class Message:
    """`facts` are for programs."""

    title: str
    text: str
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def whole(self) -> str:
        """Begins with the program's name, which may be the keyword that a group's robot asks for."""
        return f"{NAME} · {self.title}\n{self.text}"[:SHORT]


@dataclasses.dataclass(frozen=True)
class Request:
    url: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Kind:
    """`wants`: the fields that it needs, `may`: those that it knows besides. `refusal` reads in a whole answer why the
    message wasn't taken; "" where it was.
    """

    wants: tuple[str, ...]
    may: tuple[str, ...]
    request: Callable[[Channel, Message], Request]
    refusal: Callable[[Any], str] = lambda _answer: ""


def _discord(channel: Channel, message: Message) -> Request:
    return Request(channel.address, {"content": message.whole, "allowed_mentions": {"parse": []}})


def _feishu(channel: Channel, message: Message) -> Request:
    body: dict[str, Any] = {"msg_type": "text", "content": {"text": message.whole}}
    if channel.secret:
        stamp = str(int(time.time()))
        # The text is the key here, and nothing is what is signed.
        body |= {"timestamp": stamp, "sign": _signed(f"{stamp}\n{channel.secret}", "")}
    return Request(channel.address, body)


def _dingtalk(channel: Channel, message: Message) -> Request:
    url = channel.address
    if channel.secret:
        stamp = str(int(time.time() * 1000))
        sign = quote_plus(_signed(channel.secret, f"{stamp}\n{channel.secret}"))
        url += f"{'&' if '?' in url else '?'}timestamp={stamp}&sign={sign}"
    return Request(url, {"msgtype": "text", "text": {"content": message.whole}})


def _signed(key: str, text: str) -> str:
    made = hmac.new(key.encode("utf-8"), text.encode("utf-8"), hashlib.sha256).digest()
    return base64.b64encode(made).decode("ascii")


def _telegram(channel: Channel, message: Message) -> Request:
    base = (channel.address or TELEGRAM).rstrip("/")
    return Request(
        f"{base}/bot{channel.secret}/sendMessage", {"chat_id": channel.target, "text": message.whole}
    )


def _ntfy(channel: Channel, message: Message) -> Request:
    """As JSON to the server, as a header can't hold every title; the topic is the address' last part."""
    parts = urlsplit(channel.address)
    before, _, topic = parts.path.rstrip("/").rpartition("/")
    url = urlunsplit(parts._replace(path=before or "/", query=""))
    login = {"Authorization": f"Bearer {channel.secret}"} if channel.secret else {}
    return Request(url, {"topic": topic, "title": message.title, "message": message.text[:SHORT]}, login)


def _plain(channel: Channel, message: Message) -> Request:
    login = {"Authorization": f"Bearer {channel.secret}"} if channel.secret else {}
    return Request(channel.address, {"title": message.title, "text": message.text, **message.facts}, login)


def _by_code(code: str, said: str, fine: Any = 0) -> Callable[[Any], str]:
    """These answer 200 in any case; a code within says whether they took it."""

    def refusal(answer: Any) -> str:
        if not isinstance(answer, Mapping) or answer.get(code, fine) == fine:
            return ""
        return str(answer.get(said) or answer.get(code))

    return refusal


KINDS: Mapping[str, Kind] = {
    "discord": Kind(("address",), (), _discord),
    "feishu": Kind(("address",), ("secret",), _feishu, _by_code("code", "msg")),
    "dingtalk": Kind(("address",), ("secret",), _dingtalk, _by_code("errcode", "errmsg")),
    "telegram": Kind(("secret", "target"), ("address",), _telegram, _by_code("ok", "description", True)),
    "ntfy": Kind(("address",), ("secret",), _ntfy),
    "json": Kind(("address",), ("secret",), _plain),
}


def check(channel: Channel) -> None:
    """Raises UsageError with what is missing or can't be."""
    kind = KINDS.get(channel.kind)
    if kind is None:
        raise UsageError(f"{channel.kind!r} is no service that messages go to; there are: {', '.join(KINDS)}")
    for name in kind.wants:
        if not getattr(channel, name):
            raise UsageError(f"a message to {channel.kind} needs its {name}; paste it from there")
    if channel.address:
        _check_address(channel)


def _check_address(channel: Channel) -> None:
    try:
        parts = urlsplit(channel.address)
        is_one = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or any(letter.isspace() for letter in channel.address):
        raise UsageError("the address of a message must begin with https:// or http://; copy it whole")
    if channel.kind == "ntfy" and not parts.path.strip("/"):
        raise UsageError("the address of an ntfy message ends with its topic, as https://ntfy.sh/my-topic")


def read_answer(channel: Channel, data: bytes) -> str:
    """Why the message wasn't taken; "" where it was, or the answer says nothing."""
    try:
        answer = json.loads(data or b"null")
    except ValueError:
        return ""
    return KINDS[channel.kind].refusal(answer)
