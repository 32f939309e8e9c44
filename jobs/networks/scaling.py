"""Coefficients and phi to a realised network. Pure arithmetic, no torch.

Rounding follows the code that the paper's authors released (tensorflow/tpu,
efficientnet_model.py, round_filters and round_repeats). Every stage is scaled in the same way,
whatever its blocks; stem and head follow the rules of their family (jobs/networks/families.py).
"""

import math

from compound.jobs.networks.families import FAMILIES
from compound.schemas.architecture import Architecture, Coefficients, Rounding
from compound.schemas.stages import AnyStage

_FUZZ = 1e-9
"""Absorbs the float error of powers, so that ceil(1.1 ** 2 * 100) is 121 and not 122."""

OFFICIAL = Rounding()

MULTIPLIER = (0.01, 100.0)
"""The smallest and the largest number that a user may scale depth or width by."""


def round_channels(channels: int, width: float, divisor: int = 8) -> int:
    """Scale channels to the nearest multiple of divisor, never more than 10 % down."""
    if width == 1:
        return channels
    exact = channels * width
    rounded = max(divisor, int(exact + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * exact else rounded


def round_repeats(repeats: int, depth: float, rule: str = "ceil") -> int:
    """Scale a stage's repeats by the rule `ceil` (official) or `round`; at least one remains."""
    exact = repeats * depth
    rounded = math.ceil(exact - _FUZZ) if rule == "ceil" else math.floor(exact + 0.5 + _FUZZ)
    return max(1, rounded)


def round_resolution(pixels: float, rounding: Rounding = OFFICIAL) -> int:
    """Round pixels to the nearest multiple, of those within the rounding's maximum."""
    multiple = rounding.resolution
    rounded = max(multiple, int(pixels / multiple + 0.5 + _FUZZ) * multiple)
    return min(rounded, rounding.largest_resolution or rounded)


def stretch(
    base: Architecture,
    depth: float,
    width: float,
    resolution: int,
    rounding: Rounding = OFFICIAL,
) -> Architecture:
    """Return base with repeats times depth and channels times width, at resolution pixels."""
    update = {
        "resolution": resolution,
        "stem": base.stem.model_copy(update={"channels": _stem(base, width, rounding)}),
        "stages": tuple(_stage(stage, depth, width, rounding) for stage in base.stages),
        "head": _head(base, width, rounding),
    }
    return base.model_copy(update=update)


def _stage(stage: AnyStage, depth: float, width: float, rounding: Rounding) -> AnyStage:
    repeats = stage.repeats
    if stage.repeatable:
        repeats = round_repeats(stage.repeats, depth, rounding.depth)
    channels = round_channels(stage.channels, width, rounding.channels)
    return stage.model_copy(update={"repeats": repeats, "channels": channels})


def _stem(base: Architecture, width: float, rounding: Rounding) -> int:
    if not FAMILIES[base.family].scales_stem:
        return base.stem.channels
    return round_channels(base.stem.channels, width, rounding.channels)


def _head(base: Architecture, width: float, rounding: Rounding) -> int:
    rule = FAMILIES[base.family].head
    if base.head == 0 or rule == "fixed":
        return base.head
    scaled = round_channels(base.head, width, rounding.channels)
    return max(base.head, scaled) if rule == "never smaller" else scaled


def scale(
    base: Architecture,
    coefficients: Coefficients,
    phi: float = 1.0,
    rounding: Rounding = OFFICIAL,
) -> Architecture:
    """Scale a baseline by alpha^phi, beta^phi and gamma^phi (EfficientNet, equation 3)."""
    return stretch(base, *multipliers(base.resolution, coefficients, phi, rounding), rounding)


def multipliers(
    resolution: int, coefficients: Coefficients, phi: float, rounding: Rounding
) -> tuple[float, float, int]:
    """Return depth and width multipliers and the pixels that resolution becomes.

    Rounding to a coarse multiple never turns scaling up into scaling down, or the other way.
    """
    depth, width = coefficients.alpha**phi, coefficients.beta**phi
    times = coefficients.gamma**phi
    if times == 1:
        return depth, width, resolution
    rounded = round_resolution(resolution * times, rounding)
    return depth, width, max(resolution, rounded) if times > 1 else min(resolution, rounded)


def alone(base: Architecture, network: Architecture) -> tuple[Architecture, ...]:
    """Apply a scaled network's depth, width and resolution to its baseline, each one alone."""
    deep = base.model_copy(update={"stages": _with_repeats(base, network)})
    wide = network.model_copy(update={"stages": _with_repeats(network, base)})
    return deep, at(wide, base.resolution), at(base, network.resolution)


def at(network: Architecture, resolution: int) -> Architecture:
    """Return the network at another resolution."""
    return network.model_copy(update={"resolution": resolution})


def _with_repeats(network: Architecture, repeats_of: Architecture) -> tuple[AnyStage, ...]:
    pairs = zip(network.stages, repeats_of.stages, strict=True)
    return tuple(stage.model_copy(update={"repeats": source.repeats}) for stage, source in pairs)
