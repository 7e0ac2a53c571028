"""The webui's own progress line says why a picture waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hosts.doubles import install
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from train_tools.hosts import door_settings
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.gpu_state import GpuState
from train_tools.hosts.interface import KEEP, SHARE, WAIT
from train_tools.hosts.trainings import Told
from train_tools.hosts.waiting_picture import WaitingPicture
from train_tools.hosts.webui import Webui

TRAINING = Told("a", "training", first=3, last=3, total=8, percent=40.4, is_held=True)


async def progressapi(request: Request) -> JSONResponse:
    """modules/progress.py of v1.10.1 for a task that is in its queue, is made, or is unknown."""
    task = (await request.json())["id_task"]
    text = "In queue: 1/1" if task == "queued" else "Waiting..."
    return JSONResponse({
        "active": task == "active", "queued": task == "queued", "completed": False, "progress": None, "eta": None,
        "live_preview": None, "id_live_preview": -1, "textinfo": text,
    })  # fmt: skip


class Desk:
    def __init__(self, root: Path) -> None:
        self.mode = WAIT
        self.bridge = Bridge(Webui(), root, lambda: self.mode)
        app = Starlette(routes=[Route("/internal/progress", progressapi, methods=["POST"])])

        async def timed(request: Request, call_next: Any) -> Any:
            return await call_next(request)

        app.add_middleware(BaseHTTPMiddleware, dispatch=timed)
        gpu = GpuState(self.bridge, lambda: self.mode, lambda: None)
        waiting = WaitingPicture(app, lambda headers: gpu.sentence(door_settings.language(headers)))
        app.router.routes.insert(0, waiting.route())
        self.page = TestClient(app)

    def text(self, task: str = "queued", **headers: str) -> str:
        answer = self.page.post("/internal/progress", json={"id_task": task}, headers=headers)
        assert int(answer.headers["content-length"]) == len(answer.content)
        return str(answer.json()["textinfo"])


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Desk]:
    install(monkeypatch, folder=tmp_path)
    desk = Desk(tmp_path)
    yield desk
    desk.bridge._server.server_close()


def test_without_a_training_the_webuis_own_text_stays(desk: Desk) -> None:
    assert desk.text() == "In queue: 1/1"


def test_a_picture_that_waits_is_told_why(desk: Desk) -> None:
    desk.bridge.trainings.tell(TRAINING)
    said = desk.text()
    assert said.startswith("Train Tools is training (run 3 of 8, 40 %): the picture waits until it ends.")
    assert "\n" not in said, "the webui shows one line alone"
    assert desk.text("active") == desk.text("unknown") == "Waiting..."
    desk.bridge.trainings.pause()
    assert desk.text().startswith("Train Tools pauses its training (run 3 of 8, 40 %)")


def test_in_the_language_of_the_webui_or_the_browser(desk: Desk) -> None:
    desk.bridge.trainings.tell(TRAINING)
    assert desk.text(**{"Accept-Language": "zh-CN,zh;q=0.9"}).startswith(
        "Train Tools 正在训练（第 3 个训练，共 8 个，40%）"
    )
    sys.modules["modules.shared"].opts.data["localization"] = "zh_CN"
    assert "正在训练" in desk.text(**{"Accept-Language": "en"})


@pytest.mark.parametrize("mode", [SHARE, KEEP])
def test_where_pictures_dont_wait_for_it_nothing_is_said(desk: Desk, mode: str) -> None:
    desk.bridge.trainings.tell(TRAINING)
    desk.mode = mode
    assert desk.text() == "In queue: 1/1"


def test_a_pack_is_several_runs(desk: Desk) -> None:
    desk.bridge.trainings.tell(Told("a", "training", first=1, last=4, total=8, percent=7, is_held=True))
    assert "(runs 1 to 4 of 8, 7 %)" in desk.text()
