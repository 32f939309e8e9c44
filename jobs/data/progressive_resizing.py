"""The side of training images by epoch, where they grow. Plain arithmetic, no torch.

The side depends on recipe, resolution and epoch alone, so a resumed job, or one with a different
number of workers, has the same.
"""

import math
from collections import Counter

from compound.schemas.errors import PlanError
from compound.schemas.recipe import Recipe, Resizing

PART = 8
"""Without `multiple`, sides grow by about one part in so many of the resolution."""
MOST_COMPILED = 8
"""The most sides of a compiled network: torch.compile takes minutes for each."""


def size_at(recipe: Recipe, resolution: int, epoch: int) -> int:
    """Return the side of the training images in an epoch, counted from 1.

    The epochs before `until` are divided evenly among the smaller sides, in ascending order.
    """
    smaller = smaller_sizes(recipe.resizing, resolution)
    growing = _growing(recipe)
    if epoch > growing or not smaller:
        return resolution
    return smaller[len(smaller) * (epoch - 1) // growing]


def sizes(recipe: Recipe, resolution: int) -> dict[int, int]:
    """Return how many epochs are trained at each side, in ascending order."""
    growing = range(1, _growing(recipe) + 1)
    counts = Counter(size_at(recipe, resolution, epoch) for epoch in growing)
    counts[resolution] += recipe.epochs - len(growing)
    return dict(sorted(counts.items()))


def smaller_sizes(resizing: Resizing | None, resolution: int) -> range:
    """Return the sides below the resolution that images grow through; none without resizing."""
    if resizing is None:
        return range(0)
    step = resizing.multiple or _step(resolution)
    first = max(1, math.floor(resizing.start * resolution / step + 0.5)) * step
    return range(first, resolution, step)


def check_sizes(recipe: Recipe, resolution: int, stride: int, where: str = "train") -> None:
    """Refuse a recipe whose images would be too small for a network of this total stride.

    PlanError, about keys below `where`: too small, no side at all below the resolution, or more
    sides than a compiled network can have.
    """
    if recipe.resizing is None:
        return
    smaller = smaller_sizes(recipe.resizing, resolution)
    step = recipe.resizing.multiple or _step(resolution)
    if not smaller:
        raise PlanError(
            f"no multiple of {step} pixels is between {recipe.resizing.start:g} x {resolution} "
            f"and {resolution} pixels, so images would not grow",
            where=f"{where}.resizing",
            allowed="a smaller `start` or a smaller `multiple`, or no `resizing`",
            next_step=f"compound plan SPEC --set {where}.resizing=null",
        )
    if smaller[0] < stride:
        raise PlanError(
            f"training would begin with {smaller[0]} of {resolution} pixels, below the network's "
            f"total stride",
            where=f"{where}.resizing.start",
            allowed=_large_enough(resolution, stride),
            next_step=_setting_of_start(resolution, stride, where),
        )
    if recipe.compile is True and len(sizes(recipe, resolution)) > MOST_COMPILED:
        raise PlanError(
            f"torch.compile takes minutes for each of the {len(sizes(recipe, resolution))} sides, "
            f"and {MOST_COMPILED} are allowed",
            where=f"{where}.resizing",
            allowed="a larger `start` or `multiple`, or `compile: false`",
            next_step=f"compound plan SPEC --set {where}.compile=false",
        )


def _large_enough(resolution: int, stride: int) -> str:
    if stride >= resolution:
        return f"no `resizing` of a network with stride {stride} at {resolution} pixels"
    return f"a start that makes {stride} pixels or more, such as {_up(stride / resolution):g}"


def _setting_of_start(resolution: int, stride: int, where: str) -> str:
    start = _up(stride / resolution)
    setting = f"{where}.resizing.start={start:g}" if start < 1 else f"{where}.resizing=null"
    return f"compound plan SPEC --set {setting}"


def _up(fraction: float) -> float:
    return math.ceil(100 * fraction) / 100


def _growing(recipe: Recipe) -> int:
    """Return the epochs at smaller sides: never the last."""
    if recipe.resizing is None:
        return 0
    return min(round(recipe.resizing.until * recipe.epochs), recipe.epochs - 1)


def _step(resolution: int) -> int:
    """Return the power of two nearest to an eighth of the resolution, on the scale of powers."""
    step: int = 2 ** max(0, round(math.log2(resolution / PART)))
    return step
