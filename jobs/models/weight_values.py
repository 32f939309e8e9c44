"""Types and numbers of a file's tensors: which are cast to float32, and which are refused."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from compound.jobs.models.weight_file import first_names
from compound.schemas.errors import ArchitectureError

_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
ACCEPTED = "dense tensors of float32, float16, bfloat16 or float64"


def require_loadable(
    weights: Mapping[str, Tensor], counters: Mapping[str, Tensor], path: Path
) -> None:
    """Check the tensors that a network takes from a file, by the file's names.

    `counters` are whole numbers of any type; the network computes nothing from them.
    Raises ArchitectureError: a type that is no weight's, numbers that are not finite in float32,
    or variances below zero.
    """
    wrong = {name: _kind(t) for name, t in weights.items() if not _is_weight(t)}
    wrong |= {name: _kind(t) for name, t in counters.items() if not _is_plain(t)}
    if wrong:
        listed = [f"{name} is {kind}" for name, kind in wrong.items()]
        raise ArchitectureError(
            f"no weights by their type: {first_names(listed)}",
            where=str(path),
            allowed=ACCEPTED,
            next_step="save the network's state dict before it is quantised or made sparse",
        )
    _require_numbers(weights, path)


def cast_types(weights: Iterable[Tensor]) -> Counter[str]:
    """Count the tensors that become float32, by their type in the file."""
    return Counter(_type(tensor) for tensor in weights if tensor.dtype != torch.float32)


def _require_numbers(weights: Mapping[str, Tensor], path: Path) -> None:
    variances = {name: t for name, t in weights.items() if name.endswith("running_var")}
    _refuse(weights, "numbers that are NaN or infinite in float32", _not_finite, path)
    _refuse(variances, "variances below zero", _negative, path)


def _refuse(
    weights: Mapping[str, Tensor], fault: str, count: Callable[[Tensor], int], path: Path
) -> None:
    counts = {name: count(tensor) for name, tensor in weights.items()}
    listed = [f"{name} ({n:,} of {weights[name].numel():,})" for name, n in counts.items() if n]
    if listed:
        raise ArchitectureError(
            f"{fault}: {first_names(listed)}",
            where=str(path),
            allowed="weights with which the network can compute",
            next_step="start from an earlier checkpoint, from before its training diverged",
        )


def _not_finite(tensor: Tensor) -> int:
    return int((~tensor.float().isfinite()).sum())


def _negative(tensor: Tensor) -> int:
    return int((tensor < 0).sum())


def _is_plain(tensor: Tensor) -> bool:
    dense = tensor.layout == torch.strided and not tensor.is_nested and not tensor.is_meta
    return dense and not (tensor.is_quantized or tensor.is_complex())


def _is_weight(tensor: Tensor) -> bool:
    return _is_plain(tensor) and tensor.dtype in _FLOATS


def _kind(tensor: Tensor) -> str:
    """Describe what a tensor is instead of dense real numbers."""
    if tensor.is_quantized:
        return f"quantised ({_type(tensor)})"
    if tensor.is_nested:
        return "nested"
    if tensor.layout != torch.strided:
        return f"sparse ({str(tensor.layout).removeprefix('torch.')})"
    return "without numbers (meta)" if tensor.is_meta else _type(tensor)


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
