"""Exact params, MACs and activations of an Architecture, without building it.

MACs are the multiplications of convolutions and linear layers, forward, one image, biases not
counted: torch's FLOP counter over two. Activations are the elements of all convolution outputs
(Dollar et al. 2021, "Fast and Accurate Model Scaling").
"""

from typing import NamedTuple

from schemas.architecture import Architecture, Cost, Stage


class _Tally(NamedTuple):
    """Counts of one part of a network."""

    params: int = 0
    macs: int = 0
    activations: int = 0

    def plus(self, *others: "_Tally", times: int = 1) -> "_Tally":
        """Add others, each counted `times` times."""
        params = self.params + times * sum(other.params for other in others)
        macs = self.macs + times * sum(other.macs for other in others)
        return _Tally(params, macs, self.activations + times * sum(o.activations for o in others))


def shrink(size: int, stride: int) -> int:
    """Return the side of a feature map after a stride, padding k // 2 on both sides."""
    return -(-size // stride)


def squeeze_channels(in_channels: int, ratio: float) -> int:
    """Return the squeeze width, relative to the block's input (not its expanded width)."""
    return max(1, int(in_channels * ratio))


def _conv(cin: int, cout: int, kernel: int, size: int, groups: int = 1) -> _Tally:
    """Count a bias-free convolution with its batch norm; size is the output's side."""
    weights = kernel * kernel * (cin // groups) * cout
    return _Tally(weights + 2 * cout, weights * size * size, cout * size * size)


def _squeeze(channels: int, squeezed: int) -> _Tally:
    """Count squeeze-excitation: two biased 1x1 convolutions on one pixel."""
    weights = 2 * channels * squeezed
    return _Tally(weights + squeezed + channels, weights, squeezed + channels)


def _mbconv(stage: Stage, cin: int, size: int, stride: int) -> _Tally:
    """Count one inverted bottleneck (MobileNetV2) whose input has cin channels and side size."""
    wide, out = cin * stage.expand, shrink(size, stride)
    parts = [_conv(wide, wide, stage.kernel, out, groups=wide), _conv(wide, stage.channels, 1, out)]
    if stage.expand > 1:
        parts.append(_conv(cin, wide, 1, size))
    if stage.se:
        parts.append(_squeeze(wide, squeeze_channels(cin, stage.se)))
    return _Tally().plus(*parts)


def _stage(stage: Stage, cin: int, size: int) -> _Tally:
    first = _mbconv(stage, cin, size, stage.stride)
    rest = _mbconv(stage, stage.channels, shrink(size, stage.stride), 1)
    return first.plus(rest, times=stage.repeats - 1)


def count(architecture: Architecture) -> Cost:
    """Count one network exactly."""
    stem, channels = architecture.stem, architecture.stem.channels
    size = shrink(architecture.resolution, stem.stride)
    total = _conv(architecture.in_channels, channels, stem.kernel, size)
    for stage in architecture.stages:
        total = total.plus(_stage(stage, channels, size))
        channels, size = stage.channels, shrink(size, stage.stride)
    total = total.plus(_conv(channels, architecture.head, 1, size))
    weights = architecture.head * architecture.num_classes
    total = total.plus(_Tally(weights + architecture.num_classes, weights))
    return Cost(params=total.params, macs=total.macs, activations=total.activations)
