"""What a built module is and does, read off one forward pass on torch's meta device.

The meta device knows shapes and no numbers, so a pass through any network takes milliseconds and
no memory. The pass is that of evaluation, which has no chance in it; autograd watches it, so that
what backward keeps is known too.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from compound.schemas.device import Workload

IMAGES = 2
"""Images of the pass: with one, a network that mixes images up would go unnoticed."""
_WORD = 4
"""Bytes of the elements that saved tensors are counted in."""
_MATRIX = {"aten::mm": 0, "aten::addmm": 1}
"""Products of two matrices, by the place of the first one."""
_NORM = "aten::native_batch_norm"
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class Trace(NamedTuple):
    """One pass: the work, a digest of everything that was seen, and what came out."""

    workload: Workload
    digest: str
    output: Any


def trace(module: nn.Module, in_channels: int, resolution: int) -> Trace:
    """Run a module on the meta device once, as in evaluation, and count what it does."""
    module.eval()
    images = torch.empty(IMAGES, in_channels, resolution, resolution, device="meta")
    watch = _Watch(module, images)
    with torch.enable_grad(), saved_tensors_hooks(watch.keep, _unchanged), watch:
        output = module(images)
    params = sum(weight.numel() for weight in module.parameters())
    text = json.dumps([_layers(module), watch.steps], separators=(",", ":"))
    return Trace(watch.workload(params), hashlib.sha256(text.encode()).hexdigest()[:16], output)


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor


def _layers(module: nn.Module) -> list[list[Any]]:
    """List every layer with its settings, and the shapes of its own weights and buffers."""
    return [
        [
            type(layer).__qualname__,
            _ADDRESS.sub("", layer.extra_repr()),
            [[list(w.shape), str(w.dtype)] for w in layer.parameters(recurse=False)],
            [[list(b.shape), str(b.dtype)] for b in layer.buffers(recurse=False)],
        ]
        for layer in module.modules()
    ]


class _Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation below autograd, and every tensor that autograd keeps."""

    def __init__(self, module: nn.Module, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Any] = [list(images.shape)]
        self._alive: list[Tensor] = [images]
        self._names = {id(images): 0}
        own = [*module.parameters(), *module.buffers()]
        self._weights = {_storage(weight) for weight in own}
        self._kept: dict[int, int] = {}
        self._work = {"dense": 0, "pointwise": 0, "depthwise": 0}
        self._activations = self._largest = self._layers = 0
        self._spatial = self._cramped = 0

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        read = [self._known(value) for value in tree_leaves((args, kwargs))]
        name = function._schema.name
        run: Callable[..., Any] = _normalised if name == _NORM else function
        result = run(*args, **(kwargs or {}))
        made = [tensor for tensor in tree_leaves(result) if isinstance(tensor, Tensor)]
        self.steps.append([name, read, [self._take(tensor) for tensor in made]])
        if name == "aten::convolution":
            self._convolution(args, result)
        elif name in _MATRIX:
            self._product(*args[_MATRIX[name] :][:2])
        return result

    def _known(self, value: Any) -> Any:
        """Name an argument so that it is the same in every process."""
        if not isinstance(value, Tensor):
            return str(value)
        number = self._names.get(id(value))
        return [-1, list(value.shape)] if number is None else number

    def _take(self, tensor: Tensor) -> list[int]:
        """Give a result its number; it is kept alive, for Python gives ids out again."""
        self._alive.append(tensor)
        self._names[id(tensor)] = len(self._alive) - 1
        return list(tensor.shape)

    def _convolution(self, args: tuple[Any, ...], result: Tensor) -> None:
        images, weight, transposed, groups = args[0], args[1], args[6], args[8]
        pixels = images if transposed else result
        area = math.prod(weight.shape[2:])
        kind = "depthwise" if groups > 1 else "dense" if area > 1 else "pointwise"
        self._work[kind] += pixels.numel() * weight[0].numel()
        if kind == "dense":
            self._spatial += weight.numel()
        elif kind == "depthwise" and area > math.prod(result.shape[2:]):
            self._cramped += weight.numel()
        self._activations += result.numel()
        self._largest = max(self._largest, result.numel())
        self._layers += 1

    def _product(self, one: Tensor, other: Tensor) -> None:
        """Count a linear layer: a product in which one factor is a weight."""
        if {_storage(one), _storage(other)} & self._weights:
            self._work["dense"] += one.numel() * other.shape[1]
            self._layers += 1

    def keep(self, tensor: Tensor) -> Tensor:
        """Take in a tensor that autograd keeps: each storage once, weights and statistics not."""
        storage = _storage(tensor)
        if storage not in self._weights and tensor.ndim > 1:
            self._alive.append(tensor)
            words = -(-tensor.numel() * tensor.element_size() // _WORD)
            self._kept[storage] = max(words, self._kept.get(storage, 0))
        return tensor

    def workload(self, params: int) -> Workload:
        """Return the counts, for one image."""
        largest = max(self._largest, *self._kept.values(), 0)
        return Workload(
            params=params,
            **{kind: macs // IMAGES for kind, macs in self._work.items()},
            activations=self._activations // IMAGES,
            saved=sum(self._kept.values()) // IMAGES,
            largest=largest // IMAGES,
            layers=self._layers,
            spatial=self._spatial,
            cramped=self._cramped,
        )


def _normalised(images: Tensor, *settings: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Stand in for batch norm in evaluation, which torch works out op by op: half of the time."""
    none = images.new_empty(0)
    return torch.empty_like(images), none, none.clone()


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)
