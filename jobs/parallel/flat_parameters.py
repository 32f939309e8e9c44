"""All numbers of a network in one buffer, so that an update is one pass over memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from compound.jobs.models.decayed_weights import decayed


@dataclass(frozen=True)
class Flat:
    """One buffer under a module: decayed weights, other parameters, running statistics.

    The module's tensors are views of `values`. On a CPU the parameters' gradients are views of
    `gradients`. What a parallel strategy does differently is a method, which it overrides.
    Weights that are not trained, and buffers of other types than float32, are in no buffer: they
    stay as they are (`apart`).
    """

    values: Tensor
    gradients: Tensor
    """As long as the parameters. Whole from `collect_gradients` to the next `clear_gradients`."""
    decayed: int
    """Number of leading values that weight decay applies to."""
    shapes: dict[str, torch.Size]
    """Shapes of the tensors in their order, by their names in the module."""
    trained: int
    """Number of leading tensors that are parameters."""
    separate: tuple[nn.Parameter, ...] = field(default=(), kw_only=True)
    """On a GPU: the parameters, whose gradients are tensors of their own between backward and
    `collect_gradients`."""

    def clear_gradients(self) -> None:
        """Drop the gradients of the step before."""
        if not self.separate:
            self.gradients.zero_()
        for weight in self.separate:
            weight.grad = None

    @torch.no_grad()
    def collect_gradients(self) -> None:
        """Copy the gradients of a step into `gradients`, with a few kernels for all of them."""
        # Autograd adds to an existing .grad with one kernel for each parameter, but keeps the first
        # gradient without a copy if .grad is None (torch's AccumulateGrad). Hence no views here.
        if not self.separate:
            return
        views = self.named(self.gradients).values()
        pairs = list(zip(views, (weight.grad for weight in self.separate), strict=True))
        made = [grad for _, grad in pairs if grad is not None]
        if made:
            torch._foreach_copy_([view for view, grad in pairs if grad is not None], made)
        unused = [view for view, grad in pairs if grad is None]
        if unused:
            torch._foreach_zero_(unused)

    @property
    def parameters(self) -> Tensor:
        """The part of `values` that is trained."""
        return self.values[: len(self.gradients)]

    @property
    def statistics(self) -> Tensor:
        """The part of `values` that batch norm keeps."""
        return self.values[len(self.gradients) :]

    @property
    def common(self) -> slice:
        """Where `values` are the same on every rank."""
        return slice(0, None)

    @property
    def leads(self) -> bool:
        """Whether this rank writes the tensors that all ranks have."""
        return True

    @property
    def written(self) -> tuple[str, ...]:
        """Names of the tensors that this rank writes into a checkpoint."""
        return tuple(self.shapes)

    def named(self, buffer: Tensor) -> dict[str, Tensor]:
        """View a buffer with the layout of `values` or `gradients` by name."""
        return viewed(buffer, self.shapes_of(buffer))

    def named_whole(self, buffer: Tensor) -> dict[str, Tensor]:
        """View such a buffer of the undivided network by name."""
        return self.named(buffer)

    def part(self, name: str, whole: Tensor) -> Tensor:
        """Return this rank's part of a whole tensor."""
        return whole

    def gather_gradients(self) -> None:
        """Make `gradients` those of the global batch. DDP has done so in the backward pass."""

    def norm(self) -> Tensor:
        """Return the norm () of the gradients of the whole network."""
        norm: Tensor = torch.linalg.vector_norm(self.gradients)
        return norm

    def update_module(self) -> None:
        """Bring changed `values` into the module. Here its tensors are views of them."""

    def shapes_of(self, buffer: Tensor) -> dict[str, torch.Size]:
        """Return the shapes in a buffer that is as long as `values` or as `gradients`."""
        short = len(buffer) == len(self.gradients)
        return dict(list(self.shapes.items())[: self.trained]) if short else self.shapes


class Parts(NamedTuple):
    """A module's tensors by name, in the order of a flat buffer."""

    decayed: dict[str, Tensor]
    plain: dict[str, Tensor]
    statistics: dict[str, Tensor]

    @classmethod
    def of(cls, module: nn.Module) -> "Parts":
        """Sort trained parameters by their weight decay, and find the float32 buffers."""
        weights = {n: weight for n, weight in module.named_parameters() if weight.requires_grad}
        shrinking = decayed(module)
        return cls(
            {name: weight for name, weight in weights.items() if name in shrinking},
            {name: weight for name, weight in weights.items() if name not in shrinking},
            {name: t for name, t in module.named_buffers() if t.dtype == torch.float32},
        )

    @property
    def trained(self) -> dict[str, Tensor]:
        """The parameters."""
        return {**self.decayed, **self.plain}

    @property
    def all(self) -> dict[str, Tensor]:
        """All tensors of a flat buffer."""
        return {**self.trained, **self.statistics}


def apart(module: nn.Module, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Return the tensors of a module that are in no flat buffer of these shapes, by name.

    Weights that are not trained, counters, and buffers of other types than float32.
    """
    tensors = (*module.named_parameters(), *module.named_buffers())
    return {name: tensor for name, tensor in tensors if name not in shapes}


class EmptyBuffers(NamedTuple):
    """Empty buffers for a module, with the other fields of Flat."""

    values: Tensor
    gradients: Tensor
    decayed: int
    shapes: dict[str, torch.Size]
    trained: int

    @classmethod
    def made(cls, parts: Parts, device: torch.device) -> "EmptyBuffers":
        """Lay out buffers as long as the tensors of a module."""
        return cls(
            torch.empty(_count(parts.all), device=device),
            torch.zeros(_count(parts.trained), device=device),
            _count(parts.decayed),
            {name: tensor.shape for name, tensor in parts.all.items()},
            len(parts.trained),
        )


def flatten(module: nn.Module, device: torch.device) -> Flat:
    """Move a module onto a device and onto one buffer; convolutions become channels_last."""
    module.to(device)
    parts = Parts.of(module)
    weights = (weight for weight in parts.trained.values() if isinstance(weight, nn.Parameter))
    # On a CPU there are no kernel launches to save, and every gradient would be in memory twice.
    separate = () if device.type == "cpu" else tuple(weights)
    flat = Flat(*EmptyBuffers.made(parts, device), separate=separate)
    make_views(flat, parts.all)
    return flat


def make_views(flat: Flat, tensors: Mapping[str, Tensor]) -> None:
    """Copy tensors of a module into a flat buffer, and make them views of it."""
    values, gradients = flat.named(flat.values), flat.named(flat.gradients)
    for name, tensor in tensors.items():
        values[name].copy_(tensor.detach())
        tensor.data = values[name]
        if isinstance(tensor, nn.Parameter):
            tensor.grad = gradients[name]


def viewed(buffer: Tensor, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """View a buffer as tensors of these shapes; those of four dimensions are channels_last."""
    return {name: _view(part, shapes[name]) for name, part in split(buffer, shapes).items()}


def split(buffer: Tensor, shapes: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """Split a buffer into parts for tensors of these shapes."""
    parts = buffer.split_with_sizes([shape.numel() for shape in shapes.values()])
    return dict(zip(shapes, parts, strict=True))


def _count(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _view(part: Tensor, shape: torch.Size) -> Tensor:
    """View values in a shape; four dimensions with channels innermost."""
    # A view with the strides of channels_last: cuDNN and oneDNN then convert no weights.
    if len(shape) != 4:
        return part.view(shape)
    out, inner, height, width = shape
    return part.view(out, height, width, inner).permute(0, 3, 1, 2)
