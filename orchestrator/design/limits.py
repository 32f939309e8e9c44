"""What a plan warns of, and what it refuses: points that collapse, resolutions out of bounds."""

import math
import shlex
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from compound.jobs.data.progressive_resizing import check_sizes, smaller_sizes
from compound.jobs.models.scaled import Networks
from compound.jobs.networks.scaling import MULTIPLIER, multipliers
from compound.jobs.parallel.strategy_table import STRATEGIES
from compound.jobs.training.optimiser.schedule import check_batch
from compound.orchestrator.wording.numbers import counted
from compound.schemas.architecture import MAX_RESOLUTION, Coefficients, Network, Rounding
from compound.schemas.errors import PlanError
from compound.schemas.factory import FactoryNetwork
from compound.schemas.job import Resources
from compound.schemas.plan import Dropped
from compound.schemas.recipe import Recipe
from compound.schemas.study import AnySpec, StudySpec

if TYPE_CHECKING:
    from compound.orchestrator.design.candidates import Designed

_LISTED = 3
"""Dropped points of an explicit design that a warning names one by one."""


def require_resolution(network: Network, rounding: Rounding) -> None:
    """PlanError where a baseline is smaller than its total stride, or than what rounding allows."""
    if network.resolution < network.total_stride:
        raise PlanError(
            f"resolution {network.resolution} is below the network's total stride",
            where="baseline.resolution",
            allowed=f"{network.total_stride} pixels or more",
            next_step=f"compound plan SPEC --set baseline.resolution={network.total_stride}",
        )
    most = rounding.largest_resolution
    if most is not None and most < network.resolution:
        raise PlanError(
            f"the baseline has {network.resolution} pixels, the rounding allows {most} at most",
            where="rounding.max_resolution",
            allowed=f"{network.resolution} or more, or a smaller baseline.resolution",
            next_step=f"compound plan SPEC --set rounding.max_resolution={network.resolution}",
        )


def require_recipe(recipe: Recipe, resources: Resources) -> None:
    """PlanError where a family's workers cannot train by its recipe."""
    check_batch(recipe, resources.most_workers)
    STRATEGIES[resources.parallel].check(recipe)


def require_rate(spec: AnySpec) -> None:
    """PlanError where no recipe check would put a number in the place of `learning_rate: auto`."""
    checked = spec.search is not None and spec.search.recipe_check
    if not checked and "auto" in (spec.first_recipe.learning_rate, spec.train.learning_rate):
        raise PlanError(
            "learning_rate: auto takes the best rate of a study's recipe check, and there is none",
            where="train.learning_rate",
            allowed="a number; `auto` in a `kind: study` with `search.recipe_check: true`",
            next_step="compound plan SPEC --set train.learning_rate=0.1",
        )


def require_sizes(
    recipe: Recipe, scaled: Iterable[Network], networks: Networks, where: str = "train"
) -> None:
    """PlanError where images that grow would be too small for a network, or would not grow.

    Of a user's own network also where its weights depend on the resolution, so that it takes no
    other images; FactoryError where it does not run on smaller ones at all.
    """
    if recipe.resizing is None:
        return
    for network in scaled:
        check_sizes(recipe, network.resolution, network.total_stride, where)
        first = smaller_sizes(recipe.resizing, network.resolution)[0]
        if isinstance(network, FactoryNetwork) and not _takes(network, first, networks):
            raise PlanError(
                f"{network.factory} builds other weights for {first} pixels than for "
                f"{network.resolution}, so its images cannot grow",
                where=f"{where}.resizing",
                allowed="no `resizing`, or a network whose weights do not depend on the resolution",
            )


def _takes(network: FactoryNetwork, side: int, networks: Networks) -> bool:
    small = networks.at(network, side)
    return isinstance(small, FactoryNetwork) and small.workload.params == network.workload.params


def require_phi(spec: AnySpec, baseline: Network, choices: Iterable[Coefficients]) -> None:
    """PlanError where a phi leads below the total stride, or beyond what a network may have.

    `choices` are the coefficients that the family may be scaled by.
    """
    pairs = [(triple, phi) for triple in choices for phi in spec.phis]
    broken = [
        obstacle for triple, phi in pairs for obstacle in obstacles(spec, baseline, triple, phi)
    ]
    if broken:
        limit, phi, problem = min(broken, key=lambda obstacle: abs(obstacle[0]))
        raise PlanError(
            f"phi {phi:g} {problem}",
            where=spec.phi_key,
            allowed=f"phi {limit:g} or {'more' if phi < limit else 'less'}",
            next_step=f"compound plan SPEC --set {shlex.quote(_within(spec, limit, phi))}",
        )


