"""A Gaussian process over the shares: it follows surfaces that no quadratic can.

The prior is an unknown level, plus a smooth surface (Matérn 5/2 over the distance on the simplex),
plus an independent lack of fit of each candidate; the noise of the means is known from their
seeds. The surface's variance, its length scale and the variance of the lack of fit are estimated
by the marginal likelihood (Rasmussen and Williams 2006, chapters 2 and 5), with scikit-learn.
Means are divided by the noise, so variances are in units of the noise's variance.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.statistics.surface import Bools, Floats, Kind, Posterior

LEVEL = 1e4
"""Prior variance of the level, over the variance of the means: so large that it is unknown."""
LENGTH_SCALES = (0.3, 5.0)
"""Bounds of the length scale; an edge of the simplex has a length of sqrt(2)."""
HIGHEST = 1e4
"""Upper bound of the variances of surface and lack of fit, over the variance of the means."""
LEAST = 0.3
"""Lower bound of the lack of fit's variance, over the variance of one mean; that of the surface is
one whole variance of a mean."""
FITTED = 200
"""Candidates that the prior is fitted to; of more, an even selection by mean."""
ESTIMATED = 3
"""Estimated parameters of the prior: surface variance, length scale, lack of fit."""
JITTER = 1e-8
"""Least eigenvalue of a covariance that is drawn from, over its largest variance."""


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process; `splits` are the candidates' shares, shape (candidates, 3)."""

    means: Floats
    mean_variances: Floats
    splits: Floats
    sd: float
    kernel: Any
    """The surface's kernel of scikit-learn: level and smooth part, without lack of fit."""
    lack_of_fit: float

    @classmethod
    def fit(cls, means: Floats, counts: Floats, noise: Noise, splits: Floats) -> "GaussianProcess":
        """Fit the prior to measured means of `counts` scores each."""
        subset = _spread(np.argsort(means), FITTED)
        kernel, lack_of_fit = _fitted_prior(
            (means[subset] - means.mean()) / noise.sd, 1 / counts[subset], splits[subset]
        )
        return cls(means, 1 / counts, splits, noise.sd, kernel, lack_of_fit)

    @property
    def kind(self) -> Kind:
        """The name of this surface in a spec."""
        return "gaussian process"

    @cached_property
    def residual_df(self) -> int:
        """Degrees of freedom that the smooth part leaves, from the trace of its smoother."""
        return max(
            round(float(np.diag(self._inverse) @ (self.mean_variances + self.lack_of_fit))), 1
        )

    @cached_property
    def expected(self) -> Floats:
        """The expected true means: each measured mean, shrunk towards the surface."""
        return self.smooth(self.means)

    def smooth(self, means: Floats) -> Floats:
        """Shrink means, shape (..., candidates), towards the surface that fits them."""
        level = means.mean(axis=-1, keepdims=True)
        smoothed: Floats = level + (means - level) @ self._smoother
        return smoothed

    def covers(self, splits: Floats) -> Bools:
        """Return True for all shares: a process covers them all, with a variance for each."""
        return np.ones(len(splits), dtype=np.bool_)

    def predicted(self, splits: Floats) -> Floats:
        """Return the smooth part at shares, shape (points, 3)."""
        level = self.means.mean()
        predicted: Floats = level + (self.means - level) @ self._inverse @ self._across(splits)
        return predicted

    def posterior(self, splits: Floats) -> Posterior:
        """Return the posterior of networks at these shares, with their own lack of fit."""
        across = self._across(splits)
        weights = self._inverse @ across
        sampling = np.square(weights).T @ self.mean_variances
        left = np.diag(self.kernel(splits)) - np.einsum("np,np->p", across, weights)
        return Posterior(
            self.predicted(splits), sampling, np.maximum(left - sampling, 0.0) + self.lack_of_fit
        )

    def draw_surfaces(self, rng: np.random.Generator, sds: Floats, splits: Floats) -> Floats:
        """Draw surfaces from their posterior, shape (len(sds), points)."""
        across = self._across(splits)
        left = self.kernel(splits) - across.T @ self._inverse @ across
        drawn: Floats = self.predicted(splits) + sds[:, None] * _normal(rng, len(sds), left)
        return drawn

    def errors(self) -> Floats:
        """Return the leave-one-out errors, with the prior fitted to all candidates."""
        deviations = self.means - self.means.mean()
        errors: Floats = (self._inverse @ deviations) / np.diag(self._inverse)
        return errors

    def conditioned_on(self, split: Floats, mean: float) -> "GaussianProcess":
        """Return the surface as if a network at these shares had this measured mean."""
        return replace(
            self,
            means=np.append(self.means, mean),
            mean_variances=np.append(self.mean_variances, np.median(self.mean_variances)),
            splits=np.vstack([self.splits, split]),
        )

    @cached_property
    def _inverse(self) -> Floats:
        """Inverse of the means' prior covariance: level, smooth part, lack of fit and noise."""
        covariance = self.kernel(self.splits) + np.diag(self.lack_of_fit + self.mean_variances)
        root = cho_factor(covariance, lower=True)
        return np.asarray(cho_solve(root, np.eye(len(covariance))), dtype=np.float64)

    @cached_property
    def _smoother(self) -> Floats:
        """The matrix that smooths deviations from the level, applied from the right."""
        smoother: Floats = np.eye(len(self.mean_variances)) - self._inverse * self.mean_variances
        return smoother

    def _across(self, splits: Floats) -> Floats:
        covariance: Floats = self.kernel(self.splits, splits)
        return covariance


def _fitted_prior(scaled: Floats, mean_variances: Floats, splits: Floats) -> tuple[Any, float]:
    """Return the surface's kernel and the lack of fit's variance of the highest likelihood."""
    # Imported late: it is slow to import, and few studies use a process.
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    unit = float(mean_variances.mean())
    spread = max(float(scaled.var()), unit)
    level = ConstantKernel(LEVEL * spread, "fixed")
    surface_variance = ConstantKernel(spread, (unit, HIGHEST * spread))
    lack_of_fit = WhiteKernel(unit, (LEAST * unit, HIGHEST * spread))
    prior = level + surface_variance * Matern(0.7, LENGTH_SCALES, nu=2.5) + lack_of_fit
    # A fixed state: the restart of the optimiser is random, but a verdict must be reproducible.
    process = GaussianProcessRegressor(
        prior, alpha=mean_variances, n_restarts_optimizer=1, random_state=0
    )
    with _quiet():
        parameters = process.fit(splits, scaled).kernel_
    return parameters.k1, float(parameters.k2.noise_level)


def _quiet() -> Any:
    """Silence scikit-learn's warning of a parameter on its bound: that is a valid result here."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    return warnings.catch_warnings(action="ignore", category=ConvergenceWarning)


def _normal(rng: np.random.Generator, draws: int, covariance: Floats) -> Floats:
    """Draw normal vectors, shape (draws, n), also where the covariance is nearly singular."""
    scale = JITTER * max(float(np.diag(covariance).max()), 1.0)
    # Not Cholesky's factor: rounding can make the smallest eigenvalues negative, and it fails then.
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, scale))
    drawn: Floats = rng.standard_normal((draws, len(covariance))) @ root.T
    return drawn


def _spread(order: Any, most: int) -> Any:
    """Return at most `most` of the positions, evenly spaced in their order."""
    if len(order) <= most:
        return np.sort(order)
    return np.sort(order[np.linspace(0, len(order) - 1, most).round().astype(int)])
