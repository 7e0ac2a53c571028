from __future__ import annotations

import pytest

from train_tools.environment.machine import Machine
from train_tools.environment.size import disk_gigabytes


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine("linux", "", nvidia=False), 1.9),
        (Machine("win32", "", nvidia=False), 1.9),
        (Machine("darwin", "", nvidia=False), 1.9),
        (Machine("linux", "", nvidia=True, cuda=(13, 0), capability=(8, 6)), 5.6),
        (Machine("win32", "", nvidia=True, cuda=(12, 8), capability=(8, 6)), 7.6),
        (Machine("linux", "", nvidia=True, cuda=(12, 6), capability=(6, 1)), 7.6),
        (Machine("linux", "", nvidia=False, amd=True), 16.1),
        (Machine("linux", "", nvidia=False, build="cpu"), 1.9),
        (Machine("linux", "", nvidia=False, build="xpu"), 6.1),
    ],
)
def test_what_is_told_before_the_set_up(machine: Machine, expected: float) -> None:
    assert disk_gigabytes(machine) == expected
