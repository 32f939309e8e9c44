"""Networks that torch.compile takes in parts: every kind of break is told, and no whole network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from compound.jobs.training.compiling.compiler import Compiled

PARTS = "compile: true, but torch compiled this network in parts"


@pytest.fixture(autouse=True)
def without_programs() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(self.conv(images))


class Whole(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.head = nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        for block in self.blocks:
            images = block(images)
        return self.head(images.mean((2, 3)))


class Branching(Whole):
    def forward(self, images: Tensor) -> Tensor:
        if images.mean() > 0.1:
            images = images * 2
        return super().forward(images)


class BranchingLast(Whole):
    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits if logits.mean() > 0 else -logits


class Looping(Whole):
    def forward(self, images: Tensor) -> Tensor:
        for block in self.blocks:
            images = block(images)
            torch._dynamo.graph_break()
        return self.head(images.mean((2, 3)))


class LoopingLate(nn.Module):
    """Breaks at one side alone, where nothing but torch's own layers is left to compile."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)])

    def forward(self, images: Tensor) -> Tensor:
        for layer in self.layers:
            images = layer(images)
            if images.shape[-1] > 8:
                torch._dynamo.graph_break()
        return images


class Outside(Whole):
    @torch._dynamo.disable(recursive=False)
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


class Hooked(Whole):
    def __init__(self) -> None:
        super().__init__()
        self.blocks[0].register_forward_hook(torch.compiler.disable(lambda *_: None))


class Printing(Whole):
    def forward(self, images: Tensor) -> Tensor:
        print(end="")  # noqa: T201
        return super().forward(images)


class Decorated(Whole):
    @torch.autocast("cpu", enabled=False)
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images)


def stacked() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU())


def told(network: nn.Module, ranks: int = 1) -> str:
    """Train and evaluate a compiled network at two sides, and return what is said of it."""
    watch = Compiled(network, ranks)
    wrapped = network if ranks == 1 else DistributedDataParallel(network, broadcast_buffers=False)
    compiled = torch.compile(wrapped, backend="eager", dynamic=False)
    for side in (8, 12):
        compiled(torch.rand(2, 3, side, side)).sum().backward()
    return watch.note()


@pytest.mark.parametrize(
    "network", [Branching, BranchingLast, Looping, LoopingLate, Outside, Hooked, Printing]
)
def test_parts_of_a_network_are_told(network: type[nn.Module]) -> None:
    note = told(network())
    assert note.startswith(PARTS) and "; first: " in note
    assert not note.endswith("first: ")


@pytest.mark.parametrize("network", [Whole, Decorated, stacked])
def test_nothing_is_said_of_a_whole_network(network) -> None:
    assert told(network()) == ""


def test_what_follows_a_whole_network_is_judged_by_itself() -> None:
    assert told(Looping()) != ""
    torch.compiler.reset()
    assert told(Whole()) == ""


def test_the_wrapper_of_several_ranks_is_no_part_of_the_network(tmp_path: Path) -> None:
    store = f"file://{tmp_path}/group"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        for network in (Whole(), Decorated(), stacked()):
            assert told(network, ranks=2) == ""
            torch.compiler.reset()
        for network in (Branching(), Looping(), Printing()):
            assert told(network, ranks=2).startswith(PARTS)
            torch.compiler.reset()
    finally:
        distributed.destroy_process_group()
