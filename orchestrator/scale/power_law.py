"""The power law through a family's errors: error = scale * ratio ^ -exponent.

It predicts what the next larger network should reach before it is trained; and each trained
network is compared with the prediction from the smaller ones. Real errors level off at a floor that
a few networks do not show (Rosenfeld et al. 2020). So the law itself is the optimistic end of a
prediction; the pessimistic end is that nothing beyond the largest trained network helps.
"""

from collections.abc import Sequence
from math import exp

from compound.orchestrator.scale.doubling import last_step
from compound.orchestrator.scale.log_errors import by_cost, mean_error, moved
from compound.orchestrator.scale.power_law_text import tell
from compound.orchestrator.scale.power_line import Line, false_warnings, line_through
from compound.schemas.power_law import Law, LawPoint

FLOOR = 1e-9
"""The least error, where the number of validation images is unknown."""
APART = 0.05
"""Share of an interval's half that keeps its ends apart from what is expected."""
MOST_EXPONENT = 700.0
"""What exp can take; costs that hardly differ give lines of any steepness."""
INSIDE = 0.1
"""Share of the least error that the ends of intervals keep from 0 and 1."""


def fit(
    points: Sequence[LawPoint],
    predict: Sequence[tuple[float, float]],
    level: float,
    floor: float = FLOOR,
) -> Law | None:
    """Fit the law to trained networks and predict further ones, given as phi and cost ratio.

    None with fewer than two trained networks of different cost. Points without errors are
    predicted like those of `predict`. An error below `floor` counts as `floor`, since 0 has no
    logarithm: half a validation image is a fair floor.

    Nothing is predicted where errors do not fall. Two networks give no interval, and predict only
    as far beyond the larger as that is from the smaller. Intervals of single points are prediction
    intervals for the mean of their seeds, one for a network that is not trained.

    What a trained network was expected to reach comes from all that cost less than it.
    """
    trained = by_cost([point for point in points if point.errors])
    straight, line = line_through(trained, floor), line_through(trained, floor, level)
    if straight is None or line is None:
        return None
    untrained = [*((point.phi, point.ratio) for point in points if not point.errors), *predict]
    measured = {point.phi for point in trained}
    ahead = (
        LawPoint(phi=phi, ratio=ratio)
        for phi, ratio in dict(untrained).items()
        if phi not in measured
    )
    predicted = (_expected(point, line, level, trained) for point in by_cost(list(ahead)))
    low, high = _exponent(straight, level)
    law = Law(
        scale=exp(min(line.intercept, MOST_EXPONENT)),
        exponent=-line.slope,
        low=low,
        high=high,
        level=level,
        points=(*_compared(trained, level, floor), *predicted),
        levels_off=line.levels_off,
        last_step=last_step(trained, level, floor),
        sentence="",
    )
    return law.model_copy(update={"sentence": tell(law)})


def band(
    trained: Sequence[LawPoint], ratios: Sequence[float], level: float, floor: float = FLOOR
) -> list[LawPoint]:
    """Return the law of trained networks at many costs, with prediction intervals for one seed.

    Without the costs that it does not predict: all of them, where they make no law or their errors
    do not fall. The points' phi means nothing.
    """
    trained = by_cost(trained)
    line = line_through(trained, floor, level)
    if line is None:
        return []
    points = (_expected(LawPoint(phi=0, ratio=ratio), line, level, trained) for ratio in ratios)
    return [point for point in points if point.expected is not None]


def _exponent(line: Line, level: float) -> tuple[float | None, float | None]:
    """Return the ends of the exponent's interval; None from two networks."""
    if not line.bounded:
        return None, None
    margin = line.times((1 + level) / 2) * float(line.covariance[1, 1]) ** 0.5
    return -line.slope - margin, -line.slope + margin


def _expected(point: LawPoint, line: Line, level: float, trained: Sequence[LawPoint]) -> LawPoint:
    """Return a point with what the line through `trained` predicts, if it does.

    The low end of the error is the pure law's. The high end does not fall beyond the largest
    trained network, and holds what that has reached. `trained` is in order of cost.
    """
    if not line.reaches(point.ratio):
        return point
    middle = line.expected(point.ratio)
    if not line.bounded:
        return point.model_copy(update={"expected": middle})
    seeds, probability = max(len(point.errors), 1), (1 + level) / 2
    near = min(point.ratio, line.last)
    far_margin, margin = (line.margin(x, seeds, probability) for x in (point.ratio, near))
    low = moved(line.at(point.ratio), -far_margin)
    high = moved(line.reached(near), margin)
    if near == line.last:
        high = max(high, mean_error(trained[-1], line.floor))
    middle = min(max(middle, moved(low, APART * far_margin)), moved(high, -APART * margin))
    ends = {"low": max(low, INSIDE * line.floor), "high": min(high, 1 - INSIDE * line.floor)}
    return point.model_copy(update={"expected": middle, **ends})


def _compared(trained: Sequence[LawPoint], level: float, floor: float) -> list[LawPoint]:
    """Return trained networks with what the smaller ones predicted, and the worst of a pure law.

    A network worse than that appears in half of the false warnings, by Bonferroni's correction for
    all networks that are compared; a bend that is none is the other half.
    """
    smaller = [[network for network in trained if network.ratio < point.ratio] for point in trained]
    lines = [line_through(points, floor) for points in smaller]
    count = sum(1 for line in lines if line and line.bounded and line.slope < 0)
    chance = false_warnings(level) / 2 / max(count, 1)
    both = zip(trained, smaller, lines, strict=True)
    return [
        _worst(_expected(point, line, level, points), line, chance) if line else point
        for point, points, line in both
    ]


def _worst(point: LawPoint, line: Line, chance: float) -> LawPoint:
    if point.high is None:
        return point
    margin = line.margin(point.ratio, len(point.errors), 1 - chance)
    worst = min(moved(line.at(point.ratio), margin), 1 - INSIDE * line.floor)
    return point.model_copy(update={"worst": worst})
