"""Counts of networks of every kind against torch's own counter, and what decides their identity."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from compound.jobs.models.decayed_weights import decayed
from compound.jobs.models.meta_trace import Trace, trace
from compound.jobs.models.training_check import Untrainable, require_even
from tests.support.counted_factories import COUNTED, LEFT_OUT_BY_TORCH, Attention, Patches


def traced(build: Callable[[], nn.Module]) -> Trace:
    with torch.device("meta"):
        return trace(build(), 3, 8)


def torchs_macs(build: Callable[[], nn.Module], images: int = 1) -> int:
    """Count by torch, layer by layer: fused attention and recurrent layers are taken apart."""
    with torch.device("meta"):
        counter, module = FlopCounterMode(display=False), build().eval()
        with counter, sdpa_kernel(SDPBackend.MATH):
            module(torch.zeros(images, 3, 8, 8))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize("name", COUNTED)
def test_every_matrix_product_is_counted_as_torch_counts_it(name: str) -> None:
    work = traced(COUNTED[name]).workload
    assert work.macs == torchs_macs(COUNTED[name])
    assert sum(work.macs_by_kind.values()) == work.macs
    assert all(macs >= 0 for macs in work.macs_by_kind.values())


@pytest.mark.parametrize("name", COUNTED)
def test_the_work_of_an_image_and_of_a_batch_is_what_torch_counts(name: str) -> None:
    work = traced(COUNTED[name]).workload
    one, two = (torchs_macs(COUNTED[name], images) for images in (1, 2))
    assert (work.macs - work.folded, work.folded) == (two - one, 2 * one - two)


def test_what_is_alike_for_all_images_is_counted_once_a_batch() -> None:
    names = ("latents of an image", "latents of a batch", "lstm", "zeros", "of the batch")
    folded = {name: traced(COUNTED[name]).workload.folded for name in names}
    assert folded == {**dict.fromkeys(names, 0), "latents of a batch": 192, "of the batch": 64}
    lstm = traced(COUNTED["lstm"]).workload
    assert lstm.linear == 4 * 4 * (8 * 8 + 8 * 8) + 8 * 4


class Between(nn.Module):
    """Multiplies every image by every other."""

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(1)
        return (flat @ flat.T @ flat)[:, :4]


def test_products_between_images_are_no_cost_of_an_image() -> None:
    assert traced(Between).macs.uneven
    with pytest.raises(Untrainable, match="has no cost of an image: 2 images take"):
        require_even(traced(Between).macs)
    for build in COUNTED.values():
        require_even(traced(build).macs)


class Calls(nn.Module):
    """Images (N, 3, 8, 8) to logits, by way of one function of (N, 3, 64)."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function, self.out = function, nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.function(x.flatten(2)).flatten(2).mean(2))


def _dot(x: Tensor) -> Tensor:
    return x * torch.dot(x.new_ones(64), x.new_ones(64))


def _over_time(x: Tensor) -> Tensor:
    y = torch.conv_tbc(x.permute(2, 0, 1).contiguous(), x.new_ones(5, 3, 3), x.new_ones(3), 1)
    return y.permute(1, 2, 0)


def _in_place(x: Tensor) -> Tensor:
    rows = x.flatten(0, 1)
    return rows.clone().addmm_(rows, x.new_ones(64, 64)).view_as(x)


PRODUCTS: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "distances": (lambda x: torch.cdist(x, x.new_ones(len(x), 7, 64)), 3 * 7 * 64),
    "city-block distances": (lambda x: torch.cdist(x, x.new_ones(len(x), 7, 64), 1.0), 3 * 7 * 64),
    "dot": (_dot, 64),
    "in place": (_in_place, 3 * 64 * 64),
    "conv_tbc": (_over_time, 62 * 5 * 3 * 3),
}
"""Products that torch's counter leaves out, and their MACs for an image."""


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_that_torch_leaves_out_are_counted(name: str) -> None:
    function, macs = PRODUCTS[name]
    work = traced(lambda: Calls(function)).workload
    assert work.macs == macs + 3 * 4
    assert work.uncounted == ()


UNCOUNTED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "a transform": (lambda x: torch.fft.rfft(x).abs(), "_fft_r2c"),
    "an inverse": (lambda x: torch.linalg.inv(x @ x.transpose(1, 2)), "linalg_inv_ex"),
    "an exponential": (lambda x: torch.matrix_exp(x @ x.transpose(1, 2)), "linalg_matrix_exp"),
}


@pytest.mark.parametrize("name", UNCOUNTED)
def test_what_multiplies_and_is_not_counted_is_told(name: str) -> None:
    function, told = UNCOUNTED[name]
    assert traced(lambda: Calls(function)).workload.uncounted == ((told, 1),)


@pytest.mark.parametrize("name", COUNTED)
def test_nothing_of_ordinary_networks_is_told_as_uncounted(name: str) -> None:
    assert traced(COUNTED[name]).workload.uncounted == ()


def test_an_operation_of_another_library_is_told() -> None:
    library = torch.library.Library("own_operations", "DEF")
    library.define("double(Tensor x) -> Tensor")
    library.impl("double", lambda x: x * 2, "CompositeExplicitAutograd")
    traces = traced(lambda: Calls(torch.ops.own_operations.double))
    assert traces.workload.uncounted == (("own_operations::double", 1),)


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


def test_layers_that_torch_leaves_out_are_counted() -> None:
    """Three factors: the first two by each other (N O I J), then by the third (N O J)."""
    around = 4 * 8 * 3 * 16 + 8 * 4
    bilinear, distances = (traced(build).workload for build in LEFT_OUT_BY_TORCH.values())
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
