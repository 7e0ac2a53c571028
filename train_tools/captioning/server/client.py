"""OpenAI's chat API as far as captions need it: which models there are, and a text about a picture.

https://platform.openai.com/docs/api-reference/chat; Ollama, LM Studio, llama.cpp's server and vLLM answer alike.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import random
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from train_tools.captioning.interface import CaptionerGoneError
from train_tools.captioning.server.address import is_near
from train_tools.errors import TrainToolsError

AGENT = "train-tools"
BUSY = frozenset([408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529])
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
LISTING_S = 8.0  # a server that is there lists its models at once
QUALITY = 90  # of the JPEG that is sent
LONGEST_SAID = 300  # characters of a server's own words
# Names of one limit: newer models of OpenAI know the second alone, other servers the first.
LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass
class Client:
    """`base` is the address up to `/v1`; whoever sets `stopped` ends the waiting between tries."""

    base: str
    key: str = field(default="", repr=False)
    timeout_s: float = 120.0
    retries: int = 4
    stopped: threading.Event = field(default_factory=threading.Event)
    first_wait_s: float = FIRST_WAIT_S
    _limit: str = LIMITS[0]
    _temperature: bool = True

    def models(self) -> list[str]:
        """By name. Raises TrainToolsError where the server isn't there or doesn't say."""
        found = self._once("models", None, LISTING_S)
        try:
            return sorted({str(one["id"]) for one in found["data"]}, key=str.casefold)
        except (KeyError, TypeError) as error:
            raise TrainToolsError(
                f"{self.base} doesn't list its models; check the address, or type the model's name"
            ) from error

    def describe(self, model: str, prompt: str, image: Image.Image, side: int, max_tokens: int) -> str:
        """What the model says. Raises CaptionerGoneError where no further picture could be described either."""
        address = data_url(image, side)
        while True:
            body = self._body(model, prompt, address, max_tokens)
            try:
                return _text_of(self._again_and_again("chat/completions", body))
            except BadRequestError as error:
                if not self._learn(error.said):
                    raise error.told(model) from error

    def _body(self, model: str, prompt: str, address: str, max_tokens: int) -> dict[str, Any]:
        parts = [{"type": "text", "text": prompt}, {"type": "image_url", "image_url": {"url": address}}]
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": parts}],
            "stream": False,
        }
        body[self._limit] = max_tokens
        if self._temperature:
            body["temperature"] = 0.2
        return body

    def _learn(self, said: str) -> bool:
        """Whether another request may do: some models don't know one of our parameters."""
        text = said.lower()
        if self._limit == LIMITS[0] and LIMITS[1] in text:
            self._limit = LIMITS[1]
        elif self._temperature and "temperature" in text:
            self._temperature = False
        else:
            return False
        return True

    def _again_and_again(self, path: str, body: dict[str, Any]) -> Any:
        """Waits twice as long after each failure that may pass, or as long as the server says."""
        tries = 0
        while True:
            try:
                return self._once(path, body, self.timeout_s)
            except PassingError as error:
                if tries == self.retries:
                    raise error.final() from error
                usual = self.first_wait_s * 2**tries * random.uniform(0.75, 1.25)
                if self.stopped.wait(min(error.wait_s or usual, LONGEST_WAIT_S)):
                    raise
                tries += 1

    def _once(self, path: str, body: dict[str, Any] | None, timeout_s: float) -> Any:
        address = f"{self.base}/{path}"
        headers = {"User-Agent": AGENT, "Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, headers)
        try:
            with self._opener().open(request, timeout=timeout_s) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            raise self._refusal(error) from error
        except (TimeoutError, urllib.error.URLError, http.client.HTTPException, ConnectionError) as error:
            raise self._silence(error) from error
        except ValueError as error:
            raise CaptionerGoneError(
                f"{self.base} doesn't answer as such servers do; check the address"
            ) from error

    def _opener(self) -> urllib.request.OpenerDirector:
        near = is_near(urlsplit(self.base).hostname or "")
        # No proxy leads to this machine, and a redirect would carry the key elsewhere.
        handlers: list[urllib.request.BaseHandler] = [_NoRedirects()]
        if near:
            handlers.append(urllib.request.ProxyHandler({}))
        return urllib.request.build_opener(*handlers)

    def _silence(self, error: Exception) -> TrainToolsError:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError) or "timed out" in str(reason):
            return PassingError(
                f"{self.base} gave no answer within {self.timeout_s:.0f} s; raise the time, or take a smaller model",
                False,
            )
        why = _short(getattr(reason, "strerror", None) or reason)
        return PassingError(
            f"nothing answers at {self.base} ({why}); start the server there, or correct the address", True
        )

    def _refusal(self, error: urllib.error.HTTPError) -> TrainToolsError:
        said = _said(error)
        if error.code in (401, 403):
            return CaptionerGoneError(
                f"{self.base} refuses the key ({_short(said)}); enter one that is allowed there"
            )
        if error.code == 404:
            return CaptionerGoneError(
                f"{self.base} doesn't know this model or address ({_short(said)}); choose one that it lists"
            )
        if "insufficient_quota" in said or error.code == 402:
            return CaptionerGoneError(
                f"the account at {self.base} has nothing left to spend ({_short(said)})"
            )
        if error.code in BUSY and not (error.code == 500 and _is_blind(said)):
            return PassingError(
                f"{self.base} is too busy or failed ({error.code} {_short(said)}); try again later, or fewer at once",
                False,
                _retry_after(error),
            )
        return BadRequestError(said, error.code)


