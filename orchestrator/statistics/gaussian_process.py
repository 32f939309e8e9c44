"""A Gaussian process over the shares: a surface that bends where no quadratic follows.

The prior is a level of which nothing is known, plus a smooth surface (Matérn 5/2 over the distance
on the simplex), plus a stray of each candidate's own; the noise of the means is known from their
seeds. What the surface's height, its reach and the strays are is estimated by the marginal
likelihood (Rasmussen and Williams 2006, chapters 2 and 5), with scikit-learn. Means are divided by
the noise, so variances are in units of the noise's.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from compound.orchestrator.statistics.comparison import Noise
from compound.orchestrator.statistics.surface import Bools, Floats, Kind, Posterior

LEVEL = 1e4
"""Variance of the surface's unknown level, in the means' own."""
REACHES = (0.3, 5.0)
"""Distances on the simplex, whose edges are sqrt(2) long, over which the surface may bend."""
HIGHEST = 1e4
"""The most that surface or strays may vary, in the means' own variance."""
LEAST = 0.3
"""The least that strays vary, in the variance of a mean; of a surface that says no more than one
mean nothing is certain, so it varies by a whole one."""
LEARNED = 200
"""Candidates that the prior is learned from; of more, an even choice by mean."""
ESTIMATED = 3
"""Numbers of the prior that are estimated: height, reach, strays."""
JITTER = 1e-8


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process; `splits` are the candidates' shares, shape (candidates, 3)."""

    means: Floats
    own: Floats
    splits: Floats
    sd: float
    kernel: Any
    """The surface's kernel of scikit-learn: level and bends, without strays."""
    stray: float

    @classmethod
    def fit(cls, means: Floats, counts: Floats, noise: Noise, splits: Floats) -> "GaussianProcess":
        """Learn the prior from measured means of `counts` scores each."""
        some = _spread(np.argsort(means), LEARNED)
        kernel, stray = _learned(
            (means[some] - means.mean()) / noise.sd, 1 / counts[some], splits[some]
        )
        return cls(means, 1 / counts, splits, noise.sd, kernel, stray)

    @property
    def kind(self) -> Kind:
        """The name that a spec has for it."""
        return "gaussian process"

    @cached_property
    def spare(self) -> int:
        """Candidates beyond what the smooth part uses up: the trace of its smoother."""
        return max(round(float(np.diag(self._inverse) @ (self.own + self.stray))), 1)

    @cached_property
    def expected(self) -> Floats:
        """What each true mean is expected to be: its own mean, drawn towards the surface."""
        return self.smooth(self.means)

    def smooth(self, means: Floats) -> Floats:
        """Draw means, shape (..., candidates), towards the surface that fits them."""
        level = means.mean(axis=-1, keepdims=True)
        smoothed: Floats = level + (means - level) @ self._smoother
        return smoothed

    def truths(self, rng: np.random.Generator, draws: int, sd: float) -> Floats:
        """Draw sets of true means that the scores leave possible, shape (draws, candidates)."""
        left = self.own[:, None] * self._smoother
        root = np.linalg.cholesky((left + left.T) / 2)
        drawn: Floats = self.expected + sd * rng.standard_normal((draws, len(root))) @ root.T
        return drawn

    def reaches(self, splits: Floats) -> Bools:
        """A process knows something of every place; how little, its variance says."""
        return np.ones(len(splits), dtype=np.bool_)

    def heights(self, splits: Floats) -> Floats:
        """Return the smooth part at shares, shape (places, 3)."""
        level = self.means.mean()
        heights: Floats = level + (self.means - level) @ self._inverse @ self._across(splits)
        return heights

    def belief(self, splits: Floats) -> Posterior:
        """Say what is expected of networks at these shares, each with a stray of its own."""
        across = self._across(splits)
        weights = self._inverse @ across
        sampling = np.square(weights).T @ self.own
        left = np.diag(self.kernel(splits)) - np.einsum("np,np->p", across, weights)
        return Posterior(
            self.heights(splits), sampling, np.maximum(left - sampling, 0.0) + self.stray
        )

    def draws(self, rng: np.random.Generator, sds: Floats, splits: Floats) -> Floats:
        """Draw surfaces that the scores leave possible, shape (len(sds), places)."""
        across = self._across(splits)
        left = self.kernel(splits) - across.T @ self._inverse @ across
        drawn: Floats = self.heights(splits) + sds[:, None] * _normal(rng, len(sds), left)
        return drawn

    def errors(self) -> Floats:
        """Return the leave-one-out errors, with the prior that all candidates gave."""
        deviations = self.means - self.means.mean()
        errors: Floats = (self._inverse @ deviations) / np.diag(self._inverse)
        return errors

    def believing(self, split: Floats, mean: float) -> "GaussianProcess":
        """Return the surface as if a network at these shares had been measured to be so good."""
        return replace(
            self,
            means=np.append(self.means, mean),
            own=np.append(self.own, np.median(self.own)),
            splits=np.vstack([self.splits, split]),
        )

    @cached_property
    def _inverse(self) -> Floats:
        """Inverse of the means' prior covariance: level, bends, strays and noise."""
        covariance = self.kernel(self.splits) + np.diag(self.stray + self.own)
        root = cho_factor(covariance, lower=True)
        return np.asarray(cho_solve(root, np.eye(len(covariance))), dtype=np.float64)

    @cached_property
    def _smoother(self) -> Floats:
        """What deviations from the level are multiplied by, from the right."""
        smoother: Floats = np.eye(len(self.own)) - self._inverse * self.own
        return smoother

    def _across(self, splits: Floats) -> Floats:
        covariance: Floats = self.kernel(self.splits, splits)
        return covariance


def _learned(scaled: Floats, own: Floats, splits: Floats) -> tuple[Any, float]:
    """Return the surface's kernel and the strays' variance that make the means likeliest."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    unit, spread = float(own.mean()), max(float(scaled.var()), float(own.mean()))
    level = ConstantKernel(LEVEL * spread, "fixed")
    height = ConstantKernel(spread, (unit, HIGHEST * spread))
    strays = WhiteKernel(unit, (LEAST * unit, HIGHEST * spread))
    prior = level + height * Matern(0.7, REACHES, nu=2.5) + strays
    process = GaussianProcessRegressor(prior, alpha=own, n_restarts_optimizer=1, random_state=0)
    with _quiet():
        found = process.fit(splits, scaled).kernel_
    return found.k1, float(found.k2.noise_level)


def _quiet() -> Any:
    """A number of the prior may well lie on its bound; that is what the bounds are for."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    return warnings.catch_warnings(action="ignore", category=ConvergenceWarning)


def _normal(rng: np.random.Generator, draws: int, covariance: Floats) -> Floats:
    """Draw normal vectors, shape (draws, len(covariance)), also where some are almost certain."""
    scale = JITTER * max(float(np.diag(covariance).max()), 1.0)
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, scale))
    drawn: Floats = rng.standard_normal((draws, len(covariance))) @ root.T
    return drawn


def _spread(order: Any, most: int) -> Any:
    """Return at most so many of the positions, evenly."""
    if len(order) <= most:
        return np.sort(order)
    return np.sort(order[np.linspace(0, len(order) - 1, most).round().astype(int)])
