"""Candidates at chosen shares, with surfaces whose truth is known."""

from collections.abc import Callable, Sequence

import numpy as np

from compound.orchestrator.analyse.scores import CandidateScores, ScoredCandidates, compare
from compound.orchestrator.statistics.log_odds import accuracy, log_odds
from compound.schemas.architecture import Candidate, Role, Shares
from tests.support.verdict_studies import candidate

Truth = Callable[[np.ndarray], np.ndarray]
PEAK = np.array([0.2, 0.5, 0.3])
"""Shares of the best network; no point of a lattice of degree 4."""
SIGMA = 0.01


def lattice(degree: int) -> list[Shares]:
    return [
        Shares(depth=d / degree, width=w / degree, resolution=(degree - d - w) / degree)
        for d in range(degree + 1)
        for w in range(degree + 1 - d)
    ]


def placed(shares: Sequence[Shares], first: int = 0, role: Role = "design") -> list[Candidate]:
    return [
        candidate(first + i, role).model_copy(update={"shares": split})
        for i, split in enumerate(shares)
    ]


def splits(candidates: Sequence[Candidate]) -> np.ndarray:
    return np.array([network.shares.split for network in candidates if network.shares])


def bowl(points: np.ndarray) -> np.ndarray:
    """Accuracies whose log odds are a quadratic: 0.8 at PEAK."""
    return accuracy(log_odds(0.8, 30_000) - 0.6 * np.square(points - PEAK).sum(axis=1))


def measured(
    candidates: Sequence[Candidate],
    truth: np.ndarray,
    rng: np.random.Generator,
    noise: float = SIGMA,
    seeds: int = 3,
) -> ScoredCandidates:
    """Return the field of a study with noise, and half of it as luck of the seeds."""
    seed_effect = 0.5 * noise * rng.standard_normal(seeds)
    scores = truth[:, None] + seed_effect + noise * rng.standard_normal((len(truth), seeds))
    rows = zip(candidates, scores.tolist(), strict=True)
    entries = [
        CandidateScores(network.id, network, dict(enumerate(row)), 0) for network, row in rows
    ]
    return compare(entries, 0.9, 30_000)
