from __future__ import annotations

from pathlib import Path

import pytest

from train_tools.execution.attempt import Attempt
from train_tools.execution.transient import DEVICE, DIED, DISK, MEMORY, WRONG, cause
from train_tools.workspace.run_folder import RunRecord

RECORD = RunRecord("id", "digest", "running", "packed", 12, "name", "fingerprint")


def attempt(*events: dict[str, object]) -> Attempt:
    found = Attempt(Path(), RECORD, {})
    for event in events:
        found.take(event)
    return found


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", MEMORY),
        ("RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", MEMORY),
        ("RuntimeError: [enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory", MEMORY),
        ("AcceleratorError: CUDA error: unspecified launch failure", DEVICE),
        ("RuntimeError: CUDA error: CUDA-capable device(s) is/are busy or unavailable", DEVICE),
        ("OSError: [Errno 28] No space left on device", DISK),
        ("OSError: [WinError 112] There is not enough space on the disk", DISK),
        ("AdamW refuses its learning rate or optimizer_args", WRONG),
        ("the loss is nan at step 5", WRONG),
    ],
)
def test_what_an_engine_says_tells_whether_to_try_again(error: str, expected: str) -> None:
    assert cause(attempt({"event": "failed", "error": error}), error, 1) == expected


@pytest.mark.parametrize(
    ("events", "exit_code", "expected"),
    [
        ([{"event": "step", "step": 3}], -9, DIED),
        ([], -9, DIED),
        (
            [{"event": "stage"}],
            1,
            DIED,
        ),  # ended from outside on Windows, or nothing could be written any more
        ([], 1, WRONG),  # a module is missing
        ([], 2, WRONG),
        ([{"event": "step", "step": 3}], 0, WRONG),
        ([{"event": "finished"}], 0, WRONG),  # but its files aren't what was planned
    ],
)
def test_how_a_silent_engine_ended_tells_it_too(
    events: list[dict[str, object]], exit_code: int, expected: str
) -> None:
    assert cause(attempt(*events), "the engine ended", exit_code) == expected
