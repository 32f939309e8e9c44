"""States of torch that code can enter without leaving them: modes, autocast, saved-tensor hooks.

Each belongs to a thread. `torch.inference_mode` is not here: only a guard that was entered before
it can end it (see compound.jobs.runtime.torch_settings).
"""

from typing import Any

import torch
from torch._C import _autograd
from torch.overrides import TorchFunctionMode
from torch.utils import _python_dispatch as dispatch
from torch.utils._python_dispatch import TorchDispatchMode

Hooks = tuple[Any, Any]

_STACK: Any = torch.overrides
_OPERATIONS: Any = TorchDispatchMode
"""torch 2.13 has no types for either, and no public function that reads or sets the stacks."""


def _context_of_default_device() -> Any:
    return getattr(getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None), "device_context", None)


def default_device() -> torch.device | None:
    """Return the device of set_default_device; a `with torch.device` does not count."""
    device: torch.device | None = getattr(_context_of_default_device(), "device", None)
    return device


def set_default_device(device: torch.device | None) -> None:
    """Call torch.set_default_device."""
    # torch's function raises inside a `with torch.device` that was not left: leave it for the call.
    modes = function_modes()
    set_function_modes(())
    torch.set_default_device(device)
    set_function_modes(modes)


def function_modes() -> tuple[TorchFunctionMode, ...]:
    """Return this thread's function modes, each `with torch.device` too; the last is on top."""
    default = _context_of_default_device()
    stack = _STACK._get_current_function_mode_stack()
    return tuple(mode for mode in stack if mode is not default)


def set_function_modes(modes: tuple[TorchFunctionMode, ...]) -> None:
    """Make these the function modes of this thread, above the default device."""
    for _ in _STACK._get_current_function_mode_stack():
        _STACK._pop_mode()
    default = _context_of_default_device()
    for mode in (*([default] if default else []), *modes):
        _STACK._push_mode(mode)


def dispatch_modes() -> tuple[TorchDispatchMode, ...]:
    """Return the dispatch modes of this thread; the last is on top."""
    return tuple(dispatch._get_current_dispatch_mode_stack())


def set_dispatch_modes(modes: tuple[TorchDispatchMode, ...]) -> None:
    """Make these the dispatch modes of this thread, without a mode's own `__exit__`."""
    present = dispatch_modes()
    common = 0
    while common < min(len(present), len(modes)) and present[common] is modes[common]:
        common += 1
    for mode in reversed(present[common:]):
        _OPERATIONS.__exit__(mode, None, None, None)
    for mode in modes[common:]:
        _OPERATIONS.__enter__(mode)


def autocast_depth() -> int:
    """Return how many autocasts were entered and not left."""
    # torch has no function that only reads the depth: each of the two returns it.
    depth = torch.autocast_increment_nesting() - 1
    torch.autocast_decrement_nesting()
    return depth


def set_autocast_depth(depth: int) -> None:
    """Leave or enter autocasts until the depth is reached, and drop the weights that were cast."""
    while autocast_depth() > depth:
        torch.autocast_decrement_nesting()
    while autocast_depth() < depth:
        torch.autocast_increment_nesting()
    torch.clear_autocast_cache()


def saved_hooks() -> Hooks | None:
    """Return the innermost hooks on tensors that autograd saves."""
    hooks: Hooks | None = _autograd._top_saved_tensors_default_hooks(True)
    return hooks


def set_saved_hooks(hooks: Hooks | None) -> None:
    """Leave hooks until these are the innermost."""
    while saved_hooks() not in (hooks, None):
        _autograd._pop_saved_tensors_default_hooks()
    if saved_hooks() != hooks and hooks is not None:
        _autograd._push_saved_tensors_default_hooks(*hooks)
