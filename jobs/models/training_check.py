"""Whether a user's network can be trained as it is built: types, and weights that nothing uses."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from compound.jobs.models.macs_of_passes import PassMacs
from compound.jobs.store.format.tensors import storable

_PASSES = 4
"""Passes in training mode before a weight counts as unused: a network may leave blocks out."""
_NAMED = 3


class Untrainable(ValueError):
    """What is wrong with a network, and what to do about it."""

    def __init__(self, problem: str, allowed: str, next_step: str) -> None:
        super().__init__(problem)
        self.problem, self.allowed, self.next_step = problem, allowed, next_step


def unreached(module: nn.Module, output: Tensor) -> set[str]:
    """Return the trained weights that the graph of an output does not lead to."""
    reached, waiting = set[int](), [output.grad_fn]
    visited = set(waiting)
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        # Only a leaf's node has a variable: the weight whose gradient it collects.
        reached.add(id(getattr(node, "variable", None)))
        following = {parent for parent, _ in node.next_functions} - visited
        visited |= following
        waiting.extend(following)
    weights = module.named_parameters()
    return {name for name, w in weights if w.requires_grad and id(w) not in reached}


def require_weights(module: nn.Module) -> None:
    """Raise Untrainable where nothing is trained."""
    if not any(weight.requires_grad for weight in module.parameters()):
        raise Untrainable(
            "has no weight to train",
            "at least one weight with requires_grad",
            "leave some weights unfrozen",
        )


def require_types(module: nn.Module) -> None:
    """Raise Untrainable: a tensor of a type that is not trained, or not stored."""
    weights = list(module.named_parameters())
    for name, weight in weights:
        if weight.requires_grad and weight.dtype != torch.float32:
            raise Untrainable(
                f"has the weight '{name}' of type {_type(weight)}",
                "trained weights of float32; the recipe's `precision` is what a GPU computes in",
                "build the network without .double(), .half() or the like",
            )
    for name, tensor in (*weights, *module.named_buffers()):
        if not storable(tensor.dtype):
            raise Untrainable(
                f"has '{name}' of type {_type(tensor)}, which no checkpoint can hold",
                "real numbers, integers and bools",
                "store it as real numbers (torch.view_as_real), or make it in forward",
            )


def require_even(macs: PassMacs) -> None:
    """Raise Untrainable where an image costs another amount among more images."""
    if macs.uneven:
        once, twice = sum(macs.once.values()), sum(macs.twice.values())
        raise Untrainable(
            f"has no cost of an image: {macs.images} images take {once:,} MACs, and "
            f"{2 * macs.images} take {twice:,}",
            "MACs that are a number for each image, and one more for the whole batch",
            "compute each image alone: no products between the images of a batch",
        )


class Buffers:
    """Notices the buffers that a pass changes, and that averages of ranks would not reach."""

    def __init__(self, module: nn.Module) -> None:
        fine = ((n, b) for n, b in module.named_buffers() if b.is_floating_point())
        self._before = {n: (b, b._version) for n, b in fine if b.dtype != torch.float32}

    def require_unchanged(self) -> None:
        """Raise Untrainable where forward has written to one of them."""
        for name, (buffer, version) in self._before.items():
            if buffer._version != version:
                raise Untrainable(
                    f"changes the buffer '{name}' in training, and it is {_type(buffer)}",
                    "running statistics of float32: those are averaged between workers",
                    f"register '{name}' as float32",
                )


def require_used(module: nn.Module, gradients_of: Callable[[], None]) -> None:
    """Raise Untrainable if `gradients_of`, a pass and its backward, never reaches a weight."""
    unused = set(dict(module.named_parameters()))
    for _ in range(_PASSES):
        gradients_of()
        for name, weight in module.named_parameters():
            if weight.grad is not None or not weight.requires_grad:
                unused.discard(name)
        if not unused:
            return
    ordered = [name for name, _ in module.named_parameters() if name in unused]
    raise Untrainable(
        f"never uses the weight {listed(ordered)} in training",
        "a network in which every trained weight has an effect on the logits",
        f"take it out of the network, or freeze it: {ordered[0]}.requires_grad_(False)",
    )


def left_out(module: nn.Module, output_of: Callable[[], Tensor]) -> list[str]:
    """Return the trained weights that some passes use and others leave out, of a few passes.

    A branch that is rarely left out, or only in some epochs, may not be noticed.
    """
    unused = [unreached(module, output_of()) for _ in range(2 * _PASSES)]
    always = set.intersection(*unused)
    sometimes = set.union(*unused) - always
    return [name for name, _ in module.named_parameters() if name in sometimes]


def listed(names: Iterable[str]) -> str:
    names = [f"'{name}'" for name in names]
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
