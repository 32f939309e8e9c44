"""Predictions for networks that were not trained, and the choice of the next ones to train.

A prediction is of the true mean that a network would have at the budget's cost: the surface at its
shares, with its own lack of fit and the seeds' shared variance in the interval. Intervals are of
log odds, so they never leave 0 to 1.

The next networks are the best predicted ones. In simulated studies (benchmarks/surface.py) they
bring as much as those of the largest expected improvement (Jones, Schonlau and Welch 1998), and
more than random ones.
"""

from collections.abc import Sequence

import numpy as np

from compound.orchestrator.analyse.scores import ScoredCandidates, splits_of
from compound.orchestrator.statistics.log_odds import accuracy
from compound.schemas.architecture import Candidate
from compound.schemas.verdict import Prediction


def predict(scored: ScoredCandidates, untried: Sequence[Candidate]) -> tuple[Prediction, ...]:
    """Return predictions for the reachable untried networks, the best first.

    Nothing without a surface. Networks whose interval has no width as an accuracy are left out.
    """
    networks, surface = reachable(scored, untried), scored.surface
    if surface is None or scored.estimates is None or not networks:
        return ()
    expected = surface.predicted(splits_of(networks))
    ends = expected.ends(scored.level, scored.estimates.seed_variance)
    columns = (accuracy(column).tolist() for column in (expected.means, *ends))
    predictions = [
        _prediction(network, middle, low, high)
        for network, middle, low, high in zip(networks, *columns, strict=True)
        if low < middle < high
    ]
    return tuple(sorted(predictions, key=lambda prediction: -prediction.expected))


def reachable(scored: ScoredCandidates, untried: Sequence[Candidate]) -> list[Candidate]:
    """Return the untried networks that the surface covers.

    Not those without shares, and not those that scale an axis that no candidate scales.
    """
    networks = [network for network in untried if network.shares]
    if scored.surface is None or not networks:
        return []
    covered = scored.surface.covers(splits_of(networks)).tolist()
    return [network for network, inside in zip(networks, covered, strict=True) if inside]


def next_points(
    scored: ScoredCandidates, untried: Sequence[Candidate], count: int
) -> tuple[Candidate, ...]:
    """Return at most `count` untried networks to train next, the best predicted first.

    Nothing where no interval reaches the best mean. Without a surface, the networks farthest from
    all others, so that a surface can be fitted.
    """
    if scored.comparison is None:
        return ()
    if scored.surface is None:
        return _farthest(scored, untried, count)
    predictions = predict(scored, untried)
    best = scored.candidates[0].at_budget
    if not any(prediction.high > best for prediction in predictions):
        return ()
    by_id = {network.id: network for network in untried}
    return tuple(by_id[prediction.candidate] for prediction in predictions[:count])


def _farthest(
    scored: ScoredCandidates, untried: Sequence[Candidate], count: int
) -> tuple[Candidate, ...]:
    """Return networks one after another, each the farthest from the nearest other on the simplex.

    Of equally far ones the first.
    """
    left = [network for network in untried if network.shares]
    chosen: list[Candidate] = []
    while left and len(chosen) < count:
        occupied = splits_of([*(entry.candidate for entry in scored.candidates), *chosen])
        apart = np.linalg.norm(splits_of(left)[:, None] - occupied, axis=-1)
        chosen.append(left.pop(int(apart.min(axis=1, initial=np.inf).argmax())))
    return tuple(chosen)


def _prediction(network: Candidate, expected: float, low: float, high: float) -> Prediction:
    assert network.shares is not None
    return Prediction(
        candidate=network.id,
        coefficients=network.coefficients,
        shares=network.shares,
        ratio=network.ratio,
        expected=expected,
        low=low,
        high=high,
    )
