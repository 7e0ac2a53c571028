"""Answers that take longer than a handler may."""

from __future__ import annotations

import threading

import pytest

from train_tools.errors import UsageError
from train_tools.ui.later import Later


def test_an_answer_is_worked_out_once_for_a_stamp() -> None:
    later, calls = Later(), []
    for _ in range(3):
        assert later.answer("key", "1", lambda: calls.append(0) or 7) == {"stamp": "1", "value": 7}
    assert later.answer("key", "2", lambda: 8) == {"stamp": "2", "value": 8}
    assert len(calls) == 1


def test_who_asks_too_early_is_told_to_wait() -> None:
    later, go = Later(), threading.Event()
    work = lambda: go.wait(10)  # noqa: E731 - the answer is whether it was let go
    assert later.answer("key", "1", work, wait=0.01) == {"waiting": True}
    # Another stamp meanwhile: what is being worked out is given nevertheless, with its own stamp.
    assert later.answer("key", "2", work, wait=0.01) == {"waiting": True}
    go.set()
    assert later.answer("key", "2", work, wait=5) == {"stamp": "1", "value": True}


def test_an_error_is_told_and_not_kept() -> None:
    later = Later()

    def refuse() -> None:
        raise UsageError("no")

    with pytest.raises(UsageError):
        later.answer("key", "1", refuse)
    assert later.answer("key", "1", lambda: 3)["value"] == 3


def test_a_file_that_vanishes_meanwhile_is_no_error() -> None:
    left = [1, 1, 0]

    def look() -> str:
        if left.pop(0):
            raise FileNotFoundError
        return "seen"

    assert Later().answer("key", "1", look, wait=30)["value"] == "seen"
