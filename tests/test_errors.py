from __future__ import annotations

import pytest
import torch

from train_tools.errors import TrainToolsError, is_out_of_memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.cuda.OutOfMemoryError("Allocation on device 0 would exceed allowed memory."),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        # torch on the CPU: Linux, then Windows
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 4000000000000 bytes. Error code 12 (Cannot allocate memory)"
        ),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:114] data. DefaultCPUAllocator: not enough memory: you tried"
        ),
        Exception(
            "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for requested buffer"
        ),
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "numpy.core._exceptions._ArrayMemoryError: Unable to allocate 3 GiB for an array",
    ],
    ids=str,
)
def test_what_says_that_memory_ran_out(error: BaseException | str) -> None:
    assert is_out_of_memory(error)


def test_what_doesnt() -> None:
    assert not is_out_of_memory(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not is_out_of_memory(TrainToolsError("the webui ran out of memory"))
    assert not is_out_of_memory("")


def test_torch_says_it_in_these_words() -> None:
    with pytest.raises(RuntimeError) as found:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(found.value)
