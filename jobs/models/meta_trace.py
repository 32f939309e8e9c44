"""What a built module is and does, recorded in forward passes on torch's meta device.

The meta device has shapes and no numbers, so a pass through any network takes milliseconds and no
memory. The module is in evaluation mode, which is not random; autograd records it, so that the
tensors saved for backward are counted too. A second pass, over twice as many images, tells the
work of an image from that of a whole batch.
"""

import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from compound.jobs.models.decayed_weights import decayed, is_matrix, mark
from compound.jobs.models.macs_of_passes import PassMacs
from compound.jobs.models.matrix_products import factors, multiplies
from compound.schemas.machine.device import Workload

IMAGES = 2
"""Images of the pass: with a single one, a network that mixes up images would pass the check."""
_WORD = 4
"""Bytes of the elements that saved tensors are counted in."""
_NORM = "aten::native_batch_norm"
# The repr of a layer that holds a function contains its address, which differs in every process.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


_LAYER_FUNCTIONS = frozenset(
    (
        *(functional.linear, functional.bilinear),
        *(functional.conv1d, functional.conv2d, functional.conv3d),
        *(functional.conv_transpose1d, functional.conv_transpose2d, functional.conv_transpose3d),
    )
)
"""torch's functions of linear layers and convolutions: they take a `weight`."""


class Trace(NamedTuple):
    """What the passes through a network showed."""

    workload: Workload
    digest: str
    """Of all layers and operations, and of what training treats otherwise than by its shape."""
    output: Any
    weights: frozenset[str]
    """Parameters that are weights by their use: see jobs/models/decayed_weights.py."""
    macs: PassMacs


def trace(module: nn.Module, in_channels: int, resolution: int) -> Trace:
    """Run a module on the meta device twice, in evaluation mode, and count its work."""
    recorder, output = _recorded(module, IMAGES, in_channels, resolution)
    twice, _ = _recorded(module, 2 * IMAGES, in_channels, resolution)
    mark(module, recorder.weights)
    params = sum(weight.numel() for weight in module.parameters())
    macs = PassMacs(IMAGES, recorder.macs, twice.macs)
    workload = recorder.workload(params, macs)
    return Trace(workload, _digest(module, recorder), output, frozenset(recorder.weights), macs)


def digest(module: nn.Module, in_channels: int, resolution: int) -> str:
    """Return the digest of a trace, from one pass."""
    recorder, _ = _recorded(module, IMAGES, in_channels, resolution)
    mark(module, recorder.weights)
    return _digest(module, recorder)


def _recorded(
    module: nn.Module, count: int, in_channels: int, resolution: int
) -> "tuple[_Recorder, Any]":
    module.eval()
    images = torch.empty(count, in_channels, resolution, resolution, device="meta")
    recorder = _Recorder(module, images)
    functions = _LayerFunctions(recorder)
    with torch.enable_grad(), saved_tensors_hooks(recorder.keep, _unchanged), functions, recorder:
        return recorder, module(images)


