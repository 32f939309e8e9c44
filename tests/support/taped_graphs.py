"""A stand-in for CUDA graphs: records a CPU's operations, and does them again without Python.

As a graph does, it keeps every operation with the memory that it read and wrote, and with the
numbers that the host gave it. What Python would have decided otherwise the second time stays as it
was the first time.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

_WAITS = {"aten._local_scalar_dense.default", "aten.nonzero.default"}
"""Operations whose results the host reads: no graph can hold them."""


class _Recording(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if str(func) in _WAITS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {func}\nline 2")
        made = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, made))
        return made


class Tape:
    """Records as `Cuda` of graphed_passes.py does; `launches` counts the operations of each."""

    def __init__(self, *, waits: bool = True, leave_out: str = "nothing") -> None:
        self.launches: list[int] = []
        self.names: set[str] = set()
        self._waits, self._leave_out = waits, leave_out

    def on_side_stream(self) -> AbstractContextManager[object]:
        return nullcontext()

    def is_launch_bound(self, action: Callable[[], None]) -> bool:
        action()
        return self._waits

    def recorded(self, action: Callable[[], None]) -> Callable[[], None]:
        with _Recording() as recording:
            action()
        kept = [one for one in recording.operations if self._leave_out not in str(one[0])]
        self.launches.append(len(recording.operations))
        self.names |= {str(one[0]) for one in recording.operations}

        @torch.no_grad()
        def replay() -> None:
            for func, args, kwargs, made in kept:
                for old, new in zip(
                    tree_leaves(made), tree_leaves(func(*args, **kwargs)), strict=True
                ):
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)

        return replay
