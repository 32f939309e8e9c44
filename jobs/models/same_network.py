"""Whether a factory built the network that was counted: its tensors, its layers, its operations.

The counted network was built on torch's meta device, and the trained one with numbers. Code that
looks at the device, at a clock or at random numbers may build two networks.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from compound.jobs.models.meta_trace import digest
from compound.schemas.factory import FactoryNetwork

# The repr of a layer may have the address of a function in it, or the device of a tensor.
_OF_THIS_BUILD = re.compile(r" at 0x[0-9a-f]+|\b(?:meta|cpu|cuda(?::\d+)?)\b")
_LONGEST = 200


class Layout(NamedTuple):
    """What a module consists of, in its order."""

    tensors: dict[str, str]
    """Parameters and buffers by name: shape, type, and whether it is trained."""
    layers: dict[str, str]
    """Layers by name: class and settings."""


def layout(module: nn.Module) -> Layout:
    """Return what a module consists of; the same on every device."""
    parameters = module.named_parameters(remove_duplicate=False)
    tensors = {name: _described(w, _role(w)) for name, w in parameters}
    buffers = module.named_buffers(remove_duplicate=False)
    tensors |= {name: _described(b, "a buffer") for name, b in buffers}
    layers = {name: _layer(layer) for name, layer in module.named_modules()}
    return Layout(tensors, layers)


def first_difference(counted: Layout, built: Layout) -> str:
    """Say in what a built module differs first from the counted one; "" if in nothing."""
    return next(_differences(counted, built), "")


def differing_counts(planned: FactoryNetwork, now: FactoryNetwork) -> str:
    """Say how two networks differ of which one is known by its counts and digest alone."""
    numbers = (("params", "params"), ("MACs", "macs"), ("layers", "layers"))
    counts = [(n, getattr(now.workload, f), getattr(planned.workload, f)) for n, f in numbers]
    unlike = [f"{new:,} {name}, not {old:,}" for name, new, old in counts if new != old]
    digests = f"its layers and operations have the digest {now.shapes}, not {planned.shapes}"
    return f"it has {', '.join(unlike)}" if unlike else digests


def runs_otherwise(module: nn.Module, in_channels: int, resolution: int, counted: str) -> bool:
    """Whether a module that was built with numbers runs other operations than the counted ones.

    False where no copy of it can run on the meta device. `counted`: the digest of the trace.
    """
    digests = {_digest(module, in_channels, resolution, everything=e) for e in (True, False)}
    return counted not in digests and digests != {""}


def _differences(counted: Layout, built: Layout) -> Iterator[str]:
    yield from _of_one_kind("", counted.tensors, built.tensors)
    yield from _of_one_kind("the layer ", counted.layers, built.layers)


def _of_one_kind(kind: str, counted: Mapping[str, str], built: Mapping[str, str]) -> Iterator[str]:
    for name, text in built.items():
        if name not in counted:
            yield f"{kind}'{name}' was not counted: it is {_shortened(text)}"
        elif counted[name] != text:
            before = _shortened(counted[name])
            yield f"{kind}'{name}' is {_shortened(text)}, and was counted as {before}"
    for name in counted:
        if name not in built:
            yield f"{kind}'{name}' is missing, which was counted as {_shortened(counted[name])}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _role(weight: nn.Parameter) -> str:
    return "trained" if weight.requires_grad else "frozen"


def _described(tensor: Tensor, role: str) -> str:
    # A lazy weight has no shape before the first pass.
    shape = "of no shape yet" if is_lazy(tensor) else "x".join(map(str, tensor.shape)) or "a scalar"
    return f"{shape}, {str(tensor.dtype).removeprefix('torch.')}, {role}"


def _layer(layer: nn.Module) -> str:
    settings = _OF_THIS_BUILD.sub("", layer.extra_repr())
    return f"{type(layer).__qualname__}({settings})"


def _digest(module: nn.Module, in_channels: int, resolution: int, *, everything: bool) -> str:
    """Return the digest of a pass through a copy on the meta device; "" if there is no such pass.

    `everything`: also move tensors that are plain attributes of a layer.
    """
    # Both the copy and the pass run code of the user, which may raise anything.
    try:
        twin = copy.deepcopy(module, _moved(module, everything=everything))
        with torch.random.fork_rng(devices=[]):
            return digest(twin, in_channels, resolution)
    except Exception:
        return ""


def _moved(module: nn.Module, *, everything: bool) -> dict[int, object]:
    """Return what a copy has in place of the module's tensors, by their ids."""
    own = [*module.parameters(), *module.buffers()]
    if everything:
        leaves = (leaf for layer in module.modules() for leaf in tree_leaves(vars(layer)))
        own += [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    return {id(tensor): _on_meta(tensor) for tensor in own}


def _on_meta(tensor: Tensor) -> Tensor:
    empty = torch.empty_like(tensor, device="meta", requires_grad=False)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(empty, tensor.requires_grad)
    return empty.requires_grad_(tensor.requires_grad)
