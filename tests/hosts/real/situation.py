"""What the checks of a real webui work with: the webui, a browser, LoRAs, a training; and how they ask for pictures."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from hosts.real import models
from hosts.real.webui import ROOT, RealWebui
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from train_tools.small_models import base_model_file, zorb

T = TypeVar("T")

OWN_LORA = "own-fits"  # in the webui's folder, for its own pictures
OWN_TAG = f" <lora:{OWN_LORA}:0.5:1.0>"
PROMPT = "a red square on a white background"
SIDE, STEPS, SEED = 64, 2, 7
PROJECT, VERSION = "real", "v1"
# Long enough for every check that needs a training; it is cancelled after them.
TRAINING = (
    "optimizer_type=AdamW", "learning_rate=1e-3", "network_dim=4", "network_alpha=4", "train_batch_size=2",
    "max_train_epochs=4000", "save_every_n_epochs=4",
)  # fmt: skip
SOON_S = 60.0
ELSEWHERE = re.compile(r"^https?://(?!127\.0\.0\.1)")  # gradio asks for fonts and scripts there


class FailedError(Exception):
    """What isn't as it should be, in a sentence."""


class LeftOutError(Exception):
    """Why a check can't be made here."""


def expect(holds: object, sentence: str) -> None:
    if not holds:
        raise FailedError(sentence)


def eventually(look: Callable[[], T], seconds: float = SOON_S, every: float = 0.5) -> T:
    """The first answer that isn't empty, else the last one."""
    until = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < until:
        time.sleep(every)
    return found


@dataclass
class Picture:
    pixels: np.ndarray[Any, Any]
    infotext: str

    @classmethod
    def of(cls, png: bytes) -> Picture:
        image = Image.open(io.BytesIO(png))
        return cls(np.asarray(image.convert("RGB"), dtype=int), str(image.info.get("parameters", "")))

    def levels_from(self, other: Picture) -> int:
        """The largest difference of a pixel, of 255."""
        if self.pixels.shape != other.pixels.shape:
            return 255
        return int(np.abs(self.pixels - other.pixels).max())


