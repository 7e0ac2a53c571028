"""The door of Train Tools in a webui: a tab that shows our page, the routes behind it, the settings, the bridge.

It is imported while the webui starts, with the webui's packages alone: gradio brings starlette and httpx along, and
of ours only `hosts`, `environment`, `errors` and `workspace.files` are loaded, which takes some hundredths of a second.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from train_tools.environment.status import READY
from train_tools.hosts import bridge_file, door_settings, modules, served_files
from train_tools.hosts.bridge_server import Bridge
from train_tools.hosts.environment_maker import EnvironmentMaker
from train_tools.hosts.gpu_state import GpuState
from train_tools.hosts.interface import HostError
from train_tools.hosts.login import Login
from train_tools.hosts.page_server import PageServer
from train_tools.hosts.proxy import Proxy
from train_tools.hosts.waiting_picture import WaitingPicture
from train_tools.hosts.webui import Webui
from train_tools.hosts.webui_lora import sweep

TAB = ("Train Tools", "train_tools")
PREFIX = "/train_tools"
OWN = "_door/"  # paths that the door answers itself
# Its address is set by javascript/train_tools.js when the tab is first shown, with the webui's theme and language.
FRAME = '<iframe id="train_tools_frame" title="Train Tools" allow="clipboard-write"></iframe>'
SMALL_PAGE = Path(__file__).with_name("small_page.html")


def open_door() -> None:
    """Called by scripts/train_tools.py each time the webui loads its scripts, which has let go of callbacks before."""
    callbacks = importlib.import_module("modules.script_callbacks")
    door = Door()
    callbacks.on_ui_settings(door_settings.add_to_settings_page)
    callbacks.on_ui_tabs(tab)
    callbacks.on_app_started(door.start)
    callbacks.on_script_unloaded(door.close)


def tab() -> list[tuple[Any, str, str]]:
    gradio = importlib.import_module("gradio")

    with gradio.Blocks(analytics_enabled=False) as blocks:
        gradio.HTML(FRAME)
    return [(blocks, *TAB)]


class Door:
    """From the start of the webui's server until its scripts are loaded again."""

    def __init__(self) -> None:
        self._bridge: Bridge | None = None
        self._page: PageServer | None = None

    def start(self, demo: Any, app: Any) -> None:
        """`app` is the webui's FastAPI app; there is no demo where it runs without a page."""
        self.close()
        host = Webui()
        sweep()  # a webui that was killed left its LoRA files
        root = door_settings.root(host.folders()).absolute()
        self._bridge = Bridge(host, root, door_settings.memory_mode, door_settings.go_on_after)
        try:
            self._bridge.start()
        except OSError as error:
            print(f"Train Tools: training can't ask this webui for its models and memory ({error})")
        environment = EnvironmentMaker(lambda: door_settings.surroundings(root), root)
        self._page = PageServer(environment.start)
        login = Login(app, modules.command_option("api_auth"))
        gpu = GpuState(self._bridge, door_settings.memory_mode, door_settings.go_on_after)
        routes = Routes(login, environment, self._page, Proxy(self._page, host.is_exposed), self._bridge, gpu)
        waiting = WaitingPicture(app, lambda headers: gpu.sentence(door_settings.language(headers)))
        secret = (root / "train_tools", *bridge_file.folders())
        served_files.block(demo, secret)
        # Before the webui's own, some of which take every path.
        app.router.routes[:0] = [
            served_files.Kept(secret),
            waiting.route(),
            Route(PREFIX, endpoint=routes),
            Route(PREFIX + "/{path:path}", endpoint=routes),
        ]

    def close(self) -> None:
        """Ends what was started; running trainings go on, as the queue's worker is nobody's child."""
        if self._page is not None:
            self._page.close()
        if self._bridge is not None:
            self._bridge.close()
        self._page = self._bridge = None


class Routes:
    """The ASGI app behind /train_tools."""

    def __init__(
        self,
        login: Login,
        environment: EnvironmentMaker,
        page: PageServer,
        proxy: Proxy,
        bridge: Bridge,
        gpu: GpuState,
    ) -> None:
        self._login = login
        self._environment = environment
        self._page = page
        self._proxy = proxy
        self._bridge = bridge
        self._gpu = gpu

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path_params"].get("path")
        if path is None:
            # Relative, so that it is right behind any proxy.
            await RedirectResponse("train_tools/")(scope, receive, send)
        elif refusal := await self._login.refusal(scope):
            await refusal(scope, receive, send)
        elif path.startswith(OWN):
            await self._own(path[len(OWN) :], scope, receive, send)
        elif path == "" and await run_in_threadpool(self._why_no_page) is not None:
            page = FileResponse(SMALL_PAGE, media_type="text/html", headers={"Cache-Control": "no-store"})
            await page(scope, receive, send)
        else:
            await self._proxy(scope, receive, send, path)

    def _why_no_page(self) -> dict[str, Any] | None:
        """None where the page server answers; may take as long as its start."""
        state = self._environment.shown()
        if state["state"] != READY:
            return state
        try:
            self._page.answering()
        except HostError as error:
            return {**state, "state": "stopped", "error": str(error)}
        return None

    async def _own(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        status, answer = 200, dict[str, Any]()
        try:
            if (scope["method"], path) == ("GET", "state"):
                answer = self._gpu.shown()
            elif (scope["method"], path) == ("POST", "pause"):
                self._bridge.trainings.pause()
                answer = self._gpu.shown()
            elif (scope["method"], path) == ("POST", "go_on"):
                self._bridge.trainings.go_on()
                answer = self._gpu.shown()
            elif path == "environment":
                if scope["method"] == "POST":
                    await run_in_threadpool(self._environment.make)
                state = await run_in_threadpool(self._why_no_page)
                answer = {"state": READY} if state is None else state
            else:
                status, answer = 404, {"error": "there is nothing here"}
        except HostError as error:
            status, answer = 400, {"error": str(error)}
        text = json.dumps(answer, ensure_ascii=False)
        response = Response(text, status, {"Cache-Control": "no-store"}, media_type="application/json")
        await response(scope, receive, send)