class PassingError(TrainToolsError):
    """It may do when tried again. `for_all`: where it stays so, no picture is described any more."""

    def __init__(self, sentence: str, for_all: bool, wait_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.for_all, self.wait_s = for_all, wait_s

    def final(self) -> TrainToolsError:
        return CaptionerGoneError(str(self)) if self.for_all else TrainToolsError(str(self))


class BadRequestError(TrainToolsError):
    """The server doesn't take what was sent."""

    def __init__(self, said: str, code: int) -> None:
        super().__init__(said)
        self.said, self.code = said, code

    def told(self, model: str) -> TrainToolsError:
        if _is_blind(self.said):
            return CaptionerGoneError(
                f"{model} doesn't look at pictures ({_short(self.said)}); choose a model with vision"
            )
        return TrainToolsError(f"the server refused the picture ({self.code} {_short(self.said)})")


def _is_blind(said: str) -> bool:
    """Whether a server says that the model takes no pictures."""
    text = said.lower()
    about = any(word in text for word in ("image", "vision", "multimodal", "multi-modal", "mmproj"))
    return about and any(
        word in text for word in ("support", "missing", "only text", "text-only", "does not accept")
    )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def data_url(image: Image.Image, side: int) -> str:
    """As JPEG, of at most `side` pixels."""
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _text_of(answer: Any) -> str:
    try:
        choice = answer["choices"][0]
        content = choice["message"].get("content") or ""
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise TrainToolsError(f"the server's answer holds no text ({_short(_said_in(answer))})") from error
    if isinstance(content, list):  # in parts, as some servers answer
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if not str(content).strip():
        if choice.get("finish_reason") == "length":
            raise TrainToolsError(
                "the model had no tokens left for an answer; raise the longest answer, or take one that thinks less"
            )
        raise TrainToolsError("the model answered nothing")
    return str(content)


def _said(error: urllib.error.HTTPError) -> str:
    try:
        data = error.read(1 << 16)
    except (OSError, http.client.HTTPException):
        data = b""
    try:
        return _said_in(json.loads(data)) or error.reason
    except ValueError:
        return data.decode("utf-8", "replace").strip() or str(error.reason)


def _said_in(answer: Any) -> str:
    """`{"error": {"message": …}}`, `{"error": …}`, `{"message": …}` or `{"detail": …}`."""
    if not isinstance(answer, dict):
        return str(answer)
    found = answer.get("error", answer)
    if isinstance(found, dict):
        said = found.get("message") or found.get("detail") or found
        code = found.get("code") or found.get("type")
        return f"{said} [{code}]" if isinstance(code, str) and code not in str(said) else str(said)
    return str(found)


def _short(said: Any) -> str:
    text = " ".join(str(said).split())
    return text if len(text) <= LONGEST_SAID else f"{text[:LONGEST_SAID]} …"


def _retry_after(error: urllib.error.HTTPError) -> float:
    try:
        return max(0.0, float(error.headers.get("Retry-After", "")))
    except ValueError:  # missing, or a date
        return 0.0
