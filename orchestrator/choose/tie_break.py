"""Which of the candidates that are about equally good is taken: the tie-break of the spec."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates
from compound.orchestrator.design.controls import NAMED, distance
from compound.orchestrator.statistics.post_selection import INDIFFERENT

Kind = Literal["activations", "step_time", "params", "macs", "published"]


@dataclass(frozen=True)
class TieBreak:
    """The count that decides, lowest first."""

    kind: Kind
    missing: Kind | None = None
    """What the spec asked for, where some candidate lacks it."""

    @classmethod
    def of(cls, asked: Kind, scored: Sequence[CandidateScores]) -> "TieBreak":
        """Take what the spec asks for; activations, where it is not known of every candidate."""
        lacking = {
            "step_time": any(not one.speed for one in scored),
            "published": any(one.candidate.shares is None for one in scored),
        }
        return cls("activations", asked) if lacking.get(asked) else cls(asked)

    def value(self, one: CandidateScores) -> float:
        """Return what decides: a count, images a second, or a distance on the simplex."""
        return _VALUES[self.kind](one)

    def key(self, one: CandidateScores) -> tuple[float, int, int, float]:
        """Return what to sort by; equal ones by what costs less to run, then by accuracy."""
        cost, value = one.candidate.cost, self.value(one)
        first = -value if self.kind == "step_time" else value
        return first, cost.activations, cost.params, -one.at_budget


def _from_published(one: CandidateScores) -> float:
    assert one.candidate.shares
    return distance(NAMED["published"], one.candidate.shares)


_VALUES: dict[Kind, Callable[[CandidateScores], float]] = {
    "activations": lambda one: one.candidate.cost.activations,
    "params": lambda one: one.candidate.cost.params,
    "macs": lambda one: one.candidate.cost.macs,
    "step_time": lambda one: one.speed or 0.0,
    "published": _from_published,
}


def eligible(field: ScoredCandidates) -> list[int]:
    """Return the positions that the choice is free to take.

    Those are the tied ones, or of them the mixes that beat every control where there are any:
    a study that shows a gain must not choose one of the tied for which it does not. Without
    noise nothing is tied, and the highest score is taken. Of these, only who is expected to be
    about as good as the best: the tied set of a study with few seeds holds bad ones too.
    """
    if field.surface is None or field.comparison is None:
        return [0] if field.scored else []
    proven = set(field.proven)
    pool = [i for i in field.tied if i in proven] or field.tied
    expected = field.surface.expected[pool]
    near = expected >= expected.max() - INDIFFERENT * field.comparison.noise.sd
    return [i for i, inside in zip(pool, near, strict=True) if inside]


def choose(
    field: ScoredCandidates, pool: Sequence[int], tie_break: TieBreak
) -> CandidateScores | None:
    """Return the candidate of the pool that the tie-break puts first; None of an empty pool."""
    return min((field.scored[i] for i in pool), key=tie_break.key, default=None)
