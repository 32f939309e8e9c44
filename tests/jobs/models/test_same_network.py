"""What two builds of a network have in common, and the first difference between them."""

import threading

import torch
from torch import nn

from compound.jobs.models.meta_trace import digest
from compound.jobs.models.same_network import first_difference, layout, runs_otherwise


def net(channels: int = 4, *, tied: bool = False, buffer: str = "mask") -> nn.Module:
    module = nn.Sequential(nn.Conv2d(3, channels, 1), nn.Flatten(), nn.LazyLinear(4))
    module.add_module("twin", module[0] if tied else nn.Conv2d(3, channels, 1))
    module.register_buffer(buffer, torch.zeros(2, dtype=torch.bool))
    return module


def test_the_device_and_the_numbers_make_no_difference() -> None:
    with torch.device("meta"):
        counted = layout(net())
    assert first_difference(counted, layout(net())) == ""


def test_names_shapes_types_and_order_make_one() -> None:
    counted = layout(net())
    wide, half = layout(net(5)), layout(net().half())
    assert first_difference(counted, wide).startswith("'0.weight' is 5x3x1x1, float32, trained, ")
    assert "is 4x3x1x1, float16, trained" in first_difference(counted, half)
    other = first_difference(counted, layout(net(buffer="other")))
    assert other == "'other' was not counted: it is 2, bool, a buffer"
    fewer = net()
    del fewer.mask
    assert first_difference(counted, layout(fewer)).startswith("'mask' is missing")


class Doubled(nn.Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * 2


def test_another_pass_is_told_and_one_that_cannot_be_copied_is_not() -> None:
    plain, doubled = (nn.Sequential(nn.Flatten(), kind(48, 4)) for kind in (nn.Linear, Doubled))
    with torch.device("meta"):
        counted = digest(nn.Sequential(nn.Flatten(), nn.Linear(48, 4)), 3, 4)
    assert not runs_otherwise(plain, 3, 4, counted)
    assert runs_otherwise(doubled, 3, 4, counted)
    assert plain[1].weight.device.type == "cpu"
    doubled.lock = threading.Lock()
    assert not runs_otherwise(doubled, 3, 4, counted)
