"""Errors that a user can cause. Their text is one sentence that says what to do."""

from __future__ import annotations

# In the words of torch, CUDA and its libraries, onnxruntime, C++, Python, Linux and Windows.
OUT_OF_MEMORY = (
    "out of memory", "outofmemory", "status_alloc_failed", "not enough memory", "memoryerror", "allocate memory",
    "failed to allocate", "bad_alloc", "bad allocation",
)  # fmt: skip


class TrainToolsError(Exception):
    """Something went wrong that the user should read; the command ends with `exit_code`."""

    exit_code = 1


class UsageError(TrainToolsError):
    """What was asked for can't be done as asked: a wrong name, value, path or combination."""

    exit_code = 2


def is_out_of_memory(error: BaseException | str) -> bool:
    """Whether an error of torch or another library, or what a process said at its end, means that memory ran out."""
    if isinstance(error, (MemoryError, TrainToolsError)):
        return isinstance(error, MemoryError)
    text = (error if isinstance(error, str) else f"{type(error).__name__}: {error}").lower()
    return any(words in text for words in OUT_OF_MEMORY)