def _digest(module: nn.Module, recorder: "_Recorder") -> str:
    content = [_layers(module), recorder.steps, *_treated(module)]
    text = json.dumps(content, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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


def _treated(module: nn.Module) -> list[list[str]]:
    """List the tensors that training treats otherwise than their dimensions say; often none.

    The digest of a network in which matrices decay, and nothing else, has no such list.
    """
    weights, shrinking = dict(module.named_parameters()), decayed(module)
    frozen = [name for name, weight in weights.items() if not weight.requires_grad]
    trained = [name for name in weights if name not in frozen]
    unlike = [n for n in trained if (weights[n].ndim > 1) != (n in shrinking)]
    buffers = ((n, b) for n, b in module.named_buffers() if b.is_floating_point())
    fine = [name for name, buffer in buffers if buffer.dtype != torch.float32]
    lists = (["frozen", *frozen], ["decay unlike", *unlike], ["of another type", *fine])
    return [names for names in lists if len(names) > 1]


class _LayerFunctions(TorchFunctionMode):
    """Tells a recorder which tensors are given to torch's functions as the weight of a layer."""

    def __init__(self, recorder: "_Recorder") -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if function in _LAYER_FUNCTIONS:
            at = 2 if function is functional.bilinear else 1
            self._recorder.use(kwargs["weight"] if "weight" in kwargs else args[at])
        return function(*args, **kwargs)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records every operation below autograd, and every tensor that autograd saves."""

    def __init__(self, module: nn.Module, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Any] = [list(images.shape)]
        self._alive: list[Tensor] = [images]
        self._names = {id(images): 0}
        own = [*module.parameters(), *module.buffers()]
        self._weights = {_storage(weight) for weight in own}
        self._of_images = {_storage(images)}
        self._parameters = dict(module.named_parameters())
        self._origins: dict[int, frozenset[str]] = {}
        for parameter_name, weight in self._parameters.items():
            storage = _storage(weight)
            self._origins[storage] = self._origins.get(storage, frozenset()) | {parameter_name}
        self.weights: set[str] = set()
        self._saved: dict[int, int] = {}
        self.macs = Counter[str]()
        self._uncounted = Counter[str]()
        self._activations = self._largest = self._layers = 0
        self._spatial = self._cramped = 0

    def __torch_dispatch__(
        self,
        function: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        read = [self._argument(value) for value in tree_leaves((args, kwargs))]
        name = function._schema.name
        run: Callable[..., Any] = _normalised if name == _NORM else function
        result = run(*args, **(kwargs or {}))
        made = [tensor for tensor in tree_leaves(result) if isinstance(tensor, Tensor)]
        self.steps.append([name, read, [self._register(tensor) for tensor in made]])
        self._follow([t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)], made)
        if name == "aten::convolution":
            self._convolution(args, result)
        elif product := factors(name, args):
            self._product(*product)
        elif multiplies(name):
            self._uncounted[name.removeprefix("aten::")] += 1
        return result

    def _follow(self, read: list[Tensor], made: list[Tensor]) -> None:
        """Note which results depend on the images, and which parameters made the others."""
        storages = [_storage(tensor) for tensor in read]
        results = {_storage(tensor) for tensor in made}
        if self._of_images.intersection(storages):
            self._of_images |= results
            return
        sources = frozenset[str]().union(*(self._origins.get(s, ()) for s in storages))
        for storage in results if sources else ():
            self._origins[storage] = self._origins.get(storage, frozenset()) | sources

    def use(self, weight: Tensor) -> None:
        """Note the parameters that a layer's weight is made of, but for gains."""
        storage = _storage(weight)
        if storage not in self._of_images:
            used = self._origins.get(storage, ())
            self.weights |= {name for name in used if is_matrix(self._parameters[name])}

    def _argument(self, value: Any) -> Any:
        """Name an argument so that it is the same in every process."""
        if not isinstance(value, Tensor):
            return str(value)
        number = self._names.get(id(value))
        return [-1, list(value.shape)] if number is None else number

    def _register(self, tensor: Tensor) -> list[int]:
        """Give a result its number."""
        # A freed tensor's id() may be given to a later one, so every tensor is kept alive.
        self._alive.append(tensor)
        self._names[id(tensor)] = len(self._alive) - 1
        return list(tensor.shape)

    def _convolution(self, args: tuple[Any, ...], result: Tensor) -> None:
        images, weight, transposed, groups = args[0], args[1], args[6], args[8]
        pixels = images if transposed else result
        area = math.prod(weight.shape[2:])
        kind = "depthwise" if groups > 1 else "dense" if area > 1 else "pointwise"
        macs = pixels.numel() * weight[0].numel()
        if not self._of_images & {_storage(images), _storage(weight)}:
            self.macs["alone"] += macs
            return
        self.macs[kind] += macs
        if kind == "dense":
            self._spatial += weight.numel()
        elif kind == "depthwise" and area > math.prod(result.shape[2:]):
            self._cramped += weight.numel()
        self._activations += result.numel()
        self._largest = max(self._largest, result.numel())
        self._layers += 1

    def _product(self, terms: tuple[Tensor, ...], macs: int) -> None:
        """Count a product of matrices by how many of them depend on the images."""
        variable = [_storage(term) in self._of_images for term in terms]
        kind = "attention" if all(variable) else "linear" if any(variable) else "alone"
        self.macs[kind] += macs
        self._layers += any(variable)

    def keep(self, tensor: Tensor) -> Tensor:
        """Count a tensor that autograd saves: each storage once, weights and statistics never."""
        storage = _storage(tensor)
        if storage not in self._weights and tensor.ndim > 1:
            self._alive.append(tensor)
            words = -(-tensor.numel() * tensor.element_size() // _WORD)
            self._saved[storage] = max(words, self._saved.get(storage, 0))
        return tensor

    def workload(self, params: int, macs: PassMacs) -> Workload:
        """Return the counts, for one image."""
        largest = max(self._largest, *self._saved.values(), 0)
        return Workload(
            params=params,
            **macs.fields(),
            uncounted=tuple(sorted(self._uncounted.items())),
            activations=self._activations // IMAGES,
            saved=sum(self._saved.values()) // IMAGES,
            largest=largest // IMAGES,
            layers=self._layers,
            spatial=self._spatial,
            cramped=self._cramped,
        )


def _normalised(images: Tensor, *settings: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Replace batch norm in evaluation.

    torch decomposes it into single operations on the meta device: half of the time of a pass.
    """
    none = images.new_empty(0)
    return torch.empty_like(images), none, none.clone()


def _storage(tensor: Tensor) -> int:
    # On the meta device data_ptr() is 0 for every storage; the C++ object has an address.
    return int(tensor.untyped_storage()._cdata)
