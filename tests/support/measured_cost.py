"""Measures the cost of a network on its built module."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from compound.jobs.models.build import build
from compound.schemas.architecture import Architecture


def measured(network: Architecture) -> tuple[int, int, int]:
    """Count a network by building it on the meta device and running torch's own counter."""
    with torch.device("meta"):
        module = build(network).eval()
        images = torch.empty(1, network.in_channels, network.resolution, network.resolution)
    outputs: list[int] = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _m, _i, out: outputs.append(out.numel()))
    with FlopCounterMode(display=False) as counter:
        module(images)
    params = sum(parameter.numel() for parameter in module.parameters())
    return params, counter.get_total_flops() // 2, sum(outputs)
