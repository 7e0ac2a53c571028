from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from train_tools.dataset.parallel import PixelBudget, ordered


def test_order_is_kept_and_little_is_waiting() -> None:
    started: list[int] = []

    def slow_first(number: int) -> int:
        started.append(number)
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    furthest = 0
    with ordered(slow_first, range(40), workers=3) as results:
        for taken, (number, square) in enumerate(results):
            assert (number, square) == (taken, taken * taken)
            furthest = max(furthest, len(started) - taken)
    assert furthest <= 6


def test_leaving_early_ends_the_threads() -> None:
    with pytest.raises(KeyboardInterrupt), ordered(lambda n: n, range(100), workers=2) as results:
        for number, _ in results:
            if number == 3:
                raise KeyboardInterrupt
    assert not [t for t in threading.enumerate() if t.name.startswith("images")]


def test_an_error_is_raised_at_its_item() -> None:
    def fail(number: int) -> int:
        return 1 // (number - 2)

    seen = []
    with pytest.raises(ZeroDivisionError), ordered(fail, range(5), workers=2) as results:
        for number, _ in results:
            seen.append(number)
    assert seen == [0, 1]


def test_the_budget_holds_and_a_giant_goes_alone() -> None:
    budget = PixelBudget(100)
    inside: list[int] = []
    most: list[int] = []
    guard = threading.Lock()

    def work(pixels: int) -> None:
        with budget.holding(pixels):
            with guard:
                inside.append(pixels)
                most.append(sum(inside) if max(inside) <= 100 else len(inside))
                assert max(inside) <= 100 or len(inside) == 1
            time.sleep(0.002)
            with guard:
                inside.remove(pixels)

    with ordered(work, [40, 30, 500, 40, 40, 90, 10, 100] * 3, workers=6) as results:
        assert len(list(results)) == 24
    assert max(most) <= 100


def test_threads_that_need_opencv_first_dont_meet() -> None:
    script = """
from PIL import Image
from train_tools.dataset.operations.points import edge_points, face_points
from train_tools.dataset.parallel import ordered
image = Image.linear_gradient("L")
with ordered(lambda n: (face_points, edge_points)[n % 2](image), range(16), workers=8) as results:
    print(len(list(results)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.stdout.strip(), done.returncode) == ("16", 0), done.stderr
