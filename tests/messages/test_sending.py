"""Messages as each service wants them, checked at a server that stands in their place."""

from __future__ import annotations

import base64
import hashlib
import hmac
import stat
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from messages.conftest import Service, add

from train_tools.environment import program
from train_tools.errors import UsageError
from train_tools.messages import store
from train_tools.messages.channels import Message
from train_tools.messages.sending import NotSentError, send

MESSAGE = Message("训练已结束：cat / v1", "3 finished", {"event": "ended", "finished": 3})


def signed(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def test_each_service_gets_what_its_documentation_asks_for(tmp_path: Path, service: Service) -> None:
    def sent(**fields: Any) -> tuple[str, dict[str, str], Any]:
        send(tmp_path, add(tmp_path, **fields), MESSAGE)
        return service.got[-1]

    whole = f"Train Tools · {MESSAGE.title}\n{MESSAGE.text}"
    path, headers, body = sent(kind="discord", address=f"{service.url}/api/webhooks/1/abc")
    assert (path, body["content"], body["allowed_mentions"]) == ("/api/webhooks/1/abc", whole, {"parse": []})
    assert headers["Content-Type"].startswith("application/json")
    _, _, body = sent(kind="feishu", address=f"{service.url}/open-apis/bot/v2/hook/x", secret="s3cret")
    assert (body["msg_type"], body["content"]) == ("text", {"text": whole})
    assert body["sign"] == signed(f"{body['timestamp']}\ns3cret", "")
    _, _, body = sent(kind="feishu", address=f"{service.url}/open-apis/bot/v2/hook/x")
    assert "sign" not in body
    path, _, body = sent(kind="dingtalk", address=f"{service.url}/robot/send?access_token=t", secret="SECkey")
    query = parse_qs(urlsplit(path).query)
    assert query["access_token"] == ["t"]
    assert query["sign"] == [signed("SECkey", f"{query['timestamp'][0]}\nSECkey")]
    assert body == {"msgtype": "text", "text": {"content": whole}}
    service.usual = {"ok": True}
    path, _, body = sent(kind="telegram", address=service.url, secret="1:token", target="-100")
    assert (path, body) == ("/bot1:token/sendMessage", {"chat_id": "-100", "text": whole})
    path, headers, body = sent(kind="ntfy", address=f"{service.url}/my-topic", secret="tk_1")
    assert (path, body["topic"], body["title"], body["message"]) == (
        "/",
        "my-topic",
        MESSAGE.title,
        MESSAGE.text,
    )
    assert headers["Authorization"] == "Bearer tk_1"
    path, _, body = sent(kind="json", address=f"{service.url}/hook")
    assert (path, body) == (
        "/hook",
        {"title": MESSAGE.title, "text": MESSAGE.text, "event": "ended", "finished": 3},
    )


@pytest.mark.parametrize(
    ("kind", "answer", "is_final"),
    [
        ("discord", (404, {"message": "Unknown Webhook"}), True),
        ("discord", (429, {}), False),
        ("ntfy", (502, None), False),
        ("feishu", (200, {"code": 19021, "msg": "sign match fail"}), True),
        ("dingtalk", (200, {"errcode": 310000, "errmsg": "keywords not in content"}), True),
        ("telegram", (400, {"ok": False, "description": "Bad Request: chat not found"}), True),
        ("json", (301, None), True),
    ],
)
def test_a_refusal_is_a_sentence_without_secrets(
    tmp_path: Path, service: Service, kind: str, answer: tuple[int, Any], is_final: bool
) -> None:
    channel = add(tmp_path, kind=kind, address=f"{service.url}/secret-hook", secret="s3cret", target="1")
    service.answers = [answer]
    with pytest.raises(NotSentError) as caught:
        send(tmp_path, channel, MESSAGE)
    assert caught.value.is_final is is_final
    sentence = str(caught.value)
    assert "127.0.0.1 refused the message" in sentence
    assert "secret-hook" not in sentence
    assert "s3cret" not in sentence
    said = next(iter((answer[1] or {"": ""}).values()))
    assert isinstance(said, (int, bool)) or kind == "discord" or str(said) in sentence


def test_what_cannot_be_reached_is_tried_again(tmp_path: Path, service: Service) -> None:
    channel = add(tmp_path, kind="json", address=f"{service.url}/x")
    service.close()
    with pytest.raises(NotSentError, match="can't be reached") as caught:
        send(tmp_path, channel, MESSAGE)
    assert not caught.value.is_final


def test_offline_mode_sends_nothing(tmp_path: Path, service: Service) -> None:
    channel = add(tmp_path, kind="json", address=f"{service.url}/x")
    program.change(tmp_path, {"offline": "true"})
    with pytest.raises(NotSentError, match="offline mode"):
        send(tmp_path, channel, MESSAGE)
    assert service.got == []


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "pigeon"}, {"kind": "discord"}, {"kind": "discord", "address": "discord.com/x"},
        {"kind": "json", "address": "file:///etc/passwd"}, {"kind": "json", "address": "http://[::1"},
        {"kind": "json", "address": "https://a b.c/"}, {"kind": "telegram", "secret": "1:t"},
        {"kind": "ntfy", "address": "https://ntfy.sh/"}, {"kind": "json", "address": "https://x/", "id": "gone"},
    ],
)  # fmt: skip
def test_what_cannot_be_set_up_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        add(tmp_path, **fields)
    assert store.read(tmp_path) == []


def test_secrets_lie_where_only_their_owner_looks(tmp_path: Path, own_folder: Path) -> None:
    channel = add(tmp_path, kind="telegram", secret="1:token", target="77")
    (file,) = own_folder.iterdir()
    assert "1:token" in file.read_text()
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(
        "1:token" in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()
    )
    shown = str(store.shown(channel))
    assert "1:token" not in shown
    assert store.save(tmp_path, {"id": channel.id, "failed": False}).secret == "1:token"  # empty: as it was
    store.remove(tmp_path, channel.id)
    assert store.read(tmp_path) == []