@dataclass
class Situation:
    """`packages` and `options` are the webui's before we ask for anything."""

    webui: RealWebui
    folder: Path  # for what is made for the occasion
    loras: dict[str, Path] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    packages: str = ""
    _training: Training | None = None

    @cached_property
    def clean(self) -> Picture:
        """The webui's own picture before we ask for any; it may write down which model it loads for it."""
        picture = self.theirs()
        self.options = self.webui.options()
        return picture

    @property
    def clip_skip(self) -> int:
        """The webui's own; its settings don't tell where it is the default."""
        found = re.search(r"Clip skip: (\d+)", self.clean.infotext)
        return int(found[1]) if found else 1

    @cached_property
    def with_lora(self) -> Picture:
        return self.theirs(OWN_TAG)

    @property
    def training(self) -> Training:
        """Begins when it is first asked for."""
        if self._training is None:
            self._training = Training(self.webui.root, self.folder)
            self._training.begin()
        expect(self._training.has_begun, "there is no batch")
        return self._training

    def end(self) -> None:
        """Leaves no process behind."""
        if self._training is not None:
            self._training.cancel()
        self.webui.end()

    @property
    def other_checkpoint(self) -> Path:
        """Last in the webui's list: it takes the first for its own."""
        return self.webui.checkpoint.with_name("zz-other.safetensors")

    def make_models(self) -> None:
        """Another base model, and LoRAs where the webui doesn't see them, as checkpoints of a run lie."""
        models.other(self.webui.checkpoint, self.other_checkpoint)
        targets = models.targets_of(self.webui.checkpoint)
        kinds = {
            "fits": targets,
            "of SDXL": models.of_sdxl(),
            "of other widths": models.wider(targets),
            "half of it fits": models.partly(targets, len(targets) // 2),
            "4 layers don't fit": models.partly(targets, 4),
        }
        for number, (name, layers) in enumerate(kinds.items()):
            self.loras[name] = models.lora(self.folder / "loras" / f"run-{number}.safetensors", layers)
        damaged = self.loras["damaged"] = self.folder / "loras" / "damaged.safetensors"
        damaged.write_bytes(self.loras["fits"].read_bytes()[:-1000])
        shutil.copy2(self.loras["fits"], self.webui.loras / f"{OWN_LORA}.safetensors")

    def ours(self, kind: str = "", **other: Any) -> Picture:
        """Through the bridge, as a preview is made; `kind` is one of `loras`."""
        request = {
            "base_model": str(self.webui.checkpoint), "lora": str(self.loras[kind]) if kind else None,
            "weight_unet": 1.0, "weight_te": 0.5, "prompt": PROMPT, "negative_prompt": "", "seed": SEED,
            "steps": STEPS, "cfg_scale": 7.0, "sampler": "Euler", "scheduler": "Automatic",
            "clip_skip": self.clip_skip,
            "width": SIDE, "height": SIDE, "last": True, **other,
        }  # fmt: skip
        return Picture.of(self.webui.bridge().render(request))

    def request(self, tag: str = "", **other: Any) -> dict[str, Any]:
        """Of the webui's own API, for the same picture."""
        return {
            "prompt": PROMPT + tag, "negative_prompt": "", "seed": SEED, "steps": STEPS, "cfg_scale": 7.0,
            "sampler_name": "Euler", "scheduler": "Automatic", "width": SIDE, "height": SIDE, **other,
        }  # fmt: skip

    def theirs(self, tag: str = "") -> Picture:
        answer = self.webui.post("/sdapi/v1/txt2img", self.request(tag))
        expect(answer.status_code == 200, f"the webui's own txt2img failed: {answer.text[:200]}")
        return Picture.of(base64.b64decode(answer.json()["images"][0]))

    def listed_loras(self) -> list[str]:
        return [str(found["name"]) for found in self.webui.get("/sdapi/v1/loras").json()]

    @contextmanager
    def browser(self) -> Iterator[Page]:
        """The webui's page in Chromium."""
        program = (
            os.environ.get("TRAIN_TOOLS_CHROMIUM")
            or shutil.which("chromium")
            or shutil.which("google-chrome")
        )
        if not program:
            raise LeftOutError("there is no Chromium")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        with sync_playwright() as playwright:
            started = playwright.chromium.launch(executable_path=program, args=flags)
            page = started.new_page(locale="en-GB", viewport={"width": 1280, "height": 800})
            page.set_default_timeout(SOON_S * 1000)
            page.route(ELSEWHERE, lambda route: route.abort())
            page.goto(self.webui.url)
            page.wait_for_selector("#txt2img_prompt")
            yield page
            started.close()


Check = Callable[[Situation], str]  # its first line is the row's title; it returns what is worth telling


class WaitingPicture:
    """A picture that a person asks the webui for while something else has the GPU."""

    def __init__(self, situation: Situation, name: str) -> None:
        self._situation = situation
        self._task = f"task({name})"
        self.answer: Any = None
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        request = self._situation.request(force_task_id=self._task)
        try:
            self.answer = self._situation.webui.post("/sdapi/v1/txt2img", request)
        except Exception as error:  # told by `came`
            self.answer = error

    def text(self) -> str:
        """What the webui's page shows above it."""
        asked = {"id_task": self._task, "id_live_preview": -1, "live_preview": False}
        answer = self._situation.webui.post("/internal/progress", asked, timeout=60)
        return str(answer.json().get("textinfo") or "")

    def came(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return getattr(self.answer, "status_code", 0) == 200


class Training:
    """A batch of the small model that ships, in the queue of the webui's Train Tools."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self._folder = folder / "pictures"
        self.has_begun = False

    def command(self, *words: str, may_fail: bool = False) -> str:
        environ = {**os.environ, "TRAIN_TOOLS_ENV": "current"}
        command = [sys.executable, "-m", "train_tools", *words, "--root", str(self.root)]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=900)
        expect(
            may_fail or done.returncode == 0,
            f"`{' '.join(words[:2])}` failed: {(done.stdout + done.stderr)[-300:]}",
        )
        return done.stdout

    def begin(self) -> None:
        self._folder.mkdir()
        folders = zorb.write_images(self._folder)
        self.command("project", "create", PROJECT)
        self.command("version", "create", PROJECT, VERSION)
        self.command("dataset", "add", PROJECT, VERSION, *map(str, folders), may_fail=True)  # one is damaged
        self.command("dataset", "process", PROJECT, VERSION, *_set("repeats=1", "width=64", "height=64"))
        self.command("dataset", "caption", PROJECT, VERSION)
        base = f"pretrained_model_name_or_path={base_model_file()}"
        self.command("settings", "set", PROJECT, VERSION, "preview.automatic=off")  # they come when asked for
        self.command("queue", "add", PROJECT, VERSION, *_set(base, *TRAINING))
        expect(eventually(lambda: self.step() > 0, 300), "the training doesn't begin")
        self.has_begun = True

    def events(self) -> list[dict[str, Any]]:
        files = sorted(self.root.glob("train_tools/projects/*/versions/*/trains/*/events.jsonl"))
        return [json.loads(line) for line in files[-1].read_text().splitlines()] if files else []

    def step(self) -> int:
        return max((int(event["step"]) for event in self.events() if event["event"] == "step"), default=0)

    def checkpoints(self) -> list[Path]:
        return sorted(self.root.glob("train_tools/projects/*/versions/*/trains/*/*.safetensors"))

    def moves(self, seconds: float = SOON_S) -> bool:
        seen = self.step()
        return bool(eventually(lambda: self.step() > seen, seconds))

    def cancel(self) -> None:
        self.command("queue", "cancel", "1", may_fail=True)
        eventually(lambda: "running" not in self.command("queue", "list"), every=2)


def _set(*assignments: str) -> list[str]:
    return [word for assignment in assignments for word in ("--set", assignment)]
