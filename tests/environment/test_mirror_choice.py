"""The place itself where it answers, else the first mirror that does; servers of our own on this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from train_tools.environment import mirror_choice
from train_tools.environment.mirror_choice import Service, choose, find_out, known_choices, reaches
from train_tools.environment.process import process_environment
from train_tools.environment.program import ProgramSettings, change, read


@contextmanager
def server(status: int, wait_s: float = 0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            time.sleep(wait_s)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}"
    finally:
        made.shutdown()
        made.server_close()


@pytest.mark.parametrize(("status", "answers"), [(200, True), (401, True), (404, False), (503, False)])
def test_what_counts_as_an_answer(status: int, answers: bool) -> None:
    with server(status) as address:
        assert reaches(address) == answers


def test_a_place_that_is_silent_or_gone_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_choice, "ANSWER_S", 0.2)
    with server(200, wait_s=1) as address:
        assert not reaches(address)
    assert not reaches(address), "its server has ended"
    assert not reaches("nonsense")


@pytest.mark.parametrize(
    ("answering", "chosen"),
    [
        ({"o", "a", "b"}, ""), ({"o"}, ""), ({"a", "b"}, "https://a"), ({"b"}, "https://b"), (set(), ""),
    ],
)  # fmt: skip
def test_the_place_itself_goes_first(
    monkeypatch: pytest.MonkeyPatch, answering: set[str], chosen: str
) -> None:
    monkeypatch.setattr(
        mirror_choice, "SERVICES", {"github": Service("https://o", ("https://a", "https://b"), "probe")}
    )
    tried = []

    def reach(address: str) -> bool:
        tried.append(address)
        return address.removeprefix("https://").partition("/")[0] in answering

    assert choose("github", reach) == chosen
    assert sorted(tried) == ["https://a/probe", "https://b/probe", "https://o/probe"]


def test_a_choice_is_remembered_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def reach(address: str) -> bool:
        asked.append(address)
        return "hf-mirror" in address

    found = find_out(tmp_path, read(tmp_path), ("hugging_face",), reach)
    assert found == known_choices(tmp_path) == {"hugging_face": "https://hf-mirror.com"}
    assert process_environment({}, tmp_path)["HF_ENDPOINT"] == "https://hf-mirror.com"
    assert process_environment({"HF_ENDPOINT": "https://mine"}, tmp_path)["HF_ENDPOINT"] == "https://mine"
    asked.clear()
    find_out(tmp_path, read(tmp_path), ("hugging_face",), reach)
    assert asked == []
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 25 * 3600)
    assert known_choices(tmp_path) == {}
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert known_choices(tmp_path) == {}, "the clock was set back"


def test_nothing_is_tried_where_a_person_has_decided(tmp_path: Path) -> None:
    def reach(address: str) -> bool:
        raise AssertionError(address)

    for settings in (ProgramSettings(hugging_face="off"), ProgramSettings(offline=True)):
        assert find_out(tmp_path, settings, ("hugging_face",), reach) == {}
    change(tmp_path, {"hugging_face": "off"})
    mirror_choice.choices_file(tmp_path).write_text("[", encoding="utf-8")
    assert known_choices(tmp_path) == {}
