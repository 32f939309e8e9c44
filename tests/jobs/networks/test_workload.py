"""Workloads: equal to what a built module does, and to what autograd keeps, for any network."""

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from compound.jobs.device_model import guess, peak_bytes, step_seconds
from compound.jobs.models.build import build
from compound.jobs.models.cells import CellBlock
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.named import NETWORKS
from compound.jobs.networks.workload import workload
from compound.schemas.architecture import Architecture
from tests.support.back_ends import examples
from tests.support.counted_calls import counted_calls
from tests.support.family_networks import MIXED, ONE_OF_EACH, SCALED, small


def kept(module: nn.Module, images: Tensor) -> int:
    """Return the float32s' worth of distinct tensors that autograd keeps of one forward pass."""
    storages: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        storages[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(images)
    return sum(storage.nbytes() for storage in storages.values()) // 4


def kept_an_image(network: Architecture, device: str = "meta") -> int:
    """Return what one image more makes autograd keep: weights and statistics cancel out."""
    shape = (network.in_channels, network.resolution, network.resolution)
    with torch.device(device):
        module = build(network).train()
        return kept(module, torch.empty(3, *shape)) - kept(module, torch.empty(2, *shape))


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_autograd_keeps_what_is_counted_for_every_family(name: str) -> None:
    assert workload(small(name)).saved == kept_an_image(small(name))


@settings(max_examples=examples(commit=3, full=8), deadline=None)
@given(SCALED)
def test_autograd_keeps_what_is_counted_at_any_scaling(network: Architecture) -> None:
    assert workload(network).saved == kept_an_image(network)


@settings(max_examples=15, deadline=None)
@given(MIXED)
def test_autograd_keeps_what_is_counted_for_any_blocks_in_any_order(network: Architecture) -> None:
    assert workload(network).saved == kept_an_image(network, "cpu")


def measured(network: Architecture) -> dict[str, int]:
    """Count work by kind of layer on the built module."""
    with torch.device("meta"):
        module = build(network).eval()
        images = torch.empty(1, network.in_channels, network.resolution, network.resolution)
    found = dict.fromkeys(("dense", "pointwise", "depthwise", "layers", "spatial", "cramped"), 0)
    sizes = [images.numel()]

    def look(layer: nn.Module, _: object, out: Tensor) -> None:
        sizes.append(out.numel())
        if isinstance(layer, nn.Conv2d | nn.Linear):
            found["layers"] += 1
        if isinstance(layer, nn.Linear):
            found["dense"] += layer.weight.numel()
        elif isinstance(layer, nn.Conv2d):
            kind = kind_of(layer)
            pixels = out.shape[2] * out.shape[3]
            found[kind] += layer.weight.numel() * pixels
            found["spatial"] += layer.weight.numel() * (kind == "dense")
            cramped = kind == "depthwise" and layer.kernel_size[0] > out.shape[3]
            found["cramped"] += layer.weight.numel() * cramped

    for layer in module.modules():
        if not list(layer.children()) or isinstance(layer, CellBlock):
            layer.register_forward_hook(look)
    module(images)
    return {**found, "largest": max(sizes)}


def kind_of(layer: nn.Conv2d) -> str:
    if layer.groups > 1:
        return "depthwise"
    return "pointwise" if layer.kernel_size == (1, 1) else "dense"


@settings(max_examples=15, deadline=None)
@given(MIXED)
def test_work_by_kind_equals_the_built_module(network: Architecture) -> None:
    work, cost, found = workload(network), count(network), measured(network)
    assert {name: getattr(work, name) for name in found} == found
    assert work.dense + work.pointwise + work.depthwise == cost.macs
    assert (work.params, work.activations) == (cost.params, cost.activations)


def test_the_largest_network_is_planned_without_being_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build_nothing(self: nn.Module, *_: object, **__: object) -> None:
        raise AssertionError("a module was built")

    monkeypatch.setattr(nn.Module, "__init__", build_nothing)
    network, profile = NETWORKS["efficientnet-l2"], guess("cuda")
    with counted_calls() as calls:
        work = workload(network)
        seconds, peak = step_seconds(profile, work, 8), peak_bytes(profile, work, 8, averaged=True)
    assert len(calls) < 50_000
    assert network.resolution == 800
    assert seconds > 0.1 and peak > 40e9
