"""The tab in webuis: our door under the real gradio of each, driven in a browser. `python -m train_tools test --hosts`
makes the environments; without them these tests are skipped.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser.conftest import Complaints
from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Page, expect

from train_tools.hosts import bridge_file

PYTHONS: dict[str, str] = json.loads(os.environ.get("TRAIN_TOOLS_HOST_PYTHONS") or "{}")
HOSTS = Path(__file__).resolve().parents[1] / "hosts"
DOUBLE, PAGE_DOUBLE = HOSTS / "webui_double.py", HOSTS / "page_double.py"
START_MS = 90_000  # of the page server, on a busy machine
# No set-up succeeds by what the machine's pip finds elsewhere, and none waits long.
OFFLINE = {
    "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0",
    "PIP_DEFAULT_TIMEOUT": "2", "TRAIN_TOOLS_INSTALLER": "pip",
}  # fmt: skip
PICTURES = os.environ.get("TRAIN_TOOLS_PICTURES", "")  # a folder: what a person would see is kept there

pytestmark = pytest.mark.skipif(not PYTHONS, reason="made by `python -m train_tools test --hosts`")


class Webui:
    def __init__(
        self, process: subprocess.Popen[bytes], port: int, folder: Path, says: dict[str, Any]
    ) -> None:
        self.process, self.folder, self.says = process, folder, says
        self.url = f"http://127.0.0.1:{port}"
        self.root = folder / "outputs"

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=60, **more)

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == b"ready":
                return
        raise AssertionError((self.folder / "webui.log").read_text())

    def state(self) -> dict[str, Any]:
        return dict(self.get("/double/state").json())


Start = Callable[..., Webui]


@pytest.fixture(params=sorted(PYTHONS))
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts a webui with what a person would set; our training environment is this interpreter unless said else."""
    running: list[subprocess.Popen[bytes]] = []

    def started(**given: Any) -> Webui:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = {"train_tools_environment": sys.executable, **given.pop("options", {})}
        host = "a1111" if request.param.startswith("gradio-3.") else "forge"
        settings = {"port": port, "options": options, "host": host, **given}
        variables = {**os.environ, **OFFLINE}
        for name in ("PYTHONPATH", "TRAIN_TOOLS_ENV", "VIRTUAL_ENV", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"):
            variables.pop(name, None)
        log = (tmp_path / "webui.log").open("wb")
        process = subprocess.Popen(
            [PYTHONS[request.param], str(DOUBLE), str(tmp_path), json.dumps(settings)],
            stdout=subprocess.PIPE, stderr=log, env=variables,
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        says = json.loads(process.stdout.readline())
        webui = Webui(process, port, tmp_path, says)
        webui.wait_until_ready()
        return webui

    yield started
    for process in running:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en-GB")
    # gradio asks other machines for fonts and an iframe's script; there is no network here.
    context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), lambda route: route.abort())
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def open_tab(page: Page, name: str = "Train Tools") -> FrameLocator:
    # gradio 3 gives its tabs no role.
    page.locator("#tabs > .tab-nav button, #tabs [role=tab]").filter(has_text=name).first.click()
    return page.frame_locator("#train_tools_frame")


def keep_picture(page: Page, name: str, start: str) -> None:
    if PICTURES:
        page.wait_for_timeout(600)
        page.screenshot(path=Path(PICTURES) / f"{name}-{start}.png")


