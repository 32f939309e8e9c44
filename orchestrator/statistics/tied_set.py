"""Which candidates may be the best, and which are proven better, each with a noise of its own.

Differences are studentised by both candidates' own variances (Welch 1947). The critical values are
quantiles of the largest of several such differences when all are truly equal, simulated with the
estimated variances and their degrees of freedom: the comparisons of Hsu (1984) and of Dunnett
(1955) without one common noise. Candidates are right and wrong on the same images; what the choice
of images adds is a covariance, known from many images (image_effects.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compound.orchestrator.statistics.image_effects import of_differences
from compound.orchestrator.statistics.log_odds import Floats

DRAWS = 8000
"""Simulated studies; a critical value has an error of about 1 %."""
CELLS = 4_000_000
"""Most draws times candidates, so that thousands of candidates fit into memory."""


@dataclass(frozen=True)
class Comparison:
    """Means on log odds with the variances of these means; arrays have shape (candidates,)."""

    means: Floats
    mean_variances: Floats
    df: Floats
    level: float
    image_covariance: Floats | None = None
    """What the choice of images adds to the means' errors, shape (candidates, candidates)."""

    def spread(self, position: int, against: Sequence[int] | slice = slice(None)) -> Floats:
        """Return the standard errors of differences between one candidate and the others."""
        variances = self.mean_variances[against] + self.mean_variances[position]
        spread: Floats = np.sqrt(variances + self._of_images(position, against))
        return spread

    def _of_images(self, position: int, against: Sequence[int] | slice) -> Floats:
        """Return what the choice of images adds to the variances of differences."""
        if self.image_covariance is None:
            return np.zeros_like(self.means)[against]
        return of_differences(self.image_covariance, position)[against]

    def critical(self, position: int, against: Sequence[int], level: float) -> float:
        """Return the value that the largest studentised lead of `against` exceeds by chance.

        The probability is 1 - level, where all of them equal the candidate at `position`.
        """
        errors, variances = self._draws
        images = self._of_images(position, against)
        spread = np.sqrt(variances[:, against] + variances[:, [position]] + images)
        leads = (errors[:, against] - errors[:, [position]]) / spread
        return float(np.quantile(leads.max(axis=1), level))

    def margin(self, position: int, against: Sequence[int]) -> Floats:
        """Return the least differences that show that `against` differ from one candidate."""
        rivals = [i for i in range(len(self.means)) if i != position]
        return self.critical(position, rivals, self.level) * self.spread(position, against)

    @cached_property
    def tied(self) -> tuple[int, ...]:
        """The candidates that no other beats by the margin.

        They contain the truly best one with at least the probability of the level.
        """
        return tuple(i for i in range(len(self.means)) if self._may_be_best(i))

    def _may_be_best(self, position: int) -> bool:
        rivals = [i for i in range(len(self.means)) if i != position]
        leads = (self.means[rivals] - self.means[position]) / self.spread(position, rivals)
        highest = float(leads.max(initial=-np.inf))
        return highest <= 0 or highest <= self.critical(position, rivals, self.level)

    def superiority(self, candidates: Sequence[int], rival: int) -> float:
        """Return the critical value of the proof that one of the candidates beats a rival.

        A candidate that is truly no better is proven better with a probability of at most half of
        1 - level, also if it is picked from the list. The rival is then not in the tied set.
        """
        proof = self.critical(rival, candidates, (1 + self.level) / 2)
        rest_of_all = [i for i in range(len(self.means)) if i != rival]
        return max(proof, self.critical(rival, rest_of_all, self.level))

    def proven(self, candidates: Sequence[int], rivals: Sequence[int]) -> list[int]:
        """Return the candidates that are proven better than every rival.

        The test against every rival needs no further correction, since the truly best rival alone
        bounds the error (Berger 1982, intersection-union test).
        """
        ahead = np.ones(len(candidates), dtype=bool)
        for rival in rivals:
            least = self.superiority(candidates, rival) * self.spread(rival, candidates)
            ahead &= self.means[list(candidates)] - self.means[rival] > least
        return [i for i, proven in zip(candidates, ahead, strict=True) if proven]

    @cached_property
    def _draws(self) -> tuple[Floats, Floats]:
        """Errors of means and their estimated variances in simulated studies, (draws, candidates).

        The seed is fixed: the same results must give the same verdict.
        """
        rng, candidates = np.random.default_rng(0), len(self.means)
        shape = (min(DRAWS, max(CELLS // candidates, DRAWS // 10)), candidates)
        errors = rng.standard_normal(shape) * np.sqrt(self.mean_variances)
        variances = self.mean_variances * rng.chisquare(self.df, shape) / self.df
        if self.image_covariance is not None:
            values, vectors = np.linalg.eigh(self.image_covariance)
            root = vectors * np.sqrt(np.maximum(values, 0.0))
            errors += rng.standard_normal(shape) @ root.T
        return errors, variances
