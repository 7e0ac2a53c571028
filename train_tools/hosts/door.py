"""The door of Train Tools in a webui: a tab that shows our page, the routes behind it, the settings, the bridge.

It is imported while the webui starts, with the webui's packages alone, so it imports nothing of ours but `hosts`,
`environment` and `errors`, and whatever is slow when it is first needed.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from train_tools.hosts import door_settings, modules

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from train_tools.hosts.bridge_server import Bridge
    from train_tools.hosts.environment_maker import EnvironmentMaker
    from train_tools.hosts.login import Login
    from train_tools.hosts.page_server import PageServer
    from train_tools.hosts.proxy import Proxy

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
    import gradio

    with gradio.Blocks(analytics_enabled=False) as blocks:
        gradio.HTML(FRAME)
    return [(blocks, *TAB)]


class Door:
    """From the start of the webui's server until its scripts are loaded again."""

    def __init__(self) -> None:
        self._bridge: Bridge | None = None
        self._page: PageServer | None = None

    def start(self, _demo: Any, app: Any) -> None:
        """`app` is the webui's FastAPI app; there is no demo where it runs without a page."""
        from starlette.routing import Route

        from train_tools.hosts.bridge_server import Bridge
        from train_tools.hosts.environment_maker import EnvironmentMaker
        from train_tools.hosts.login import Login
        from train_tools.hosts.page_server import PageServer
        from train_tools.hosts.proxy import Proxy
        from train_tools.hosts.webui import Webui

        self.close()
        host = Webui()
        root = door_settings.root(host.folders()).absolute()
        self._bridge = Bridge(host, root, door_settings.memory_mode)
        try:
            self._bridge.start()
        except OSError as error:
            print(f"Train Tools: training can't ask this webui for its models and memory ({error})")
        environment = EnvironmentMaker(lambda: door_settings.surroundings(root), root)
        self._page = PageServer(environment.start)
        login = Login(app, modules.command_option("api_auth"))
        routes = Routes(login, environment, Proxy(self._page, host.is_exposed), self._bridge)
        # Before the webui's own, some of which take every path.
        app.router.routes[:0] = [
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

    def __init__(self, login: Login, environment: EnvironmentMaker, proxy: Proxy, bridge: Bridge) -> None:
        self._login = login
        self._environment = environment
        self._proxy = proxy
        self._bridge = bridge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.responses import RedirectResponse

        if scope["type"] != "http":
            return None
        if "path" not in scope["path_params"]:
            # Relative, so that it is right behind any proxy.
            return await RedirectResponse("train_tools/")(scope, receive, send)
        refusal = await self._login.refusal(scope)
        if refusal is not None:
            return await refusal(scope, receive, send)
        path = scope["path_params"]["path"]
        if path.startswith(OWN):
            return await self._own(path[len(OWN) :], scope, receive, send)
        if path == "" and not await self._ready():
            return await self._small_page(scope, receive, send)
        return await self._proxy(scope, receive, send, path)

    async def _ready(self) -> bool:
        from starlette.concurrency import run_in_threadpool

        return await run_in_threadpool(self._environment.is_ready)

    async def _small_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.responses import FileResponse

        response = FileResponse(SMALL_PAGE, media_type="text/html", headers={"Cache-Control": "no-store"})
        await response(scope, receive, send)

    async def _own(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import Response

        from train_tools.hosts.interface import HostError

        status, answer = 200, {}
        try:
            if (scope["method"], path) == ("GET", "state"):
                answer = {"trainings": self._bridge.trainings, "mode": door_settings.memory_mode()}
            elif (scope["method"], path) == ("GET", "environment"):
                answer = await run_in_threadpool(self._environment.shown)
            elif (scope["method"], path) == ("POST", "environment"):
                await run_in_threadpool(self._environment.make)
                answer = await run_in_threadpool(self._environment.shown)
            else:
                status, answer = 404, {"error": "there is nothing here"}
        except HostError as error:
            status, answer = 400, {"error": str(error)}
        text = json.dumps(answer, ensure_ascii=False)
        response = Response(text, status, {"Cache-Control": "no-store"}, media_type="application/json")
        await response(scope, receive, send)
