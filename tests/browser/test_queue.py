"""The queue as a person watches and handles it; a worker of its own trains with the fake engine of tests/execution."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import execution.worker_process
import pytest
from browser.conftest import Complaints, Served
from execution.conftest import Bench
from execution.fake_engine import FakeEngine, make_version
from messages.conftest import Service, own_folder, service
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from train_tools.engines import registry
from train_tools.execution import lane, queue_actions
from train_tools.execution.lane import has_worker
from train_tools.execution.queue import PAUSED, Queue
from train_tools.workspace import settings
from train_tools.workspace.run_folder import is_alive, process_start

__all__ = ["own_folder", "service"]
LONG = {"max_train_epochs": "200", "training_comment": "slow"}  # a minute


@pytest.fixture
def bench(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """The queue behind the page; its worker is a process of its own, which ends with the test."""
    script = str(Path(execution.worker_process.__file__))
    monkeypatch.setattr(lane, "COMMAND", (sys.executable, script, str(served.root)))
    monkeypatch.setitem(registry.ENGINES, "packed", FakeEngine(served.root))
    bench = Bench(served.root, make_version(served.root), Queue(served.root))
    yield bench
    set_paused(bench)
    for entry in bench.queue.entries():
        if entry.state not in ("finished", "failed", "cancelled", "paused"):
            queue_actions.cancel(bench.queue, entry.id)
    wait_for(lambda: not has_worker(bench.root))


def set_paused(bench: Bench, on: bool = True) -> None:
    with bench.queue.locked() as connection:
        bench.queue.set_flag(connection, "gpu", PAUSED, on=on)


def wait_for(there: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def open_queue(page: Page, served: Served) -> None:
    page.goto(served.url + "#/-/-/queue")
    expect(page.get_by_role("heading", name="Queue", exact=True)).to_be_visible()


def row(page: Page, number: int) -> Locator:
    return page.locator(f'.entry[data-id="{number}"]')


def choose(page: Page, number: int, action: str) -> None:
    row(page, number).get_by_role("button", name="Actions for").click()
    page.get_by_role("menuitem", name=action).click()


def has_failed_twice(bench: Bench, number: int) -> bool:
    record = bench.entry(number).record
    return record is not None and (record.attempt, record.state) == (2, "failed")


def waiting(page: Page) -> list[int]:
    return [int(node.get_attribute("data-id") or 0) for node in page.locator(".waiting .entry").all()]


def test_a_night_is_watched_from_beginning_to_end(page: Page, served: Served, bench: Bench) -> None:
    bench.add(seed="1,2", training_comment="says failed")
    bench.add(seed="1-3")
    open_queue(page, served)  # which starts the worker, as nobody did
    expect(page.get_by_role("heading", name="Ended (5)")).to_be_visible()
    expect(page.get_by_text("2 failed").first).to_be_visible()
    expect(page.locator(".batch").filter(has_text="3 finished").locator("summary")).to_be_visible()
    failed = page.locator(".batch").filter(has_text="the loss is nan at step 5")
    failed.locator("summary").click()
    failed.get_by_role("button", name="Seed 1", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("alert").first).to_contain_text("the loss is nan at step 5")
    expect(dialog.get_by_role("img", name="Loss from")).to_be_visible()
    dialog.get_by_role("tab", name="Log").click()
    expect(dialog.locator("pre.log")).to_contain_text("fake engine on")
    page.reload()  # comes back to where it was
    expect(page.get_by_role("dialog").get_by_role("alert").first).to_contain_text("the loss is nan")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Try the failed ones again (2)").click()
    wait_for(lambda: all(has_failed_twice(bench, number) for number in (1, 2)))
    page.wait_for_timeout(2000)  # until the page knows
    expect(page.get_by_role("heading", name="Ended (5)")).to_be_visible()
    page.get_by_role("button", name="Clear the ended ones").click()
    page.get_by_role("dialog").get_by_role("button", name="Clear the ended ones").click()
    expect(page.get_by_text("Nothing is queued")).to_be_visible()


def test_a_failure_says_what_helps(page: Page, served: Served, bench: Bench) -> None:
    bench.add(seed="1", training_comment="starving")
    open_queue(page, served)
    expect(row(page, 1)).to_contain_text("CUDA out of memory")
    row(page, 1).get_by_role("button", name="What helps?").click()
    expect(page.get_by_role("dialog")).to_contain_text("lower train_batch_size")
    page.get_by_role("dialog").get_by_role("button", name="Set Gradient checkpointing = on").click()
    expect(page.get_by_text("Gradient checkpointing = on is set for this version")).to_be_visible()
    assert settings.read(bench.version)["training"]["gradient_checkpointing"] == "true"
    page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Gradient checkpointing = on is set for this version")).to_be_hidden()
    assert "gradient_checkpointing" not in settings.read(bench.version)["training"]
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.get_by_role("button", name="切换到中文").click()
    row(page, 1).get_by_role("button", name="如何解决？").click()
    expect(page.get_by_role("dialog")).to_contain_text("显存不足")


def test_what_runs_is_paused_goes_on_and_is_cancelled(page: Page, served: Served, bench: Bench) -> None:
    bench.add(seed="1", **LONG)
    bench.add(seed="9", **LONG)
    open_queue(page, served)
    expect(page.locator(".now .entry").first).to_contain_text("loss 0.5")
    expect(page.get_by_text("The worker is running")).to_be_visible()
    choose(page, 1, "Pause")
    expect(row(page, 1)).to_contain_text("paused")
    expect(page.locator(".now .entry")).to_have_count(1)
    choose(page, 1, "Run now")
    page.get_by_role("dialog").get_by_role("button", name="Run now").click()
    expect(page.locator(".now").locator('[data-id="1"]')).to_contain_text("running")
    choose(page, 1, "Cancel this entry")
    page.get_by_role("dialog").get_by_role("button", name="Cancel this entry").click()
    expect(row(page, 1)).to_contain_text("cancelled")
    page.get_by_role("button", name="Pause the queue").click()
    expect(page.get_by_text("The queue is paused")).to_be_visible()
    expect(row(page, 9 - 7)).to_contain_text("interrupted")
    page.get_by_role("button", name="Resume the queue").click()
    expect(page.locator(".now").locator('[data-id="2"]')).to_contain_text("running")


def test_the_order_is_changed_by_mouse_and_keyboard(page: Page, served: Served, bench: Bench) -> None:
    set_paused(bench)
    bench.add(seed="1-4")
    open_queue(page, served)
    expect(page.locator(".waiting .entry")).to_have_count(4)
    page.locator('.entry[data-id="4"] .grip').drag_to(row(page, 1), target_position={"x": 200, "y": 4})
    expect(page.locator(".waiting .entry").first).to_have_attribute("data-id", "4")
    assert waiting(page) == [4, 1, 2, 3]
    grip = page.locator('.entry[data-id="1"] .grip')
    grip.focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator(".waiting .entry").nth(2)).to_have_attribute("data-id", "1")
    expect(grip).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator(".waiting .entry").nth(3)).to_have_attribute("data-id", "1")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".waiting .entry").nth(2)).to_have_attribute("data-id", "1")
    choose(page, 3, "Move to the top")
    expect(page.locator(".waiting .entry").first).to_have_attribute("data-id", "3")
    assert [entry.id for entry in bench.queue.entries()] == waiting(page) == [3, 4, 2, 1]


def test_what_waits_is_edited_and_given_a_time(
    page: Page, served: Served, bench: Bench, complaints: Complaints
) -> None:
    set_paused(bench)
    bench.add(seed="1,2")
    open_queue(page, served)
    choose(page, 2, "Edit settings")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Seed", exact=True).fill("many")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator("form > .problem")).to_contain_text("Seed")
    assert any("400" in text for text in complaints.found)
    complaints.found.clear()
    dialog.get_by_label("Seed", exact=True).fill("77")
    dialog.get_by_role("button", name="Save").click()
    expect(row(page, 2)).to_contain_text("Seed 77")
    choose(page, 1, "Not before")
    page.get_by_label("Start no earlier than").fill("2099-01-31T22:30")
    page.get_by_role("button", name="Wait until then").click()
    expect(row(page, 1)).to_contain_text("waits until")
    assert bench.entry(1).not_before is not None
    choose(page, 1, "Not before")
    page.get_by_role("button", name="At any time").click()
    expect(row(page, 1)).not_to_contain_text("waits until")


def test_switches_of_the_queue_are_asked_about_and_kept(page: Page, served: Served, bench: Bench) -> None:
    set_paused(bench)
    bench.add(seed="1")
    open_queue(page, served)
    shut_down = page.get_by_role("switch", name="Shut down when done")
    expect(shut_down).not_to_be_checked()
    shut_down.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(shut_down).not_to_be_checked()
    shut_down.click()
    page.get_by_role("dialog").get_by_role("button", name="Shut down when done").click()
    page.get_by_role("switch", name="Stop after this one").click()
    page.wait_for_timeout(300)
    page.reload()
    expect(page.get_by_role("switch", name="Shut down when done")).to_be_checked()
    expect(page.get_by_role("switch", name="Stop after this one")).to_be_checked()
    page.get_by_role("switch", name="Shut down when done").click()
    expect(page.get_by_role("switch", name="Shut down when done")).not_to_be_checked()
    page.wait_for_timeout(300)
    with bench.queue.locked() as connection:
        assert bench.queue.flags(connection, "gpu") == {PAUSED, "stop after"}


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_worker_is_started_again_while_one_watches(page: Page, served: Served, bench: Bench) -> None:
    (bench.version.processed / "3_zorb").rename(bench.version.processed / "30_zorb")  # 120 steps, 6 seconds
    bench.add(seed="1", training_comment="slow")
    open_queue(page, served)
    expect(page.locator(".now .entry")).to_contain_text("loss 0.5")
    step = bench.entry(1)
    assert step.record is not None
    assert step.record.pid is not None
    os.kill(parent_of(step.record.pid), signal.SIGKILL)
    expect(row(page, 1)).to_contain_text("finished")
    choose(page, 1, "Log and details")
    expect(page.get_by_role("dialog")).to_contain_text("went on from step")


def parent_of(pid: int) -> int:
    """The worker that started this engine."""
    started = process_start(pid)
    assert is_alive(pid, started)
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_two_browsers_see_the_same(browser: Browser, page: Page, served: Served, bench: Bench) -> None:
    set_paused(bench)
    bench.add(seed="1-3")
    open_queue(page, served)
    phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN").new_page()
    phone.goto(served.url + "#/-/-/queue")
    expect(phone.get_by_role("heading", name="等待中（3）")).to_be_visible()
    choose(page, 2, "Cancel this entry")
    expect(phone.get_by_role("heading", name="等待中（2）")).to_be_visible()
    phone.locator('.entry[data-id="3"]').get_by_role("button", name="的操作").click()
    phone.get_by_role("menuitem", name="移到最前").click()
    expect(page.locator(".waiting .entry").first).to_have_attribute("data-id", "3")
    wide = phone.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    phone.context.close()


def test_a_thousand_entries_are_folded(
    page: Page, served: Served, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_paused(bench)
    monkeypatch.setattr(os, "fsync", lambda _file: None)  # only to have them here soon
    bench.add(seed="1-250", network_dim="4,8,16,32")
    open_queue(page, served)
    expect(page.get_by_role("heading", name="Waiting (1,000)")).to_be_visible()
    expect(page.locator(".waiting .entry")).to_have_count(50)
    page.get_by_role("button", name="Show more (950 left)").click()
    expect(page.locator(".waiting .entry")).to_have_count(250)
    with bench.queue.locked() as connection:
        for entry in list(bench.queue.read(connection))[10:]:
            bench.queue.forget(connection, entry)
    expect(page.get_by_role("heading", name="Waiting (10)")).to_be_visible()


SERVE = """
import sys, uvicorn
from pathlib import Path
from train_tools.ui.server import application
uvicorn.run(application(Path(sys.argv[1])), host="127.0.0.1", port=int(sys.argv[2]), log_config=None, lifespan="off")
"""


class Killable:
    """A page server in a process of its own; when it starts again, on the same port."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://localhost:{self._port}/"

    def start(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", SERVE, str(self._root), str(self._port)])

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(self.url, timeout=2):
            return True
        return False


@pytest.fixture
def killable(bench: Bench) -> Iterator[Killable]:
    server = Killable(bench.root)
    server.start()
    yield server
    server.kill()


def test_a_page_whose_server_is_gone_says_so_and_comes_back_by_itself(
    browser: Browser, bench: Bench, killable: Killable
) -> None:
    set_paused(bench)
    bench.add(seed="1-6")
    context = browser.new_context(viewport={"width": 1280, "height": 720}, locale="en")
    page = context.new_page()
    wait_for(killable.answers)
    page.goto(killable.url + "#/p/v1/queue")
    expect(row(page, 1)).to_contain_text("waits: the queue is paused")
    killable.kill()
    lost = page.get_by_text("No answer from Train Tools since")
    expect(lost).to_be_visible()
    page.get_by_role("tab", name="Tools").click()  # which this browser hasn't loaded yet
    expect(page.get_by_text("This part isn't loaded yet")).to_be_visible()
    killable.start()
    expect(page.get_by_role("heading", name="About")).to_be_visible()
    expect(lost).to_have_count(0)
    expect(page.locator(".toast")).to_have_count(0)
    killable.kill()
    page.get_by_role("tab", name="Queue").click()  # opened while nobody answers: it reads what there is later
    expect(lost).to_be_visible()
    queue_actions.cancel(bench.queue, 6)
    killable.start()
    expect(row(page, 6)).to_contain_text("cancelled")
    expect(lost).to_have_count(0)
    several_are_cancelled_moved_and_tried_again(page, bench)
    context.close()


def several_are_cancelled_moved_and_tried_again(page: Page, bench: Bench) -> None:
    at: Any = {"x": 300, "y": 8}
    row(page, 3).click(position=at)
    row(page, 5).click(position=at, modifiers=["Shift"])
    expect(page.get_by_text("Chosen: 3")).to_be_visible()
    page.get_by_role("button", name="Move to the top").click()
    expect(page.locator(".waiting .entry").first).to_have_attribute("data-id", "3")
    assert waiting(page) == [3, 4, 5, 1, 2]
    row(page, 4).click(position=at, modifiers=["Control"])
    expect(page.get_by_text("Chosen: 2")).to_be_visible()
    page.get_by_role("button", name="Cancel entries").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel 2 entries").click()
    expect(row(page, 1)).to_contain_text("waits")
    wait_for(lambda: sorted(n for n, state in bench.states().items() if state == "cancelled") == [3, 5, 6])
    page.keyboard.press("Escape")
    expect(page.locator(".batch summary")).to_contain_text("3 cancelled")
    page.locator(".batch summary").click()
    expect(page.locator(".batch .entry")).to_have_count(3)
    page.keyboard.press("Control+a")
    expect(page.get_by_text("Chosen: 6")).to_be_visible()
    page.get_by_role("button", name="Try again (3)").click()
    wait_for(lambda: set(bench.states().values()) == {"queued"})


# What the browser is asked to show is noted; it shows it all the same.
NOTED = """
window.noted = [];
const shows = window.Notification;
window.Notification = class extends shows {
  constructor(title, options) { super(title, options); window.noted.push([title, options.body]); }
};
"""


def test_a_run_shows_its_pictures_and_tells_a_service_of_its_end(
    page: Page, served: Served, bench: Bench, service: Service, own_folder: Path
) -> None:
    bench.add(seed="1", training_comment="held 5")
    sample = bench.entry(1).folder / "sample"
    sample.mkdir()
    for epoch in (1, 2):
        picture = Image.new("RGB", (64, 64), (epoch * 90, 40, 90))
        picture.save(sample / f"p_e{epoch:06d}_00_20260101000000_7.png")
    page.context.grant_permissions(["notifications"])
    page.add_init_script(NOTED)
    open_queue(page, served)
    page.get_by_role("button", name="Tell me").click()
    dialog = page.get_by_role("dialog", name="Tell me")
    dialog.get_by_role("switch", name="A notification of this browser").click()
    dialog.get_by_role("button", name="Add a service").click()
    form = page.get_by_role("dialog", name="Add a service")
    form.get_by_label("Service").select_option("json")
    form.get_by_label("Address of the webhook").fill(f"{service.url}/hook")
    form.get_by_role("button", name="Save").click()
    dialog.get_by_role("button", name="Try it").click()
    expect(dialog.get_by_text("It was taken")).to_be_visible()
    assert service.got[-1][2]["event"] == "test"
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator(".now .strip img")).to_have_count(2)
    expect(page.locator(".now .strip")).to_contain_text("epoch 2")
    (bench.root / "go-1").touch()
    expect(row(page, 1)).to_contain_text("finished")
    wait_for(lambda: bool(page.evaluate("window.noted.length")))
    assert page.evaluate("window.noted") == [["Training has ended: p / v1", "1 finished"]]
    wait_for(lambda: service.got[-1][2]["event"] == "ended")
    assert service.got[-1][2]["finished"] == 1
