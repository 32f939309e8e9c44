"""Counts of networks of every kind against torch's own counter, and what decides their identity."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from compound.jobs.models.decayed_weights import decayed
from compound.jobs.models.meta_trace import Trace, trace
from tests.support.counted_factories import COUNTED, UNCOUNTED, Attention, Patches


def traced(build: Callable[[], nn.Module]) -> Trace:
    with torch.device("meta"):
        return trace(build(), 3, 8)


def torchs_macs(build: Callable[[], nn.Module]) -> int:
    """Count one image on the CPU; torch does not count the fused attention that CPUs have."""
    counter, module = FlopCounterMode(display=False), build().eval()
    with counter, sdpa_kernel(SDPBackend.MATH):
        module(torch.zeros(1, 3, 8, 8))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", COUNTED)
def test_every_matrix_product_is_counted_as_torch_counts_it(name: str) -> None:
    work = traced(COUNTED[name]).workload
    assert work.macs == torchs_macs(COUNTED[name])
    assert sum(work.macs_by_kind.values()) == work.macs
    assert all(macs >= 0 for macs in work.macs_by_kind.values())


def test_what_was_counted_is_told_by_kind() -> None:
    kinds = {name: traced(COUNTED[name]).workload.macs_by_kind for name in COUNTED}
    patches = 4 * 8 * 3 * 16
    assert kinds["attention"] == {
        "convolution": patches,
        "linear": 4 * 8 * 24 + 4 * 8 * 8 + 8 * 4,
        "attention": 2 * 2 * 4 * 4 * 4,
        "weights": 0,
    }
    assert kinds["low rank"]["weights"] == 8 * 2 * 8
    assert kinds["folded"]["weights"] == 4 * 6 * 3 * 9 and kinds["folded"]["linear"] == 0


def test_products_that_torch_leaves_out_are_counted() -> None:
    """Three factors: the first two by each other (N O I J), then by the third (N O J)."""
    around = 4 * 8 * 3 * 16 + 8 * 4
    bilinear, distances = (traced(UNCOUNTED[name]).workload for name in UNCOUNTED)
    assert bilinear.macs == around + 4 * 8 * 8 * 8 + 4 * 8 * 8
    assert bilinear.macs_by_kind["linear"] == bilinear.macs - 4 * 8 * 3 * 16
    assert distances.macs == around + 4 * 8 * 8


@pytest.mark.parametrize("shape", [(), (5,), (2, 3)])
def test_a_bilinear_layer_is_counted_in_any_shape(shape: tuple[int, ...]) -> None:
    class Pairs(nn.Bilinear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            features = x.mean((1, 2)).view(-1, *(1,) * len(shape), 8).expand(-1, *shape, -1)
            return super().forward(features[..., :4], features[..., :5])

    positions = torch.Size(shape).numel()
    assert traced(lambda: Pairs(4, 5, 3)).workload.macs == positions * (3 * 4 * 5 + 3 * 5)


DECAYED = {
    "attention": {"embed.weight", "mixer.qkv.weight", "mixer.project.weight", "out.weight"},
    "own linear": {"embed.weight", "mixer.direction", "out.weight"},
    "weight norm": {"embed.weight", "mixer.parametrizations.weight.original1", "out.weight"},
    "tied": {"embed.weight", "mixer.one.weight", "out.weight"},
    "repvgg": {"wide.weight", "narrow.weight", "out.weight"},
}


@pytest.mark.parametrize("name", DECAYED)
def test_a_layer_by_hand_decays_and_positions_do_not(name: str) -> None:
    with torch.device("meta"):
        module = COUNTED[name]()
    trace(module, 3, 8)
    assert set(decayed(module)) == DECAYED[name]


def test_what_is_frozen_is_part_of_the_identity() -> None:
    def frozen() -> nn.Module:
        net = Patches(Attention("matmul"))
        net.embed.weight.requires_grad = False
        return net

    assert traced(frozen).digest != traced(COUNTED["attention"]).digest


def test_the_identity_of_a_plain_network_is_as_it_was() -> None:
    def plain() -> nn.Module:
        layers = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 4))

    assert traced(plain).digest == "d2d757b3af6495df"
