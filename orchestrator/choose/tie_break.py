"""The spec's tie-break: which of the candidates that are about equally good is chosen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.design.controls import NAMED, distance

INDIFFERENT = 0.1
"""Difference of means, in units of the best candidate's noise, below which cost decides. The
smaller it is, the less accuracy a cheap choice costs (benchmarks/verdict.py: regret, highest)."""

Kind = Literal["activations", "step_time", "params", "macs", "published"]


@dataclass(frozen=True)
class TieBreak:
    """The figure that decides, lowest first."""

    kind: Kind
    missing: Kind | None = None
    """The tie-break of the spec, where some candidate has no figure for it."""

    @classmethod
    def of(cls, requested: Kind, scored: Sequence[CandidateScores]) -> "TieBreak":
        """Use the spec's tie-break; activations where some candidate has no figure for it."""
        lacking = {
            "step_time": any(not entry.speed for entry in scored),
            "published": any(entry.candidate.shares is None for entry in scored),
        }
        return cls("activations", requested) if lacking.get(requested) else cls(requested)

    def value(self, entry: CandidateScores) -> float:
        """Return the figure: a count, images per second, or a distance on the simplex."""
        return _VALUES[self.kind](entry)

    def key(self, entry: CandidateScores) -> tuple[float, int, int, float]:
        """Return the sort key: the figure, then the cost of a run, then accuracy."""
        cost, value = entry.candidate.cost, self.value(entry)
        first = -value if self.kind == "step_time" else value
        return first, cost.activations, cost.params, -entry.at_budget


def _from_published(entry: CandidateScores) -> float:
    assert entry.candidate.shares
    return distance(NAMED["published"], entry.candidate.shares)


_VALUES: dict[Kind, Callable[[CandidateScores], float]] = {
    "activations": lambda entry: entry.candidate.cost.activations,
    "params": lambda entry: entry.candidate.cost.params,
    "macs": lambda entry: entry.candidate.cost.macs,
    "step_time": lambda entry: entry.speed or 0.0,
    "published": _from_published,
}


def eligible(scored: ScoredCandidates) -> list[int]:
    """Return the positions of the candidates that may be chosen.

    These are the tied ones. Where some of them are mixes that beat every control, only those: a
    study that shows a gain must choose a candidate that has it. Without noise nothing is tied,
    and the highest score is chosen. Last, only candidates remain whose mean is about the best
    one's, by the noise of that one: with few seeds the tied set also contains bad candidates.
    """
    if scored.estimates is None or scored.comparison is None:
        return [0] if scored.candidates else []
    proven, means = set(scored.proven), scored.comparison.means
    pool = [i for i in scored.tied if i in proven] or scored.tied
    best = max(pool, key=means.__getitem__)
    least = means[best] - INDIFFERENT * scored.estimates.variances[best] ** 0.5
    return [i for i in pool if means[i] >= least]


def choose(
    scored: ScoredCandidates, pool: Sequence[int], tie_break: TieBreak
) -> CandidateScores | None:
    """Return the candidate of the pool that the tie-break ranks first; None if it is empty."""
    return min((scored.candidates[i] for i in pool), key=tie_break.key, default=None)
