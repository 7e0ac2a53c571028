"""Our own processes' side of the bridge: a host that runs in another process, as if it were here.

`find(root)` gives it, or None where no host has opened its bridge for this root or the one that did has ended.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import select
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from train_tools.hosts import bridge_file
from train_tools.hosts.bridge_file import GRANTED, TOKEN_HEADER, Address
from train_tools.hosts.interface import (
    BaseModel,
    Folders,
    HostCaptioner,
    HostError,
    HostGoneError,
    HostProgress,
    Lent,
    MemorySeen,
    ModelRefusedError,
    Remembered,
)

if TYPE_CHECKING:
    from PIL import Image

HELLO_S = 3.0
ASK_S = 30.0
RENDER_S = 1800.0  # a large picture on a slow machine, behind others that wait
MEMORY_S = 300.0  # until the host has finished what it is making
TELL_S = 5.0


def find(root: Path) -> BridgeClient | None:
    address = bridge_file.read(root)
    if address is None:
        return None
    try:
        return BridgeClient(address)
    except HostError:
        return None  # a file that a host which was killed left behind


def renderer_of(root: Path) -> BridgeClient | None:
    """The host that makes pictures for `root`; None where there is none, or it can't."""
    client = find(root)
    return client if client is not None and client.capabilities().get("render") is None else None


