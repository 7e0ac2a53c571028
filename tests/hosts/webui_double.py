"""A small webui with the real gradio, started with the Python of a host's environment by tests/hosts/test_real.py.

    python webui_double.py FOLDER OPTIONS_JSON

It loads the extension, builds its page and launches it as webui.py of AUTOMATIC1111 v1.10.1 does (Forge's is the
same in these lines): `demo.launch(auth=…, prevent_thread_lock=True)`, gzip over the app, `app_started_callback`.
Scripts and styles go into the page's head as modules/ui_gradio_extensions.py puts them there.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

CLONE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CLONE / "tests"))

from hosts.doubles import HOSTS  # noqa: E402

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

folder, given = Path(sys.argv[1]), json.loads(sys.argv[2])
parts = HOSTS[given.get("host", "a1111")](folder)
parts.begin()
sys.modules.update(parts.modules())
callbacks: dict[str, list[Any]] = {}


class OptionInfo:
    """modules/options.py"""

    def __init__(
        self, default: Any = None, label: str = "", component: Any = None, component_args: Any = None,
        onchange: Any = None, section: Any = None,
    ) -> None:  # fmt: skip
        self.default, self.label, self.section = default, label, section
        self.component, self.component_args = component, component_args or {}
        self.comment_after = ""

    def info(self, info: str) -> OptionInfo:
        self.comment_after += f"<span class='info'>({info})</span>"
        return self

    def needs_reload_ui(self) -> OptionInfo:
        self.comment_after += " <span class='info'>(requires Reload UI)</span>"
        return self


class Options(SimpleNamespace):
    def add_option(self, key: str, info: OptionInfo) -> None:
        self.data_labels[key] = info
        self.data.setdefault(key, info.default)


def prepare() -> None:
    shared = sys.modules["modules.shared"]
    shared.opts = Options(data=dict(given.get("options", {})), data_labels={})
    shared.OptionInfo = OptionInfo
    parts.cmd_opts.api_auth = given.get("api_auth")
    parts.cmd_opts.disable_extension_access = given.get("exposed", False)
    registry = ModuleType("modules.script_callbacks")
    for name in ("ui_tabs", "ui_settings", "app_started", "script_unloaded"):
        callbacks[name] = []
        setattr(registry, f"on_{name}", lambda callback, *, name=name: callbacks[name].append(callback))
    sys.modules["modules.script_callbacks"] = registry


def load_scripts() -> float:
    """As modules/scripts.py: the extension's folder is on the path only meanwhile. Returns the seconds it took."""
    for listed in callbacks.values():
        listed.clear()
    before = sys.path
    sys.path = [str(CLONE), *sys.path]
    started = time.process_time()  # other programs on the machine are no fault of ours
    try:
        path = CLONE / "scripts" / "train_tools.py"
        spec = importlib.util.spec_from_file_location(path.name, path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    finally:
        sys.path = before
    return time.process_time() - started


# As script.js: what extensions wait for.
WEBUI_SCRIPT = """
function gradioApp() {
    const elems = document.getElementsByTagName('gradio-app');
    const elem = elems.length == 0 ? document : elems[0];
    return elem.shadowRoot ? elem.shadowRoot : elem;
}
const loaded = [], updated = [];
const onUiLoaded = (f) => loaded.push(f), onAfterUiUpdate = (f) => updated.push(f);
document.addEventListener('DOMContentLoaded', () => {
    let done = false;
    new MutationObserver(() => {
        if (!done && gradioApp().querySelector('#txt2img_prompt')) { done = true; loaded.forEach((f) => f()); }
        updated.forEach((f) => f());
    }).observe(gradioApp(), { childList: true, subtree: true });
});
"""


def head() -> str:
    """What the webui adds to its page: its own script.js, then each extension's."""
    options = json.dumps({"localization": given.get("localization", "None")})
    scripts = "\n".join(
        path.read_text(encoding="utf-8") for path in sorted((CLONE / "javascript").glob("*.js"))
    )
    own = "footer { display: none !important; } #footer { text-align: center; }"  # style.css of the webui
    style = own + (CLONE / "style.css").read_text(encoding="utf-8")
    return f"<script>var opts = {options};{WEBUI_SCRIPT}</script><script>{scripts}</script><style>{style}</style>"


def patch_template(gradio: Any) -> None:
    original = gradio.routes.templates.TemplateResponse

    def template_response(*args: Any, **kwargs: Any) -> Any:
        response = original(*args, **kwargs)
        response.body = response.body.replace(b"</head>", f"{head()}</head>".encode())
        response.init_headers()
        return response

    gradio.routes.templates.TemplateResponse = template_response


def generate(prompt: str) -> str:
    """A picture, behind the queue lock as wrap_gradio_gpu_call has it."""
    parts.pending["task(1)"] = time.time()
    with parts.lock:
        parts.pending.pop("task(1)", None)
        model = parts.data.sd_model
        assert model is not None and getattr(model, "place", "gpu") == "gpu", (
            "Expected all tensors on one device"
        )
        return f"made: {prompt}"


def build(gradio: Any) -> Any:
    for callback in callbacks["ui_settings"]:
        callback()
    interfaces = [tab for callback in callbacks["ui_tabs"] for tab in callback()]
    with (
        gradio.Blocks(analytics_enabled=False, title="Stable Diffusion") as demo,
        gradio.Tabs(elem_id="tabs"),
    ):
        with gradio.TabItem("txt2img", id="txt2img", elem_id="tab_txt2img"):
            prompt = gradio.Textbox(label="Prompt", elem_id="txt2img_prompt")
            button = gradio.Button("Generate", elem_id="txt2img_generate")
            result = gradio.Textbox(label="Result", elem_id="txt2img_result")
            button.click(generate, inputs=[prompt], outputs=[result])
            # What another extension shows of our folder, as sd-webui-train-tools does.
            shown = gradio.Gallery(label="Gallery", elem_id="gallery")
            gradio.Button("Show", elem_id="show").click(lambda: [given["show"]], outputs=[shown])
        for interface, label, name in interfaces:
            with gradio.TabItem(label, id=name, elem_id=f"tab_{name}"):
                interface.render()
        with gradio.TabItem("Settings", id="settings", elem_id="tab_settings"):
            opts = sys.modules["modules.shared"].opts
            for key, info in opts.data_labels.items():
                make = info.component or gradio.Textbox
                make(label=info.label, value=opts.data[key], elem_id=f"setting_{key}", **info.component_args)
                gradio.HTML(info.comment_after)
        # modules/ui.py and html/footer.html
        gradio.HTML(
            '<div><a href="/docs">API</a></div><br><div class="versions">version</div>', elem_id="footer"
        )
    return demo


def run(gradio: Any) -> tuple[Any, threading.Event]:
    demo = build(gradio)
    sys.modules["modules.shared"].demo = demo
    auth = [tuple(pair) for pair in given.get("auth", [])] or None
    app, _, _ = demo.queue(64).launch(
        server_name="127.0.0.1", server_port=given["port"], auth=auth, prevent_thread_lock=True, quiet=True,
        show_error=True, allowed_paths=given.get("allowed", []),
        app_kwargs={"docs_url": "/docs", "redoc_url": "/redoc"},
    )  # fmt: skip
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware

    app.user_middleware = [x for x in app.user_middleware if x.cls.__name__ != "CORSMiddleware"]
    app.user_middleware.insert(0, Middleware(GZipMiddleware, minimum_size=1000))
    app.middleware_stack = None
    if given.get("api"):
        # modules/api/api.py: api_middleware, with --api

        @app.middleware("http")
        async def log_and_time(request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["X-Process-Time"] = "0"
            return response

    @app.post("/internal/progress")
    def progress(asked: dict[str, Any]) -> dict[str, Any]:
        """modules/progress.py: progressapi"""
        queued = asked["id_task"] in parts.pending
        text = "In queue: 1/1" if queued else "Waiting..."
        return {"active": False, "queued": queued, "completed": False, "textinfo": text}

    reload = threading.Event()

    @app.get("/double/state")
    def state() -> dict[str, Any]:
        model = parts.data.sd_model
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss if resource else 0
        return {"place": getattr(model, "place", None), "locked": parts.lock.locked(), "memory": memory}

    @app.get("/double/reload")
    def do_reload() -> dict[str, bool]:
        reload.set()
        return {"ok": True}

    for callback in callbacks["app_started"]:
        callback(demo, app)
    return demo, reload


def main() -> None:
    prepare()
    import gradio

    patch_template(gradio)
    seconds = load_scripts()
    print(json.dumps({"gradio": gradio.__version__, "import_seconds": seconds}), flush=True)
    while True:
        demo, reload = run(gradio)
        print("ready", flush=True)
        reload.wait()
        demo.close()
        time.sleep(0.5)
        for callback in callbacks["script_unloaded"]:
            callback()
        load_scripts()


main()