def _within(spec: AnySpec, limit: float, phi: float) -> str:
    """Return the setting that has the nearest phi which can be built, for what is beyond it."""
    clip = max if phi < limit else min
    phis = list(dict.fromkeys(f"{clip(phi, limit):g}" for phi in spec.phis))
    listed = f"[{', '.join(phis)}]"
    return f"{spec.phi_key}={phis[0] if spec.phi_key == 'phi' else listed}"


def obstacles(
    spec: AnySpec, baseline: Network, triple: Coefficients, phi: float
) -> Iterator[tuple[float, float, str]]:
    """Yield the nearest phi that can be built, phi, and what is wrong; nothing where it can."""
    pixels = scaled_pixels(baseline, spec.rounding, triple.gamma, phi)
    start, stride, step = baseline.resolution, baseline.total_stride, spec.rounding.resolution
    scaled = f"scales {start} pixels by gamma {triple.gamma:.3f} to {pixels:,}"
    if pixels < stride:
        fewest = math.ceil(stride / step) * step - step / 2
        limit = _hundredths(fewest / start, triple.gamma)
        yield limit, phi, f"{scaled}, below the total stride, {stride}"
    if pixels > MAX_RESOLUTION:
        yield _hundredths(MAX_RESOLUTION / start, triple.gamma), phi, f"{scaled}, too many"
    low, high = MULTIPLIER
    for axis, value in (("depth", triple.alpha), ("width", triple.beta)):
        times = value**phi
        if not low <= times <= high:
            limit = _hundredths(high if times > high else low, value)
            yield limit, phi, f"multiplies {axis} by {times:.3g}, outside of {low:g} to {high:g}"


def _hundredths(ratio: float, base: float) -> float:
    """Return the exponent that makes a ratio of a base, rounded towards 0."""
    return math.trunc(100 * math.log(ratio) / math.log(base)) / 100


def scaled_pixels(baseline: Network, rounding: Rounding, gamma: float, phi: float) -> int:
    """Return the resolution that compound.jobs.networks.scaling.scale() gives a network."""
    return multipliers(baseline.resolution, Coefficients(gamma=gamma), phi, rounding)[2]


def design_warnings(spec: StudySpec, baseline: Network, designed: "Designed") -> Iterator[str]:
    """Yield what a user should know of a search before it is trained."""
    yield from designed.lost
    yield from _collapsed(designed)
    if spec.search.design.kind == "explicit":
        yield from _left_out(designed.dropped)
    yield from designed.warnings
    gammas = {candidate.coefficients.gamma for candidate in designed.candidates}
    yield from padding_warning(
        baseline,
        {candidate.architecture.resolution for candidate in designed.candidates}
        | {scaled_pixels(baseline, spec.rounding, g, phi) for g in gammas for phi in spec.phis},
    )


def _collapsed(designed: "Designed") -> Iterator[str]:
    realised = designed.points - len(designed.dropped)
    networks = sum("design" in candidate.roles for candidate in designed.candidates)
    if networks < realised:
        yield (
            f"{counted(realised, 'point')} of the design give only "
            f"{counted(networks, 'different network')}, because sizes are rounded"
        )


def _left_out(dropped: Collection[Dropped]) -> Iterator[str]:
    for point in [*dropped][:_LISTED]:
        triple = ", ".join(f"{name} {value:g}" for name, value in point.coefficients)
        cost = "" if point.ratio is None else f" costs {point.ratio:.3f}x"
        yield f"left out: {triple}{cost}: {point.reason}"
    if len(dropped) > _LISTED:
        yield f"left out: {counted(len(dropped) - _LISTED, 'more point')}; --json lists all"


def padding_warning(network: Network, resolutions: Collection[int]) -> Iterator[str]:
    """Say in one sentence which scaled resolutions the network's strides do not divide."""
    stride = network.total_stride
    odd = sorted(pixels for pixels in resolutions if pixels % stride)
    if not odd:
        return
    named = f"resolution {odd[0]} is" if len(odd) == 1 else f"{len(odd)} resolutions are"
    listed = "" if len(odd) == 1 else f" ({', '.join(map(str, odd[:4]))}{', ...' * (len(odd) > 4)})"
    also = f"a baseline.resolution that {stride} divides and " * (network.resolution in odd)
    yield (
        f"{named} no multiple of the total stride {stride}{listed}: the last row and column are "
        f"computed from padding; {also}rounding.resolution: {stride} avoid{'s' * (not also)} it"
    )
