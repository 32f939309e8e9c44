"""Coefficients and phi to a realised network. Pure arithmetic, no torch.

Rounding follows the code that the paper's authors released (tensorflow/tpu,
efficientnet_model.py, round_filters and round_repeats).
"""

import math

from schemas.architecture import Architecture, Coefficients, Rounding

_FUZZ = 1e-9
"""Absorbs the float error of powers, so that ceil(1.1 ** 2 * 100) is 121 and not 122."""

OFFICIAL = Rounding()


def round_channels(channels: int, width: float, divisor: int = 8) -> int:
    """Scale channels to the nearest multiple of divisor, never more than 10 % down."""
    if width == 1:
        return channels
    wanted = channels * width
    rounded = max(divisor, int(wanted + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * wanted else rounded


def round_repeats(repeats: int, depth: float, rule: str = "ceil") -> int:
    """Scale a stage's repeats by the rule `ceil` (official) or `round`; at least one remains."""
    wanted = repeats * depth
    rounded = math.ceil(wanted - _FUZZ) if rule == "ceil" else math.floor(wanted + 0.5 + _FUZZ)
    return max(1, rounded)


def round_resolution(pixels: float, rounding: Rounding = OFFICIAL) -> int:
    """Round pixels to the nearest multiple, within the rounding's maximum."""
    multiple = rounding.resolution
    rounded = max(multiple, int(pixels / multiple + 0.5 + _FUZZ) * multiple)
    return min(rounded, rounding.max_resolution or rounded)


def stretch(
    base: Architecture,
    depth: float,
    width: float,
    resolution: int,
    rounding: Rounding = OFFICIAL,
) -> Architecture:
    """Return base with repeats times depth and channels times width, at resolution pixels."""
    stages = tuple(
        stage.model_copy(
            update={
                "repeats": round_repeats(stage.repeats, depth, rounding.depth),
                "channels": round_channels(stage.channels, width, rounding.channels),
            }
        )
        for stage in base.stages
    )
    stem = round_channels(base.stem.channels, width, rounding.channels)
    update = {
        "resolution": resolution,
        "stem": base.stem.model_copy(update={"channels": stem}),
        "stages": stages,
        "head": round_channels(base.head, width, rounding.channels),
    }
    return base.model_copy(update=update)


def scale(
    base: Architecture,
    coefficients: Coefficients,
    phi: float = 1.0,
    rounding: Rounding = OFFICIAL,
) -> Architecture:
    """Scale a baseline by alpha^phi, beta^phi and gamma^phi (EfficientNet, equation 3)."""
    depth, width = coefficients.alpha**phi, coefficients.beta**phi
    resolution = base.resolution
    if coefficients.gamma != 1 and phi != 0:
        resolution = round_resolution(base.resolution * coefficients.gamma**phi, rounding)
    return stretch(base, depth, width, resolution, rounding)
