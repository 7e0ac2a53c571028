"""What a training step asks of the processor, counted without computing it: on a GPU each call is about one launch."""

from __future__ import annotations

from collections import Counter
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

COPIES = frozenset({"copy_", "clone", "_to_copy", "cat", "stack", "_foreach_copy_"})
# Neither views by their schema nor work for a GPU.
IDLE = frozenset({"_unsafe_view", "detach", "lift_fresh", "profiler", "_record_function_enter_new"})
ROOM = "empty"  # what only takes memory is called so


class Calls(TorchDispatchMode):
    """Counts what is asked of ATen: `found` by name, `launches` those that compute, `copied` bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.launches = 0
        self.copied = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(func.overloadpacket).rpartition(".")[2]
        if func.namespace != "aten":  # as where tensors that hold nothing are asked for their device
            return func(*args, **(kwargs or {}))
        self.found[name] += 1
        result = func(*args, **(kwargs or {}))
        if not (func.is_view or name in IDLE or ROOM in name):
            self.launches += 1
        if name in COPIES and isinstance(result, Tensor):
            self.copied += result.nbytes
        return result

    def most(self, count: int = 4) -> str:
        return ", ".join(f"{name} {times:,}" for name, times in self.found.most_common(count))