class BridgeClient:
    """A Host. Raises HostError where the host refuses, fails or is gone."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._hello = self.hello()

    def hello(self) -> dict[str, Any]:
        """What the host says of itself now."""
        return dict(self._json("GET", "/hello", seconds=HELLO_S))

    @property
    def name(self) -> str:
        return str(self._hello["name"])

    @property
    def version(self) -> str:
        return str(self._hello["version"])

    def capabilities(self) -> Mapping[str, str | None]:
        return dict(self._hello["capabilities"])

    def folders(self) -> Folders:
        found = dict(self._hello["folders"])
        more = tuple(Path(folder) for folder in found.pop("more_loras"))
        return Folders(**{name: Path(folder) for name, folder in found.items()}, more_loras=more)

    def is_exposed(self) -> bool:
        return bool(self._hello["is_exposed"])

    def base_models(self) -> list[BaseModel]:
        return [
            BaseModel(**{**model, "file": Path(model["file"])}) for model in self._json("GET", "/base_models")
        ]

    def model_files(self) -> list[Path]:
        return [Path(file) for file in self._json("GET", "/model_files")]

    def samplers(self) -> list[str]:
        return list(self._json("GET", "/samplers"))

    def schedulers(self) -> list[str]:
        return list(self._json("GET", "/schedulers"))

    def captioners(self) -> Mapping[str, HostCaptioner]:
        found: Mapping[str, str] = self._json("GET", "/captioners")
        return {kind: RemoteCaptioner(self, kind, download) for kind, download in found.items()}

    def caption(self, kind: str, png: bytes) -> str:
        """Of an image file's bytes. Loads and frees the model each time unless `captioner_held` is entered."""
        query = urlencode({"kind": kind})
        return str(self._json("POST", f"/caption?{query}", png, RENDER_S)["caption"])

    @contextmanager
    def captioner_held(self, kind: str) -> Iterator[None]:
        with self._held(f"/hold/captioner?{urlencode({'kind': kind})}", RENDER_S):
            yield

    def render(self, request: Mapping[str, Any]) -> bytes:
        return self._ask("POST", "/render", json.dumps(request).encode(), RENDER_S)

    def picture_settings(self) -> Mapping[str, Any]:
        return dict(self._json("GET", "/picture_settings"))

    @contextmanager
    def memory_lent(self, mode: str = "") -> Iterator[Lent]:  # noqa: ARG002
        """What `mode` would say is the host's own setting."""
        with self._held("/hold/memory", MEMORY_S) as said:
            yield Remembered(seen_of(said))

    def memory_hold(self) -> Hold:
        """Asks for the memory without waiting for it."""
        return Hold(self, "/hold/memory", MEMORY_S)

    def tell(self, training: Mapping[str, Any]) -> bool:
        """See hosts.trainings.Told; returns whether the training is to be paused."""
        return bool(self._json("POST", "/training", json.dumps(training).encode(), TELL_S)["pause"])

    def tell_end(self, training: str) -> None:
        self._json("POST", f"/training/ended?{urlencode({'id': training})}", seconds=TELL_S)

    def progress(self) -> HostProgress:
        return HostProgress(**self._json("GET", "/progress"))

    def interrupt(self) -> None:
        self._json("POST", "/interrupt")

    def rescan_loras(self) -> None:
        self._json("POST", "/rescan_loras")

    def _json(self, method: str, path: str, body: bytes = b"", seconds: float = ASK_S) -> Any:
        try:
            return json.loads(self._ask(method, path, body, seconds))
        except ValueError as error:
            raise HostError(f"{self._address.name} answered something strange") from error

    def _ask(self, method: str, path: str, body: bytes, seconds: float) -> bytes:
        try:
            with contextlib.closing(self.connection(seconds)) as connection:
                self.ask(connection, method, path, body)
                return self.answer(connection).read()
        except (OSError, http.client.HTTPException) as error:
            raise self.gone(error) from error

    @contextmanager
    def _held(self, path: str, seconds: float) -> Iterator[dict[str, Any]]:
        """For as long as the connection is open; `seconds` is how long the host may take to grant it."""
        with contextlib.closing(Hold(self, path, seconds)) as hold:
            yield hold.wait()

    def connection(self, seconds: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._address.port, timeout=seconds)

    def ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b"") -> None:
        connection.request(method, path, body, {TOKEN_HEADER: self._address.token})

    def answer(self, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        response = connection.getresponse()
        if response.status == 403:  # another host took the port over
            raise HostGoneError(f"{self._address.name} was restarted")
        if response.status != 200:
            data = response.read()
            try:
                told = json.loads(data)
                sentence, is_model = str(told["error"]), told.get("kind") == "model"
            except (ValueError, KeyError, TypeError):
                sentence, is_model = f"{self._address.name} answered {response.status}", False
            raise ModelRefusedError(sentence) if is_model else HostError(sentence)
        return response

    def gone(self, error: Exception) -> HostGoneError:
        return HostGoneError(f"{self._address.name} doesn't answer ({error}); is the webui still running?")

    def ended(self) -> HostError:
        return HostError(f"{self._address.name} ended meanwhile")


class Hold:
    """Something of the host's that is ours from its granting until this is closed or the host ends."""

    def __init__(self, client: BridgeClient, path: str, seconds: float) -> None:
        self._client = client
        self._connection = client.connection(seconds)
        self._response: http.client.HTTPResponse | None = None
        try:
            client.ask(self._connection, "POST", path)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise client.gone(error) from error
        self._socket = self._connection.sock

    def is_answered(self) -> bool:
        """Whether `wait` would return at once; after the granting, whether the host has ended it."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def wait(self) -> dict[str, Any]:
        """What the host says in granting it. Raises HostError where it doesn't."""
        try:
            self._response = self._client.answer(self._connection)
            line = self._response.readline()
            if not line.startswith(GRANTED):
                raise self._client.ended()
            return dict(json.loads(line[len(GRANTED) :]))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._client.gone(error) from error

    def close(self) -> None:
        if self._response is not None:
            self._response.close()
        self._connection.close()


def seen_of(said: Mapping[str, Any]) -> MemorySeen:
    return MemorySeen(said.get("models"), said.get("allocated"))


class RemoteCaptioner:
    """A HostCaptioner in the host's process."""

    def __init__(self, client: BridgeClient, kind: str, download: str) -> None:
        self._client = client
        self.download = download
        self._kind = kind
        self._stack = contextlib.ExitStack()

    def start(self) -> None:
        self._stack.enter_context(self._client.captioner_held(self._kind))

    def caption(self, image: Image.Image) -> str:
        file = BytesIO()
        image.save(file, "PNG", compress_level=1)
        return self._client.caption(self._kind, file.getvalue())

    def stop(self) -> None:
        self._stack.close()
