"""Our own processes' side of the bridge: a host that runs in another process, as if it were here.

`find(root)` gives it, or None where no host has opened its bridge for this root or the one that did has ended.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator, Mapping
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
    ModelRefusedError,
)  # fmt: skip

if TYPE_CHECKING:
    from PIL import Image

HELLO_S = 3.0
ASK_S = 30.0
RENDER_S = 1800.0  # a large picture on a slow machine, behind others that wait
MEMORY_S = 300.0  # until the host has finished what it is making; then the training starts beside it


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


@contextmanager
def memory_of_host(root: Path, warn: Callable[[str], None]) -> Iterator[None]:
    """For a training: without the host's model on the GPU, where a host runs for `root` and can do that.

    No trouble with the host is a reason not to train; `warn` is told of it in a sentence.
    """
    with contextlib.ExitStack() as stack:
        try:
            client = find(root)
            if client is not None and client.capabilities().get("memory") is None:
                stack.enter_context(client.memory_lent())
        except HostError as error:
            warn(f"the webui keeps its model while this trains: {error}")
        yield


class BridgeClient:
    """A Host. Raises HostError where the host refuses, fails or is gone."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._hello = self._json("GET", "/hello", seconds=HELLO_S)

    @property
    def name(self) -> str:
        return str(self._hello["name"])

    @property
    def version(self) -> str:
        return str(self._hello["version"])

    def capabilities(self) -> Mapping[str, str | None]:
        return dict(self._hello["capabilities"])

    def folders(self) -> Folders:
        found = self._hello["folders"]
        lora, models = (Path(found[name]) if found[name] else None for name in ("lora", "models"))
        return Folders(Path(found["data"]), lora, models)

    def is_exposed(self) -> bool:
        return bool(self._hello["is_exposed"])

    def base_models(self) -> list[BaseModel]:
        return [
            BaseModel(**{**model, "file": Path(model["file"])}) for model in self._json("GET", "/base_models")
        ]

    def samplers(self) -> list[str]:
        return list(self._json("GET", "/samplers"))

    def schedulers(self) -> list[str]:
        return list(self._json("GET", "/schedulers"))

    def captioners(self) -> Mapping[str, HostCaptioner]:
        return {kind: RemoteCaptioner(self, kind) for kind in self._json("GET", "/captioners")}

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
    def memory_lent(self, mode: str = "") -> Iterator[None]:  # noqa: ARG002
        """What `mode` would say is the host's own setting."""
        with self._held("/hold/memory", MEMORY_S):
            yield

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
            with contextlib.closing(self._connection(seconds)) as connection:
                return self._answer(connection, method, path, body).read()
        except (OSError, http.client.HTTPException) as error:
            raise self._gone(error) from error

    @contextmanager
    def _held(self, path: str, seconds: float) -> Iterator[None]:
        """For as long as the connection is open; `seconds` is how long the host may take to grant it."""
        with contextlib.closing(self._connection(seconds)) as connection:
            try:
                response = self._answer(connection, "POST", path, b"")
                is_granted = response.readline() == GRANTED
            except (OSError, http.client.HTTPException) as error:
                raise self._gone(error) from error
            with response:  # it holds the connection open as well
                if not is_granted:
                    raise HostError(f"{self._address.name} ended meanwhile")
                yield

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._address.port, timeout=seconds)

    def _answer(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes
    ) -> http.client.HTTPResponse:
        connection.request(method, path, body, {TOKEN_HEADER: self._address.token})
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

    def _gone(self, error: Exception) -> HostGoneError:
        return HostGoneError(f"{self._address.name} doesn't answer ({error}); is the webui still running?")


class RemoteCaptioner:
    """A HostCaptioner in the host's process."""

    def __init__(self, client: BridgeClient, kind: str) -> None:
        self._client = client
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