def test_the_tab_shows_the_page(start: Start, page: Page) -> None:
    webui = start(localization="zh_CN")
    assert webui.says["import_seconds"] < 0.3
    complaints = Complaints()
    page.goto(f"{webui.url}/?__theme=dark")
    expect(page.locator("#txt2img_prompt")).to_be_visible()
    page.on("response", lambda r: complaints.found.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    page.on("pageerror", lambda error: complaints.found.append(str(error)))
    frame = open_tab(page)
    expect(frame.get_by_role("tab", name="数据")).to_be_visible(timeout=START_MS)
    assert frame.locator("html").get_attribute("data-theme") == "dark"
    box = page.locator("#train_tools_frame").bounding_box()
    assert box is not None
    assert box["width"] > 1000
    assert box["height"] > 450
    assert box["y"] + box["height"] <= 720, "the frame fits into the window"
    assert page.evaluate("document.scrollingElement.scrollHeight") <= 720, "one scrollbar: that of our page"
    keep_picture(page, "tab-dark-zh", webui.says["gradio"])
    back_closes_what_is_open(page, frame)
    expect(page.locator("#footer").first).to_be_hidden()
    open_tab(page, "txt2img")
    expect(page.locator("#footer").first).to_be_visible()
    assert [text for text in complaints.found if "train_tools" in text] == []
    for path in ("..%2f..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/ui/server.py", "_door/..%2fdoor.py"):
        answer = webui.get(f"/train_tools/{path}")
        assert answer.status_code in (400, 403, 404), path


def back_closes_what_is_open(page: Page, frame: FrameLocator) -> None:
    """The browser's Back, in the frame: first the dialog, then the panel from before."""
    for tab in ("工具", "数据"):
        frame.get_by_role("tab", name=tab).click()
        expect(frame.get_by_role("tab", name=tab)).to_have_attribute("aria-selected", "true")
    frame.get_by_role("button", name="回收站").click()
    expect(frame.get_by_role("dialog")).to_be_visible()
    page.evaluate("history.back()")
    expect(frame.get_by_role("dialog")).to_have_count(0)
    expect(frame.get_by_role("tab", name="数据")).to_have_attribute("aria-selected", "true")
    page.evaluate("history.back()")
    expect(frame.get_by_role("tab", name="工具")).to_have_attribute("aria-selected", "true")


def test_light_and_english(start: Start, page: Page) -> None:
    webui = start(localization="None")
    page.goto(f"{webui.url}/?__theme=light")
    frame = open_tab(page)
    expect(frame.get_by_role("tab", name="Data")).to_be_visible(timeout=START_MS)
    assert frame.locator("html").get_attribute("data-theme") == "light"
    keep_picture(page, "tab-light-en", webui.says["gradio"])
    open_tab(page, "Settings")
    expect(page.get_by_label("Folder for projects")).to_be_visible()
    expect(page.get_by_label("unload it, pictures wait until the training ends")).to_be_checked()
    keep_picture(page, "settings", webui.says["gradio"])


def test_gradios_login_is_ours(start: Start, page: Page) -> None:
    webui = start(auth=[["anna", "secret"]])
    for path in (
        "/train_tools/",
        "/train_tools/app.js",
        "/train_tools/api/session",
        "/train_tools/_door/environment",
    ):
        assert webui.get(path).status_code == 401, path
    assert webui.get("/train_tools/", headers={"Cookie": "access-token=guess"}).status_code == 401
    page.goto(webui.url)
    page.get_by_label("username").fill("anna")
    page.get_by_label("password").fill("secret")
    page.get_by_role("button", name="Login").click()
    frame = open_tab(page)
    expect(frame.get_by_role("tab", name="Data")).to_be_visible(timeout=START_MS)


def test_api_auth_and_other_sites(start: Start) -> None:
    webui = start(api_auth="bot:key", exposed=True)
    assert webui.get("/train_tools/api/session").status_code == 401
    key = {"Authorization": f"Basic {base64.b64encode(b'bot:key').decode()}"}
    assert webui.get("/train_tools/api/session", headers=key).json()["exposed"] is True
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = httpx.post(
            f"{webui.url}/train_tools/_door/environment",
            headers={**key, **headers},
            trust_env=False,
            timeout=30,
        )
        assert answer.status_code == 403


@pytest.mark.skipif(os.name == "nt", reason="a script stands for a Python program")
def test_streams_pass_through_the_webuis_own_layers(start: Start, tmp_path: Path) -> None:
    """gzip over all, and with --api another layer, which is known to hold streams back."""
    page = tmp_path / "python"
    page.write_text(f"#!/bin/sh\nexec {sys.executable} {PAGE_DOUBLE}\n")
    page.chmod(0o755)
    webui = start(options={"train_tools_environment": str(page)}, api=True)
    address = f"{webui.url}/train_tools"
    answer = httpx.get(
        f"{address}/file", headers={"Range": "bytes=1000-1999"}, timeout=START_MS / 1000, trust_env=False
    )
    assert (answer.status_code, answer.content) == (206, (bytes(range(256)) * 8)[1000:2000])
    before = webui.state()["memory"]
    block, count = os.urandom(1 << 20), 300

    def blocks() -> Iterator[bytes]:
        for _ in range(count):
            yield block

    answer = httpx.put(f"{address}/upload", content=blocks(), timeout=120, trust_env=False)
    assert answer.json()["bytes"] == count << 20
    assert webui.state()["memory"] - before < 100 << 10, "KiB: the webui doesn't keep what passes through"
    with httpx.stream("GET", f"{address}/events", trust_env=False, timeout=10) as events:
        lines = events.iter_lines()
        assert [next(lines) for _ in range(3)] == ["data: 0", "", "data: 1"]
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{address}/poll", timeout=0.5, trust_env=False)
    deadline = time.monotonic() + 10
    while {"events", "poll"} - set(webui.get("/train_tools/seen").json()):
        assert time.monotonic() < deadline, "the page server was left waiting"
        time.sleep(0.1)


def test_without_an_environment_it_offers_to_make_one(start: Start, page: Page, tmp_path: Path) -> None:
    taken = tmp_path / "not ours"
    taken.mkdir()
    (taken / "novel.txt").write_text("chapter one")
    environment = tmp_path / "env"
    webui = start(options={"train_tools_environment": str(environment)})
    page.goto(webui.url)
    frame = open_tab(page)
    expect(frame.get_by_role("heading")).to_have_text(
        "Train Tools needs an environment of its own", timeout=START_MS
    )
    expect(frame.get_by_role("button", name="Make it")).to_be_enabled()
    expect(frame.get_by_text(str(environment))).to_be_visible()
    keep_picture(page, "environment-absent", webui.says["gradio"])
    assert webui.get("/train_tools/api/session").status_code == 502


def test_a_set_up_that_fails_says_what_to_do(start: Start, page: Page, tmp_path: Path) -> None:
    options = {
        "train_tools_environment": str(tmp_path / "env"),
        "train_tools_package_index": "http://127.0.0.1:9/simple",
    }
    webui = start(options=options)
    page.goto(webui.url)
    frame = open_tab(page)
    frame.get_by_role("button", name="Make it").click()
    expect(frame.get_by_text("is being made")).to_be_visible(timeout=START_MS)
    keep_picture(page, "environment-making", webui.says["gradio"])
    expect(frame.get_by_role("button", name="Go on with it")).to_be_visible(timeout=240_000)
    expect(frame.get_by_role("alert")).to_contain_text("installing torch")
    frame.get_by_text("What is being done").click()
    keep_picture(page, "environment-failed", webui.says["gradio"])


def look(page: Page) -> None:
    """The webui's page asks for the state now, instead of in some seconds."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def was_opened(page: Page) -> None:
    page.add_init_script("localStorage.setItem('train-tools.opened', '1')")


def test_who_never_opened_the_tab_isnt_asked_for_a_password(start: Start, page: Page) -> None:
    """A webui with --api-auth alone: a challenge to a look in the background would ask on every page."""
    webui = start(api_auth="bot:key")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/train_tools/" in request.url else None)
    page.goto(webui.url)
    expect(page.locator("#txt2img_prompt")).to_be_visible()
    look(page)
    page.wait_for_timeout(500)
    assert asked == []
    refused = webui.get("/train_tools/_door/state")
    assert (refused.status_code, "www-authenticate" in refused.headers) == (401, False)
    refused = webui.get("/train_tools/")
    assert (refused.status_code, "www-authenticate" in refused.headers) == (401, True)
    was_opened(page)
    page.goto(webui.url)
    expect(page.locator("#txt2img_prompt")).to_be_visible()
    page.wait_for_timeout(500)
    assert len(asked) == 1, "refused once, it isn't asked again"
    look(page)
    page.wait_for_timeout(500)
    assert len(asked) == 1


def test_gradio_serves_nothing_of_our_folder(start: Start, page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "train_tools"
    folder.mkdir(parents=True)
    picture = folder / "projects" / "sheet.png"
    picture.parent.mkdir()
    Image.new("RGB", (64, 64), (200, 30, 50)).save(picture)
    (folder / "worker-gpu.log").write_text("secret")
    other = tmp_path / "outputs" / "own.png"
    Image.new("RGB", (64, 64)).save(other)
    webui = start(show=str(picture), allowed=[str(tmp_path)])
    prefix = "/gradio_api" if webui.says["gradio"].startswith("5.") else ""
    assert webui.get(f"{prefix}/file={other}").status_code == 200
    for path in (picture, folder / "worker-gpu.log", folder / ".." / "train_tools" / "worker-gpu.log"):
        assert webui.get(f"{prefix}/file={path}").status_code == 403, path
    address = next(bridge_file.files(webui.root))
    assert address.is_file()
    assert webui.get(f"{prefix}/file={address}").status_code == 403
    # sd-webui-train-tools knows gradio 3 alone; its galleries are copies.
    if webui.says["gradio"].startswith("3."):
        page.goto(webui.url)
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#gallery img").first).to_be_visible()
        width = page.locator("#gallery img").first.evaluate("(image) => image.naturalWidth")
        assert width == 64


def test_the_page_is_reloaded_by_the_webui(start: Start, page: Page) -> None:
    webui = start()
    first = webui.get("/train_tools/api/session")
    assert first.status_code == 200
    old = bridge_file.read(webui.root)
    webui.get("/double/reload")
    webui.wait_until_ready()
    assert webui.get("/train_tools/api/session").status_code == 200
    new = bridge_file.read(webui.root)
    assert old is not None
    assert new is not None
    assert new.token != old.token
    page.goto(webui.url)
    expect(open_tab(page).get_by_role("tab", name="Data")).to_be_visible(timeout=START_MS)


def test_a_page_server_that_doesnt_start_says_why(start: Start, page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no space left on device' >&2\nexit 1\n")
    broken.chmod(0o755)
    webui = start(options={"train_tools_environment": str(broken)})
    page.goto(webui.url)
    frame = open_tab(page)
    expect(frame.get_by_role("alert")).to_contain_text("no space left on device", timeout=START_MS)
    expect(frame.get_by_role("button", name="Try again")).to_be_enabled()
    keep_picture(page, "stopped", webui.says["gradio"])
