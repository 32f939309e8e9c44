"""All the numbers of a network in one buffer, so that an update is one pass over memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Flat:
    """One buffer under a module: decayed weights, other parameters, running statistics.

    The module's tensors are views of `values`, and the parameters' gradients of `gradients`.
    """

    values: Tensor
    gradients: Tensor
    """As long as the parameters; filled by backward, to be zeroed before it."""
    decayed: int
    """How many values come first that weight decay applies to."""
    shapes: dict[str, torch.Size]
    """The tensors in their order, by their names in the module."""

    @property
    def parameters(self) -> Tensor:
        """The part of `values` that is trained."""
        return self.values[: len(self.gradients)]

    @property
    def statistics(self) -> Tensor:
        """The part of `values` that batch norm keeps."""
        return self.values[len(self.gradients) :]

    def named(self, buffer: Tensor) -> dict[str, Tensor]:
        """View a buffer that is laid out like `values` as tensors by name."""
        sizes = [shape.numel() for shape in self.shapes.values()]
        parts = buffer.split_with_sizes(sizes)
        return {name: _view(p, s) for p, (name, s) in zip(parts, self.shapes.items(), strict=True)}


def flatten(module: nn.Module, device: torch.device) -> Flat:
    """Move a module onto a device and onto one buffer; convolutions become channels_last."""
    module.to(device)
    weights = dict(module.named_parameters())
    decayed = {name: weight for name, weight in weights.items() if weight.ndim > 1}
    plain = {name: weight for name, weight in weights.items() if weight.ndim <= 1}
    floats = {name: t for name, t in module.named_buffers() if t.is_floating_point()}
    tensors: dict[str, Tensor] = {**decayed, **plain, **floats}
    values = torch.empty(_count(tensors), device=device)
    gradients = torch.zeros_like(values)
    trained, shapes = _count({**decayed, **plain}), {n: t.shape for n, t in tensors.items()}
    flat = Flat(values, gradients[:trained], _count(decayed), shapes)
    for (name, value), gradient in zip(
        flat.named(values).items(), flat.named(gradients).values(), strict=True
    ):
        value.copy_(tensors[name].detach())
        tensors[name].data = value
        if isinstance(tensors[name], nn.Parameter):
            tensors[name].grad = gradient
    return flat


def _count(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _view(part: Tensor, shape: torch.Size) -> Tensor:
    """View a run of values in a shape; four dimensions with channels innermost."""
    if len(shape) != 4:
        return part.view(shape)
    out, inner, height, width = shape
    return part.view(out, height, width, inner).permute(0, 3, 1, 2)
