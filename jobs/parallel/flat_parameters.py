"""All the numbers of a network in one buffer, so that an update is one pass over memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Flat:
    """One buffer under a module: decayed weights, other parameters, running statistics.

    The module's tensors are views of `values`, and on a CPU the parameters' gradients of
    `gradients`.
    What is done differently where ranks divide the weights among themselves is a method here, and
    another one in `compound.jobs.parallel.fully_sharded`.
    """

    values: Tensor
    gradients: Tensor
    """As long as the parameters; whole between `collect` and the next `forget`."""
    decayed: int
    """How many values come first that weight decay applies to."""
    shapes: dict[str, torch.Size]
    """The tensors in their order, by their names in the module."""
    trained: int
    """How many of these tensors come first that are parameters."""
    apart: tuple[nn.Parameter, ...] = field(default=(), kw_only=True)
    """The parameters whose gradients backward leaves with them, in their order."""

    def forget(self) -> None:
        """Begin a step without gradients."""
        if not self.apart:
            self.gradients.zero_()
        for weight in self.apart:
            weight.grad = None

    @torch.no_grad()
    def collect(self) -> None:
        """Bring the gradients of a step into `gradients`, a few kernels for all of them.

        Backward adds to a gradient that is there by a kernel for each parameter, and keeps the
        first it makes as it is.
        """
        if not self.apart:
            return
        views = self.named(self.gradients).values()
        pairs = list(zip(views, (weight.grad for weight in self.apart), strict=True))
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
        """Whether this rank writes what all ranks have; of whole networks only one is written."""
        return True

    @property
    def written(self) -> tuple[str, ...]:
        """The tensors that this rank puts into its part of a checkpoint."""
        return tuple(self.shapes)

    def named(self, buffer: Tensor) -> dict[str, Tensor]:
        """View a buffer that is laid out like `values`, or like `gradients`, by name."""
        return viewed(buffer, self.shapes_of(buffer))

    def named_whole(self, buffer: Tensor) -> dict[str, Tensor]:
        """View such a buffer of a rank that holds the whole network by name."""
        return self.named(buffer)

    def part(self, name: str, whole: Tensor) -> Tensor:
        """Return what this rank holds of a whole tensor."""
        return whole

    def gather_gradients(self) -> None:
        """Make `gradients` those of the global batch. Here backward has seen to that."""

    def norm(self) -> Tensor:
        """Return the norm () of the gradients of the whole network."""
        norm: Tensor = torch.linalg.vector_norm(self.gradients)
        return norm

    def publish(self) -> None:
        """Let the module know that `values` are others. Here it looks at these very ones."""

    def shapes_of(self, buffer: Tensor) -> dict[str, torch.Size]:
        """Return the tensors that a buffer as long as `values`, or as `gradients`, has."""
        short = len(buffer) == len(self.gradients)
        return dict(list(self.shapes.items())[: self.trained]) if short else self.shapes


class Parts(NamedTuple):
    """A module's tensors by name, in the order of a flat buffer."""

    decayed: dict[str, Tensor]
    plain: dict[str, Tensor]
    statistics: dict[str, Tensor]

    @classmethod
    def of(cls, module: nn.Module) -> "Parts":
        """Sort parameters and floating-point buffers."""
        weights = dict(module.named_parameters())
        return cls(
            {name: weight for name, weight in weights.items() if weight.ndim > 1},
            {name: weight for name, weight in weights.items() if weight.ndim <= 1},
            {name: t for name, t in module.named_buffers() if t.is_floating_point()},
        )

    @property
    def trained(self) -> dict[str, Tensor]:
        """The parameters."""
        return {**self.decayed, **self.plain}

    @property
    def all(self) -> dict[str, Tensor]:
        """Everything that a flat buffer holds."""
        return {**self.trained, **self.statistics}


class Room(NamedTuple):
    """Empty buffers for a module, with the other fields of Flat."""

    values: Tensor
    gradients: Tensor
    decayed: int
    shapes: dict[str, torch.Size]
    trained: int

    @classmethod
    def made(cls, parts: Parts, device: torch.device) -> "Room":
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
    # A CPU gains nothing by it, and would hold every gradient twice.
    apart = () if device.type == "cpu" else tuple(weights)
    flat = Flat(*Room.made(parts, device), apart=apart)
    settle(flat, parts.all)
    return flat


def settle(flat: Flat, tensors: Mapping[str, Tensor]) -> None:
    """Make tensors of a module views of a flat buffer, which takes their values."""
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
    """Cut a buffer into runs for tensors of these shapes."""
    runs = buffer.split_with_sizes([shape.numel() for shape in shapes.values()])
    return dict(zip(shapes, runs, strict=True))


def _count(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def _view(part: Tensor, shape: torch.Size) -> Tensor:
    """View a run of values in a shape; four dimensions with channels innermost."""
    if len(shape) != 4:
        return part.view(shape)
    out, inner, height, width = shape
    return part.view(out, height, width, inner).permute(0, 3, 1, 2)
