"""The network of which the surface expects the most, among all that can be built at this cost."""

from collections.abc import Sequence

from compound.orchestrator.analyse.prediction import reachable
from compound.orchestrator.analyse.scores import ScoredCandidates, splits_of
from compound.orchestrator.statistics.log_odds import accuracy
from compound.orchestrator.statistics.surface import SPARE, coefficients
from compound.orchestrator.wording.numbers import counted
from compound.schemas.architecture import Candidate
from compound.schemas.verdict import Optimum


def optimum(scored: ScoredCandidates, untried: Sequence[Candidate] = ()) -> Optimum | None:
    """Return the best of the candidates and of the untried networks; None without a surface.

    The lower end of its interval allows for the choice among all networks whose own intervals reach
    it (Bonferroni): the highest of many expectations is too high.
    """
    surface, estimates = scored.surface, scored.estimates
    if surface is None or estimates is None:
        return None
    trained = [scored.candidates[i].candidate for i in scored.placed]
    networks = [*trained, *reachable(scored, untried)]
    expected = surface.expected.joined(surface.predicted(splits_of(networks[len(trained) :])))
    best = int(expected.means.argmax())
    _, high = expected.ends(scored.level, estimates.seed_variance)
    rivals = int((high >= expected.means[best]).sum())
    low, _ = expected.ends(1 - (1 - scored.level) / rivals, estimates.seed_variance)
    return _optimum(
        networks[best],
        best < len(trained),
        *accuracy([expected.means[best], low[best], high[best]]).tolist(),
    )


def _optimum(
    network: Candidate, trained: bool, expected: float, low: float, high: float
) -> Optimum | None:
    """Return None where the interval has no width as an accuracy."""
    if network.shares is None or not low < expected < high:
        return None
    return Optimum(
        surface="quadratic",
        candidate=network.id,
        coefficients=network.coefficients,
        shares=network.shares,
        expected=expected,
        low=low,
        high=high,
        trained=trained,
    )


def no_optimum(scored: ScoredCandidates) -> str:
    """Return why there is no optimum, as a sentence; "" where no candidate has a score."""
    if not scored.candidates:
        return ""
    if scored.comparison is None:
        return "No optimum: the noise between seeds is unknown."
    if scored.surface is not None:
        return "No optimum: the expected accuracies cannot be told from 0 or 100 %."
    if not scored.placed:
        return "No optimum: the networks' shares of depth, width and resolution are unknown."
    networks = [scored.candidates[i].candidate for i in scored.placed]
    needed = coefficients(splits_of(networks))
    which = " with known shares" if len(networks) < len(scored.candidates) else ""
    leave = "leaves" if len(networks) == 1 else "leave"
    return (
        f"No optimum: {counted(len(networks), 'network')}{which} {leave} "
        f"{counted(max(len(networks) - needed, 0), 'degree')} of freedom for a surface of "
        f"{counted(needed, 'coefficient')}; {needed + SPARE} or more networks are needed."
    )
