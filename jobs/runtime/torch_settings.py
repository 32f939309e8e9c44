"""torch's settings of a process: each job starts with the same ones, and restores them at its end.

Workers stay warm, and a user's network is code. If one job changed the default type, a flag of
cuDNN or gradients, the numbers of the next jobs would change. So a job sets what it needs, and the
values from before are restored at its end.
"""

import random
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch.nn.modules import module as modules

from compound.jobs.runtime.torch_modes import (
    autocast_depth,
    default_device,
    dispatch_modes,
    function_modes,
    saved_hooks,
    set_autocast_depth,
    set_default_device,
    set_dispatch_modes,
    set_function_modes,
    set_saved_hooks,
)

Precision = Literal["ieee", "tf32"]
"""How a GPU multiplies float32: by IEEE 754, or with 10 bits of each factor's mantissa (TF32)."""

_CUDA, _CUDNN, _MKLDNN = torch.backends.cuda, torch.backends.cudnn, torch.backends.mkldnn
_KINDS = ("matmul", "conv", "rnn")


@dataclass(frozen=True)
class Setting:
    """A setting of the whole process, or of its thread."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    start: Any
    """The value that a job starts with: torch's default, unless a comment says why not."""
    fixed: bool = True
    """Whether jobs start with `start`; else with the present value."""


def _attribute(name: str, owner: Any, attribute: str, start: bool) -> Setting:
    read, write = partial(getattr, owner, attribute), partial(setattr, owner, attribute)
    return Setting(f"{name}.{attribute}", read, write, start)


def _autocast(device: str) -> Setting:
    read = partial(torch.is_autocast_enabled, device)
    return Setting(
        f"autocast of {device}", read, partial(torch.set_autocast_enabled, device), False
    )


def _autocast_dtype(device: str, start: torch.dtype) -> Setting:
    read = partial(torch.get_autocast_dtype, device)
    write = partial(torch.set_autocast_dtype, device)
    return Setting(f"the dtype of autocast of {device}", read, write, start)


def _attention(kind: str) -> Setting:
    read, write = getattr(_CUDA, f"{kind}_sdp_enabled"), getattr(_CUDA, f"enable_{kind}_sdp")
    return Setting(f"torch.backends.cuda.enable_{kind}_sdp", read, write, True)


def _deterministic() -> tuple[bool, bool]:
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    return torch.are_deterministic_algorithms_enabled(), warns


def _set_deterministic(values: tuple[bool, bool]) -> None:
    # torch's function imports Inductor, which takes seconds: do not call it without need.
    if values != _deterministic():
        torch.use_deterministic_algorithms(values[0], warn_only=values[1])


def _denormals_are_zero() -> bool:
    # torch can set flush_denormal and cannot read it: a denormal number shows it.
    return float("1e-310") * 1.0 == 0.0


def _set_matmul(precision: str) -> None:
    # torch keeps an old and a new switch, and raises where one is read after only the other was
    # set (pytorch/pytorch#179445): Inductor reads both.
    _CUDA.matmul.allow_tf32 = precision == "tf32"
    _CUDA.matmul.fp32_precision = precision


def _convolutions() -> tuple[str, str]:
    return _CUDNN.conv.fp32_precision, _CUDNN.rnn.fp32_precision  # type: ignore[attr-defined]


def _set_convolutions(precisions: tuple[str, str]) -> None:
    _CUDNN.allow_tf32 = precisions[0] == "tf32"
    _CUDNN.conv.fp32_precision, _CUDNN.rnn.fp32_precision = precisions  # type: ignore[attr-defined]


def _on_cpu() -> tuple[str, ...]:
    return tuple(getattr(_MKLDNN, kind).fp32_precision for kind in _KINDS)


def _set_on_cpu(precisions: tuple[str, ...]) -> None:
    for kind, precision in zip(_KINDS, precisions, strict=True):
        getattr(_MKLDNN, kind).fp32_precision = precision


def _hooks() -> dict[str, dict[Any, Any]]:
    """Return the hooks on all modules of the process, by the name of their table."""
    tables = {name: hooks for name, hooks in vars(modules).items() if name.startswith("_global_")}
    return {name: dict(hooks) for name, hooks in tables.items() if isinstance(hooks, dict)}


def _set_hooks(tables: Mapping[str, Mapping[Any, Any]]) -> None:
    for name, hooks in tables.items():
        getattr(modules, name).clear()
        getattr(modules, name).update(hooks)


MATMUL = Setting(
    "float32 matrix products of CUDA", lambda: _CUDA.matmul.fp32_precision, _set_matmul, "ieee"
)
CONVOLUTIONS = Setting(
    "float32 convolutions of cuDNN", _convolutions, _set_convolutions, ("ieee", "ieee")
)
"""torch's default is TF32 in cuDNN. Here float32 means float32, unless a recipe says tf32."""

