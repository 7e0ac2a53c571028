"""Sends one message to one place."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path

from train_tools.environment import program
from train_tools.environment.network import AGENT, NoRedirects
from train_tools.errors import TrainToolsError, UsageError
from train_tools.messages import store
from train_tools.messages.channels import KINDS, Channel, Message, read_answer

ANSWER_S = 15.0
MOST_READ = 20_000  # bytes of an answer
FOR_GOOD = (400, 401, 403, 404, 405, 410, 413, 422)  # trying again changes nothing


class NotSentError(TrainToolsError):
    """Says why, without the address, which is a secret. `is_final`: it would go wrong again."""

    def __init__(self, sentence: str, *, is_final: bool) -> None:
        super().__init__(sentence)
        self.is_final = is_final


def send(root: Path, channel: Channel, message: Message) -> None:
    """Raises NotSentError."""
    host = store.host_of(channel)
    if _is_offline(root):
        raise NotSentError("no message is sent in offline mode; switch it off in the settings", is_final=True)
    made = KINDS[channel.kind].request(channel, message)
    request = urllib.request.Request(
        made.url,
        data=json.dumps(made.body, ensure_ascii=False).encode("utf-8"),
        headers={"Content-Type": "application/json; charset=utf-8", "User-Agent": AGENT, **made.headers},
        method="POST",
    )
    try:
        with urllib.request.build_opener(NoRedirects).open(request, timeout=ANSWER_S) as answer:
            refusal = read_answer(channel, answer.read(MOST_READ))
    except urllib.error.HTTPError as error:
        with error:
            said = read_answer(channel, error.read(MOST_READ)) or error.reason
        final = error.code in FOR_GOOD or 300 <= error.code < 400
        raise NotSentError(f"{host} refused the message ({error.code}: {said})", is_final=final) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise NotSentError(f"{host} can't be reached for a message ({reason})", is_final=False) from None
    if refusal:
        raise NotSentError(f"{host} refused the message ({refusal})", is_final=True)


def _is_offline(root: Path) -> bool:
    try:
        return program.read(root).offline
    except UsageError:  # a settings file that can't be read
        return False
