"""Networks that pad as TensorFlow does, in every family."""

import numpy as np
import pytest
import torch
from torch import nn

from compound.jobs.models.build import build
from compound.jobs.models.meta_trace import trace
from compound.jobs.models.same_padding import SameAvgPool2d, SameConv2d, SameMaxPool2d
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.workload import workload
from compound.schemas.architecture import Architecture
from tests.support.family_networks import ONE_OF_EACH, small


def windows(image: np.ndarray, kernel: int, stride: int) -> list[list[np.ndarray]]:
    """Return the pixels under the kernel at every position, cut off at the image's edges.

    TensorFlow's rule: positions are `stride` apart, the first begins total // 2 before the image.
    """
    side = len(image)
    results = -(-side // stride)
    first = -(max((results - 1) * stride + kernel - side, 0) // 2)
    starts = [first + step * stride for step in range(results)]
    return [[image[max(r, 0) : r + kernel, max(c, 0) : c + kernel] for c in starts] for r in starts]


@pytest.mark.parametrize("side", [6, 7])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (2, 2), (3, 1), (3, 2), (5, 2), (3, 4)])
def test_layers_see_the_windows_of_tensorflow(side: int, kernel: int, stride: int) -> None:
    images = torch.randn(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    seen = windows(images[0, 0].numpy(), kernel, stride)
    conv = SameConv2d(1, 1, kernel, stride, bias=False)
    nn.init.ones_(conv.weight)
    layers = {
        np.sum: conv,
        np.max: SameMaxPool2d(kernel, stride),
        np.mean: SameAvgPool2d(kernel, stride),
    }
    for reduce, layer in layers.items():
        expected = np.array([[reduce(window) for window in row] for row in seen])
        made = layer(images)[0, 0].detach().numpy()
        assert made == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_family_pads_so_and_costs_the_same(name: str) -> None:
    half = small(name)
    same = half.model_copy(update={"padding": "same"})
    assert count(same) == count(half) and same.id != half.id
    with torch.device("meta"):
        module = build(same)
        work = trace(module, same.in_channels, same.resolution).workload
    assert (work.params, work.macs) == (count(same).params, count(same).macs)
    assert any(isinstance(layer, SameConv2d) for layer in module.modules())
    kept, counted = work.saved, workload(same).saved
    assert kept <= counted <= 1.1 * kept
    with torch.device("meta"):
        plain = build(half)
    assert [*module.state_dict()] == [*plain.state_dict()]


def test_a_network_without_the_choice_is_as_it_was() -> None:
    network = small("efficientnet-b0")
    assert not {"padding", "norm_epsilon"} & network.model_dump().keys()
    assert Architecture.model_validate(network.model_dump()).id == network.id


def test_an_odd_side_pads_evenly_and_has_the_same_logits() -> None:
    network = small("mobilenet-v1").model_copy(update={"resolution": 33})
    torch.manual_seed(0)
    half = build(network).eval()
    same = build(network.model_copy(update={"padding": "same"})).eval()
    same.load_state_dict(half.state_dict())
    images = torch.randn(2, 3, 33, 33)
    torch.testing.assert_close(same(images), half(images))
    other = torch.randn(2, 3, 32, 32)
    assert not torch.allclose(same(other), half(other))
