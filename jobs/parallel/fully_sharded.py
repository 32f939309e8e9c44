"""Fully sharded training: the ranks divide a network that does not fit into the memory of one.

torch's fully_shard gathers the weights of one block at a time, once for its forward and once for
its backward. Every rank then gets the average of its own part of the gradients. Only weights of
convolutions and linear layers are divided. Of the rest, about 1 % of a network, and of weights that
are not trained, every rank has all; their gradients are averaged at the end of a step.

Each rank has the same flat buffers as a lone rank, only shorter: its rows of the weights, then all
other tensors. So optimisers, averages and snapshots need no special case.
"""

import math
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.distributed.tensor import Shard as Rows

from compound.jobs.data.batches import Batch, Share, Source
from compound.jobs.parallel.collective import averaged, summed
from compound.jobs.parallel.flat_parameters import (
    EmptyBuffers,
    Flat,
    Parts,
    apart,
    make_views,
    split,
    viewed,
)
from compound.jobs.parallel.process import Process
from compound.jobs.parallel.strategy import Strategy
from compound.jobs.runtime.malloc import return_freed
from compound.schemas.errors import PlanError
from compound.schemas.recipe import Recipe

_LISTS = (nn.Sequential, nn.ModuleList)


@dataclass(frozen=True)
class Shards(Flat):
    """One rank's part: first its rows of all weights, then the tensors that every rank has.

    The module has a copy of the rows, from which it gathers; see `update_module`.
    """

    module_rows: tuple[Tensor, ...]
    """The module's copy of the rows, in the order of `shapes`."""
    whole: dict[str, torch.Size]
    """Shapes of all tensors of the undivided network."""
    process: Process

    @property
    def common(self) -> slice:
        """Where `values` are the same on every rank."""
        return slice(self.decayed, None)

    @property
    def leads(self) -> bool:
        """Whether this rank writes the tensors that all ranks have."""
        return self.process.leads

    @property
    def written(self) -> tuple[str, ...]:
        """The rank's rows; on the first rank also the tensors that all ranks have."""
        names = tuple(self.shapes)
        return names if self.leads else names[: len(self.module_rows)]

    def named(self, buffer: Tensor) -> dict[str, Tensor]:
        """View a buffer by name. Rows keep the plain layout in which they are sent."""
        shapes = self.shapes_of(buffer)
        return {name: part.view(shapes[name]) for name, part in split(buffer, shapes).items()}

    def named_whole(self, buffer: Tensor) -> dict[str, Tensor]:
        """View a buffer of the undivided network by name."""
        names = list(self.whole)
        trained = sum(self.whole[name].numel() for name in names[: self.trained])
        chosen = names[: self.trained] if len(buffer) == trained else names
        return viewed(buffer, {name: self.whole[name] for name in chosen})

    def part(self, name: str, whole: Tensor) -> Tensor:
        """Return this rank's rows of a divided weight, and any other tensor as it is."""
        if name not in list(self.shapes)[: len(self.module_rows)]:
            return whole
        rows = -(-len(whole) // self.process.world_size)
        return whole[rows * self.process.rank :][:rows]

    def gather_gradients(self) -> None:
        """Average the gradients that fully_shard does not average."""
        averaged(self.gradients[self.common], self.process)

    def norm(self) -> Tensor:
        """Return the norm () of the gradients of the whole network."""
        rows, common = self.gradients[: self.decayed], self.gradients[self.common]
        norm = summed(torch.linalg.vector_norm(rows).square(), self.process)
        norm += torch.linalg.vector_norm(common).square()
        return norm.sqrt_()

    @torch.no_grad()
    def update_module(self) -> None:
        """Copy the changed rows to the module, which gathers weights from them."""
        rows = list(self.named(self.parameters).values())[: len(self.module_rows)]
        torch._foreach_copy_(self.module_rows, rows)


class FullySharded:
    """`parallel: full`, on two ranks or more."""

    def flatten(
        self, module: nn.Module, recipe: Recipe, process: Process, *, batch: int, micro: int
    ) -> Shards:
        """Divide the network; see `shard`, and `Strategy.flatten` for the errors."""
        process.traits.check(recipe)
        check_even(batch, micro, process)
        return shard(module, recipe, process)

    def wrap(self, module: nn.Module, recipe: Recipe, process: Process) -> nn.Module:
        """Return the network as it is: fully_shard has given it hooks that average gradients."""
        return module

    def unsynchronised(self, model: nn.Module, process: Process) -> AbstractContextManager[None]:
        """Send the gradients of every micro-batch: no rank has memory for all of them."""
        return nullcontext()

    def validation(
        self, source: Source, resolution: int, process: Process, size: int
    ) -> Iterator[Batch]:
        """Yield this rank's validation images, in as many batches on every rank."""
        return evened(source, resolution, process, size)


STRATEGY: Strategy = FullySharded()


def shard(module: nn.Module, recipe: Recipe, process: Process) -> Shards:
    """Divide a network's weights among the ranks. The ranks communicate from `forward` on.

    Every rank builds the whole network on the CPU; its device never has more than one block.
    """
    if process.device.type == "cpu":
        # glibc keeps freed blocks for later. Gathered weights have another size for every block of
        # the network, so what it kept took as much memory as the weights of the other ranks.
        return_freed()
    mesh = init_device_mesh(process.device.type, (process.world_size,))
    parts = Parts.of(module)
    whole = {name: tensor.shape for name, tensor in parts.all.items()}
    _require_apart(module, parts)
    divided = {id(weight) for weight in parts.decayed.values()}
    plain = {weight for weight in module.parameters() if id(weight) not in divided}
    blocks = [*_blocks(module, divided)]
    for block in (*blocks, module):
        fully_shard(
            block,
            mesh=mesh,
            ignored_params=plain,
            reshard_after_forward=True,
            mp_policy=_policy(recipe),
        )
    return _laid_out(module, mesh, whole, process)


def _policy(recipe: Recipe) -> MixedPrecisionPolicy:
    """Gather weights and average gradients in the recipe's types."""
    # Layers compute in the types that autocast chooses, so inputs are not cast here. Autocast makes
    # copies of float32 weights that outlive the block; weights gathered in bfloat16 need none.
    gathered = torch.bfloat16 if recipe.precision == "bfloat16" else torch.float32
    sent = torch.bfloat16 if recipe.gradients == "bfloat16" else torch.float32
    return MixedPrecisionPolicy(param_dtype=gathered, reduce_dtype=sent, cast_forward_inputs=False)


def _blocks(module: nn.Module, divided: Collection[int]) -> Iterator[nn.Module]:
    """Yield the modules to gather at once: children with divided weights; of a list, its members.

    `divided`: the ids of these weights.
    """
    for child in module.children():
        if type(child) in _LISTS:
            yield from _blocks(child, divided)
        elif any(id(weight) in divided for weight in child.parameters()):
            yield child


def _require_apart(module: nn.Module, parts: Parts) -> None:
    """Refuse a tied weight: fully_shard would give each of its layers a weight of its own."""
    every = module.named_parameters(remove_duplicate=False)
    tied = [name for name, weight in every if name not in parts.all and weight.requires_grad]
    if tied:
        raise PlanError(
            f"the weight '{tied[0]}' belongs to two layers, and cannot be divided between workers",
            where="resources.parallel",
            allowed="none",
            next_step="set `parallel: none`, or give each layer its own weight",
        )


def _laid_out(
    module: nn.Module, mesh: DeviceMesh, whole: dict[str, torch.Size], process: Process
) -> Shards:
    """Put this rank's part of a sharded module into buffers, to which backward adds gradients."""
    parts = Parts.of(module)
    weights = {name: cast(DTensor, weight) for name, weight in parts.decayed.items()}
    with torch.no_grad():
        rows = {name: weight.to_local() for name, weight in weights.items()}
    buffers = EmptyBuffers.made(parts._replace(decayed=rows), process.device)
    flat = Shards(*buffers, tuple(rows.values()), whole, process)
    make_views(flat, {**parts.plain, **parts.statistics})
    for tensor in apart(module, flat.shapes).values():
        tensor.data = tensor.to(process.device)
    values, gradients = flat.named(flat.values), flat.named(flat.gradients)
    for name, weight in weights.items():
        values[name].copy_(rows[name])
        weight.grad = _as_rows(gradients[name], weight, mesh)
    return flat


def _as_rows(local: Tensor, weight: DTensor, mesh: DeviceMesh) -> DTensor:
    return DTensor.from_local(
        local, mesh, (Rows(0),), run_check=False, shape=weight.shape, stride=weight.stride()
    )


def check_even(batch: int, micro: int, process: Process) -> None:
    """Raise PlanError if ranks would take different numbers of micro-batches.

    All ranks take part in every all-gather, so they have to run the network equally often.
    """
    ranks = process.world_size
    counts = {len(Share.of(batch, micro, rank, ranks).pieces) for rank in range(ranks)}
    if len(counts) > 1:
        raise PlanError(
            f"{ranks} workers take {' or '.join(map(str, sorted(counts)))} micro-batches of a "
            f"batch of {batch}; with `parallel: full` all have to take as many",
            where="resources.workers",
            next_step="start as many workers as the job was planned for",
        )


def evened(source: Source, resolution: int, process: Process, size: int) -> Iterator[Batch]:
    """Yield this rank's validation images, then blank ones until all ranks had as many batches."""
    passes = math.ceil(math.ceil(source.held_out / process.world_size) / size)
    blank = torch.zeros(1, source.channels, resolution, resolution, device=process.device)
    nothing = torch.empty(0, dtype=torch.int64, device=process.device)
    for batch in source.validation(process.rank, process.world_size, size):
        passes -= 1
        yield batch
    for _ in range(passes):
        yield Batch(blank, nothing)
