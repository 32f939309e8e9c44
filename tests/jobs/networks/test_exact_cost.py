"""Counting: equal to the reference to the unit, and to the built module for any network."""

import pytest
import torch
from hypothesis import given, settings

from compound.jobs.models.build import build
from compound.jobs.networks.efficientnet import B0
from compound.jobs.networks.exact_cost import count
from compound.jobs.networks.scaling import scale
from compound.schemas.architecture import Architecture, Coefficients
from tests.support.measured_cost import measured
from tests.support.random_architectures import ARCHITECTURES


def test_b0_in_the_convention_of_torch() -> None:
    cost = count(B0)
    assert (cost.macs, cost.activations) == (385_814_752, 6_747_036)


@settings(max_examples=60, deadline=None)
@given(ARCHITECTURES)
def test_any_network_equals_the_built_module(network: Architecture) -> None:
    cost = count(network)
    assert (cost.params, cost.macs, cost.activations) == measured(network)


@settings(max_examples=10, deadline=None)
@given(ARCHITECTURES)
def test_logits_have_one_row_an_image(network: Architecture) -> None:
    images = torch.randn(2, network.in_channels, network.resolution, network.resolution)
    module = build(network, survival=0.5, dropout=0.2).train()
    assert module(images).shape == (2, network.num_classes)


def test_the_published_coefficients_cost_more_than_they_say() -> None:
    triple = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)
    ratio = count(scale(B0, triple)).macs / count(B0).macs
    assert triple.nominal == pytest.approx(1.920, abs=1e-3)
    assert ratio == pytest.approx(2.57, abs=0.01)
