"""The GPU that a training and a webui share, as the webui's page shows it; the webuis are those of test_hosts.py."""

from __future__ import annotations

import time

import httpx
import pytest
from browser import test_hosts
from browser.test_hosts import PYTHONS, START_MS, Start, keep_picture, look, open_tab, was_opened
from playwright.sync_api import Page, expect

from train_tools.hosts.keeper import Keeper

pytestmark = pytest.mark.skipif(not PYTHONS, reason="made by `python -m train_tools test --hosts`")

start, page = test_hosts.start, test_hosts.page  # its fixtures

REPORT = {"first": 3, "last": 3, "total": 8, "percent": 40.0}


def test_pictures_wait_while_a_run_trains(start: Start, page: Page) -> None:
    webui = start()
    was_opened(page)
    page.goto(webui.url)
    page.get_by_label("Prompt", exact=True).fill("a zorb")
    result = page.locator("#txt2img_result textarea")
    with Keeper(webui.root, print) as keeper, keeper.training(lambda: REPORT):
        assert webui.state()["locked"]
        page.get_by_role("button", name="Generate").click()
        look(page)
        notice = page.locator("#train_tools_notice")
        expect(notice).to_contain_text("Train Tools is training (run 3 of 8, 40 %) and has the GPU")
        asked = httpx.post(
            f"{webui.url}/internal/progress", json={"id_task": "task(1)"}, trust_env=False, timeout=30
        )
        assert "the picture waits until it ends" in asked.json()["textinfo"]
        covered = page.evaluate(COVERED)
        assert covered == [], "the notice covers nothing"
        keep_picture(page, "training", webui.says["gradio"])
        frame = open_tab(page)
        expect(frame.get_by_role("tab", name="Data")).to_be_visible(timeout=START_MS)
        font = "(node) => getComputedStyle(node).fontFamily + getComputedStyle(node).fontSize"
        assert notice.evaluate(font) == frame.locator("body").evaluate(font), "one font for what is ours"
        assert page.evaluate("document.scrollingElement.scrollHeight") <= 720, "one scrollbar"
        open_tab(page, "txt2img")
        assert result.input_value() == ""
    expect(result).to_have_value("made: a zorb")
    look(page)
    expect(page.locator("#train_tools_notice")).to_have_count(0)
    assert webui.state()["place"] == "gpu"


# What of the webui lies below the notice, which may take no room of theirs.
COVERED = """() => {
    const box = document.getElementById('train_tools_notice').getBoundingClientRect();
    return [...document.querySelectorAll('gradio-app button, gradio-app textarea, gradio-app footer')]
        .map((node) => [node.textContent, node.getBoundingClientRect()])
        .filter(([, at]) => at.width && at.top < box.bottom && at.bottom > box.top)
        .map(([text]) => text);
}"""


@pytest.mark.parametrize(("theme", "language"), [("light", "None"), ("dark", "zh_CN")])
def test_pause_the_training_and_draw(start: Start, page: Page, theme: str, language: str) -> None:
    webui = start(localization=language)
    is_chinese = language != "None"
    was_opened(page)
    page.goto(f"{webui.url}/?__theme={theme}")
    page.get_by_label("Prompt", exact=True).fill("a zorb")
    result = page.locator("#txt2img_result textarea")
    notice = page.locator("#train_tools_notice")
    with Keeper(webui.root, print) as keeper:
        with keeper.training(lambda: REPORT):
            page.get_by_role("button", name="Generate").click()
            look(page)
            expect(notice).to_contain_text("第 3 个训练，共 8 个，40%" if is_chinese else "run 3 of 8, 40 %")
            keep_picture(page, f"notice-{theme}", webui.says["gradio"])
            notice.get_by_role("button").first.click()
            expect(notice).to_contain_text("保存训练状态" if is_chinese else "saves the training's state")
            deadline = time.monotonic() + 20
            while not keeper.wishes_pause:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        expect(result).to_have_value("made: a zorb")
        expect(notice).to_contain_text("已为出图暂停" if is_chinese else "is paused for your pictures")
        keep_picture(page, f"paused-{theme}", webui.says["gradio"])
        notice.get_by_role("button", name="继续训练" if is_chinese else "Go on training").click()
        deadline = time.monotonic() + 20
        while keeper.wishes_pause:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    expect(notice).to_have_count(0)
