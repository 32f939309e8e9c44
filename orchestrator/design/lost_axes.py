"""Axes along which a user's own network cannot be scaled, although they have an effect on it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compound.schemas.architecture import AXES, Axis
from compound.schemas.errors import FactoryError

if TYPE_CHECKING:
    from compound.orchestrator.design.network_space import NetworkOption, Space

_FACTORS = (2, 4)


def lost_axes(space: "Space") -> Iterator[str]:
    """Warn of every axis that the search cannot try because its scalings fail."""
    for axis in space.networks.axes(space.baseline):
        if any(_scales(option, axis, space) for option in space.options):
            continue
        reason = _failure(space, axis)
        if reason:
            factors = " and by ".join(map(str, _FACTORS))
            yield (
                f"the search has no {axis}: no network of its list scales it, and scaling it by "
                f"{factors} fails: {reason}"
            )


def _scales(option: "NetworkOption", axis: Axis, space: "Space") -> bool:
    multipliers = {
        "depth": option.alphas.low,
        "width": option.betas.low,
        "resolution": option.network.resolution / space.baseline.resolution,
    }
    return multipliers[axis] > 1


def _failure(space: "Space", axis: Axis) -> str:
    """Return why an axis alone cannot be scaled; "" where one of the factors builds a network."""
    reason = ""
    for factor in reversed(_FACTORS):
        depth, width, side = (factor if name == axis else 1 for name in AXES)
        pixels = space.baseline.resolution * side
        try:
            space.networks.stretch(space.baseline, depth, width, pixels, space.rounding)
        except FactoryError as error:
            reason = error.message
        else:
            return ""
    return reason
