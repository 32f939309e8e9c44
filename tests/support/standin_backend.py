"""The stand-in device as torch knows it: its name, its module, and kernels to tell apart."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.library import Library, fallthrough_kernel
from torch.utils._pytree import tree_map
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "standin"


class _Event:
    """The device does everything at once, so every event has happened."""

    def record(self, *_: Any) -> None:
        """Nothing to wait for."""

    def synchronize(self) -> None:
        """Nothing to wait for."""

    def query(self) -> bool:
        """Whether it has happened."""
        return True


class _Module:
    """What `torch.get_device_module` returns: the part of torch.cuda that the project uses."""

    Event = _Event
    default_generators = (torch.default_generator,)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answers = {
            "is_available": True,
            "is_initialized": True,
            "is_bf16_supported": True,
            "_is_in_bad_fork": False,
            "device_count": 1,
            "current_device": 0,
            "get_device_name": "stand-in",
            "get_per_process_memory_fraction": 1.0,
            "get_device_properties": SimpleNamespace(total_memory=2**37, name="stand-in"),
            "get_amp_supported_dtype": [torch.bfloat16, torch.float16],
            "memory_allocated": 0,
            "max_memory_allocated": 0,
            **dict.fromkeys(("init", "manual_seed_all", "empty_cache", "reset_peak_memory_stats")),
            **dict.fromkeys(("set_device", "synchronize")),
        }
        if name not in answers:
            raise AttributeError(name)
        return lambda *_, **__: answers[name]


_setup_privateuseone_for_python_backend(NAME, _Module())
"""A process can give the name once; without `Standin` nothing can be done with the device."""


def own_kernels() -> Library:
    """Name operations that a GPU does in one, and torch takes apart for others."""
    library = Library("aten", "IMPL")
    library.impl("silu_backward", fallthrough_kernel, "PrivateUse1")
    return library


def autocast() -> list[Library]:
    """Let autocast know the device, as far as networks go: what it halves, what it does not."""
    rest, known = Library("_", "IMPL"), Library("aten", "IMPL")
    rest.fallback(fallthrough_kernel, "AutocastPrivateUse1")
    for name in ("conv2d", "linear", "matmul", "mm", "bmm", "addmm"):
        operation = getattr(torch.ops.aten, name).default
        known.impl(name, _cast(operation, None), "AutocastPrivateUse1")
    for name in ("log_softmax.int", "softmax.int"):
        packet, overload = name.split(".")
        operation = getattr(getattr(torch.ops.aten, packet), overload)
        known.impl(name, _cast(operation, torch.float32), "AutocastPrivateUse1")
    return [rest, known]


def _cast(operation: Any, dtype: torch.dtype | None) -> Callable[..., Any]:
    """Return an operation that takes its floats in a type; None: in autocast's."""

    def cast(*args: Any, **kwargs: Any) -> Any:
        wanted = dtype or torch.get_autocast_dtype(NAME)

        def convert(leaf: Any) -> Any:
            floats = isinstance(leaf, Tensor) and leaf.is_floating_point()
            return leaf.to(wanted) if floats else leaf

        with torch._C._ExcludeDispatchKeyGuard(
            torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)
        ):
            args, kwargs = tree_map(convert, (args, kwargs))
            return operation(*args, **kwargs)

    return cast