SETTINGS = (
    Setting("the default dtype", torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    Setting("modes of functions", function_modes, set_function_modes, (), fixed=False),
    Setting("modes of operations", dispatch_modes, set_dispatch_modes, (), fixed=False),
    Setting("the default device", default_device, set_default_device, None),
    Setting("gradients", torch.is_grad_enabled, torch._C._set_grad_enabled, True),
    Setting("anomaly mode", torch.is_anomaly_enabled, torch.set_anomaly_enabled, False),
    Setting("deterministic algorithms", _deterministic, _set_deterministic, (False, False)),
    Setting("flushed denormals", _denormals_are_zero, torch.set_flush_denormal, False),
    Setting("hooks on every module", _hooks, _set_hooks, None, fixed=False),  # tools count by them
    Setting("hooks on saved tensors", saved_hooks, set_saved_hooks, None, fixed=False),
    Setting("the depth of autocast", autocast_depth, set_autocast_depth, 0),
    Setting(
        "the cache of autocast",
        torch.is_autocast_cache_enabled,
        torch.set_autocast_cache_enabled,
        True,
    ),
    _autocast("cpu"),
    _autocast("cuda"),
    _autocast_dtype("cpu", torch.bfloat16),
    _autocast_dtype("cuda", torch.float16),
    _attribute("torch.backends.cudnn", _CUDNN, "enabled", True),
    _attribute("torch.backends.cudnn", _CUDNN, "benchmark", False),
    _attribute("torch.backends.cudnn", _CUDNN, "deterministic", False),
    _attribute("torch.backends.mkldnn", _MKLDNN, "enabled", True),
    _attribute("torch.backends.mkldnn", _MKLDNN, "deterministic", False),
    *(
        _attribute("torch.backends.cuda.matmul", _CUDA.matmul, f"allow_{name}", start)
        for name, start in (
            ("fp16_reduced_precision_reduction", True),
            ("bf16_reduced_precision_reduction", True),
            ("fp16_accumulation", False),
        )
    ),
    *map(_attention, ("flash", "mem_efficient", "math", "cudnn")),
    Setting("threads", torch.get_num_threads, torch.set_num_threads, 1),
    Setting("float32 products on the CPU", _on_cpu, _set_on_cpu, ("ieee",) * len(_KINDS)),
    MATMUL,
    CONVOLUTIONS,
)


def current() -> dict[str, Any]:
    """Return all settings of this process by name."""
    return {setting.name: setting.read() for setting in SETTINGS}


def put(values: Mapping[str, Any]) -> tuple[str, ...]:
    """Set these values by name; return the names of the settings that had a different one."""
    named = [setting for setting in SETTINGS if setting.name in values]
    differing = [setting for setting in named if setting.read() != values[setting.name]]
    for setting in differing:
        setting.write(values[setting.name])
    return tuple(setting.name for setting in differing)


@contextmanager
def settled(threads: int, precision: Precision = "ieee") -> Iterator[None]:
    """Give torch the settings of a job inside the `with`; restore the previous ones after it."""
    before = current()
    chosen = {"threads": threads, MATMUL.name: precision, CONVOLUTIONS.name: (precision,) * 2}
    # At its end this guard also ends an inference mode that code inside entered and did not leave.
    with torch.inference_mode(False):
        for setting in SETTINGS:
            if setting.fixed:
                setting.write(chosen.get(setting.name, setting.start))
        try:
            with warnings.catch_warnings():
                yield
        finally:
            put(before)


@contextmanager
def full_float32() -> Iterator[None]:
    """Multiply float32 matrices by IEEE 754, even where a job allows TF32."""
    before = MATMUL.read()
    MATMUL.write("ieee")
    try:
        yield
    finally:
        MATMUL.write(before)


@contextmanager
def unchanged() -> Iterator[list[str]]:
    """Run the user's code and restore the settings that it changes; the list then names them.

    Its random numbers depend on torch's seed, in Python's and numpy's generators too. So a network
    does not depend on what the process did before.
    """
    before = current()
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    seed = torch.initial_seed()
    random.seed(seed)
    # numpy takes 32 bits of torch's 64.
    np.random.seed(seed % 2**32)
    changed: list[str] = []
    inference = torch.is_inference_mode_enabled()
    try:
        # Code that enters inference mode and does not leave it can be undone by this guard only.
        with torch.inference_mode(inference), warnings.catch_warnings():
            # The guard has switched gradients as a side effect.
            torch._C._set_grad_enabled(before["gradients"])
            try:
                yield changed
            finally:
                if torch.is_inference_mode_enabled() != inference:
                    changed.append("inference mode")
                changed += put(before)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
