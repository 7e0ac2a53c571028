"""What Train Tools asks of the program that it runs in. Only this package imports a webui's `modules`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from train_tools.errors import TrainToolsError

if TYPE_CHECKING:
    from PIL import Image

# What a host may lack; `Host.capabilities` has a line for each.
CAPABILITIES = (
    "base models", "samplers", "schedulers", "render", "captioners", "memory", "progress", "publish", "rescan",
)  # fmt: skip

# What happens to the host's model while a run trains, and to pictures that are asked for meanwhile.
WAIT, PAUSE, SHARE, KEEP = "wait", "pause", "share", "keep"

LEFT_OVER = 1 << 30  # bytes of the GPU that matter to a training beside it


class HostError(TrainToolsError):
    """The host failed at what it was asked for; the text is one sentence."""


class HostGoneError(HostError):
    """The host doesn't answer any more: it was closed, restarted or killed."""


class ModelRefusedError(HostError):
    """The host hasn't got the base model, or can't load it."""


@dataclass(frozen=True)
class BaseModel:
    """`title` is what the host's own list shows. `kind` is sd1, sd2, sdxl or sd3, empty where the host doesn't know
    it without loading the model; so is `sha256` until the host has read the file. `is_chosen`: it is the one that the
    host has loaded, or will load for its next picture.
    """

    title: str
    file: Path
    kind: str = ""
    sha256: str = ""
    is_chosen: bool = False


@dataclass(frozen=True)
class Folders:
    """`data` is where the host keeps what a person makes and `outputs` its own pictures; in `lora` or one of
    `more_loras` a LoRA must lie to be found by it.
    """

    data: Path
    lora: Path | None = None
    models: Path | None = None
    outputs: Path | None = None
    more_loras: tuple[Path, ...] = ()

    @property
    def loras(self) -> tuple[Path, ...]:
        return (*([self.lora] if self.lora else []), *self.more_loras)


@dataclass(frozen=True)
class HostProgress:
    """Of the picture that the host makes just now; `job` is empty where it makes none. `waiting` are asked for."""

    job: str = ""
    job_number: int = 0
    job_count: int = 0
    step: int = 0
    steps: int = 0
    is_interrupted: bool = False
    waiting: int = 0

    @property
    def is_idle(self) -> bool:
        return not self.job and not self.waiting


@dataclass(frozen=True)
class MemorySeen:
    """What was measured after the host's model had been asked off the GPU.

    `models` is how many the host's own lists still hold there, `allocated` how many bytes of the GPU its process has
    taken; None where that can't be told.
    """

    models: int | None = None
    allocated: int | None = None

    @property
    def trouble(self) -> str:
        """What of it stands in a training's way, as a sentence's part; empty where nothing does."""
        size = f"{self.allocated / 1e9:.1f} GB" if self.allocated else ""
        if self.models:
            held = f", {size}" if size else ""
            return (
                f"it kept {self.models} of its models in the GPU's memory when it was asked to free it{held}"
            )
        if self.allocated and self.allocated > LEFT_OVER:
            return f"it still holds {size} of the GPU's memory after its models were unloaded"
        return ""


class Lent(Protocol):
    """The GPU's memory while the host lends it."""

    def look(self) -> MemorySeen:
        """Measures; what the host loaded meanwhile, as at its start, goes out first."""
        ...


@dataclass(frozen=True)
class Remembered:
    """A Lent that can't be looked at again: what was seen at its beginning."""

    seen: MemorySeen = MemorySeen()

    def look(self) -> MemorySeen:
        return self.seen


class HostCaptioner(Protocol):
    """A captioner that the host has anyway."""

    @property
    def download(self) -> str:
        """What the host downloads at `start`: name, file, size; empty where nothing is missing."""
        ...

    def start(self) -> None:
        """Loads the model, downloading it where it isn't there; may raise anything."""
        ...

    def caption(self, image: Image.Image) -> str:
        """The caption of an RGB image of any size; may raise anything."""
        ...

    def stop(self) -> None:
        """Frees the memory that `start` took."""
        ...


class Host(Protocol):
    """A host by what it can do. What `capabilities` gives a reason for is empty, or raises HostError with it."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def capabilities(self) -> Mapping[str, str | None]:
        """Each of CAPABILITIES: None where the host can do it, else the reason why not, as a sentence's part."""
        ...

    def folders(self) -> Folders: ...

    def is_exposed(self) -> bool:
        """Whether others than the person at this machine can reach the host, and it isn't said that they may do all."""
        ...

    def base_models(self) -> list[BaseModel]: ...

    def model_files(self) -> list[Path]:
        """Models that others need beside them, as VAEs and text encoders; by their names alone it can be told which."""
        ...

    def samplers(self) -> list[str]: ...

    def schedulers(self) -> list[str]: ...

    def captioners(self) -> Mapping[str, HostCaptioner]:
        """By the name of their kind: `blip`, `deepbooru`."""
        ...

    def render(self, request: Mapping[str, Any]) -> bytes:
        """One picture as PNG with the host's infotext; the request's keys stand in `hosts.webui_render`."""
        ...

    def picture_settings(self) -> Mapping[str, Any]:
        """What else decides a picture just now, where a request leaves it to the host: its name and version, the VAE
        and the text encoders that are chosen, and every option that isn't at its default. Empty where it can't tell.
        """
        ...

    def memory_lent(self, mode: str) -> AbstractContextManager[Lent]:
        """The GPU's memory without the host's model in it; entering waits until the host is idle.

        `mode` is WAIT or PAUSE (pictures that are asked for meanwhile wait until it is left), SHARE (they load the
        model again, beside the training) or KEEP (nothing is done).
        """
        ...

    def progress(self) -> HostProgress: ...

    def interrupt(self) -> None: ...

    def rescan_loras(self) -> None:
        """Makes the host see LoRA files that are new in one of `folders().loras`."""
        ...
