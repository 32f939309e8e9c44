"""Scheffé's polynomial surface over the shares, fitted to all candidates.

A candidate's true mean is a smooth surface at its shares plus its own lack of fit. The surface is
Scheffé's polynomial (1958): linear in the shares, with their products where there are enough
candidates. The variance of the lack of fit is estimated too: a surface that does not fit has
almost no influence, and one that fits improves the estimate of every candidate. This is the normal
hierarchical model (Lindley and Smith 1972), flat in the lack of fit's deviation (Gelman 2006).

No claim depends on it: it guides the choice among candidates that the scores cannot distinguish,
and gives the true means that a bootstrap draws from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from compound.orchestrator.statistics.noise import Noise
from compound.orchestrator.statistics.surface import Bools, Floats, Kind, Posterior, splits_of
from compound.schemas.architecture import Shares

NODES = 60
"""Values of the shrinkage over which its expectation is summed."""
SPARE = 2
"""Least number of candidates beyond the coefficients, to estimate the lack of fit."""
RANK = 1e-6
"""Singular values below this part of the largest one count as 0."""
REACH = 0.05
"""Largest distance of terms from the span of the candidates' terms, as a share."""


@dataclass(frozen=True)
class Basis:
    """Terms of a surface, made orthonormal over the candidates that it is fitted to."""

    kind: Kind
    columns: Floats
    """The candidates' columns, shape (candidates, coefficients)."""
    map: Floats
    """The matrix from terms to columns, shape (terms, coefficients)."""
    sizes: Floats
    """Singular values of the directions, shape (coefficients,)."""

    @classmethod
    def of(cls, kind: Kind, terms: Floats) -> "Basis":
        """Leave out directions in which the candidates' terms do not differ."""
        left, sizes, right = np.linalg.svd(terms, full_matrices=False)
        independent = sizes > RANK * sizes[0]
        return cls(
            kind,
            left[:, independent],
            right[independent].T / sizes[independent],
            sizes[independent],
        )

    def at(self, splits: Floats) -> Floats:
        """Return the columns of other shares, shape (points, coefficients)."""
        columns: Floats = _terms(self.kind, splits) @ self.map
        return columns

    def covers(self, splits: Floats) -> Bools:
        """Return which shares lie in the span of the candidates' shares."""
        terms = _terms(self.kind, splits)
        projected = (terms @ self.map * self.sizes) @ (self.map * self.sizes).T
        within: Bools = np.linalg.norm(terms - projected, axis=1) <= REACH
        return within


def basis(shares: Sequence[Shares | None]) -> Basis:
    """Return the basis of the richest surface that these candidates can determine.

    Scheffé's quadratic, else linear, else a constant, which is also used where shares are
    unknown. Directions in which the shares do not differ, as where an axis is idle, are left out.
    """
    known_shares = [shares_ for shares_ in shares if shares_ is not None]
    kinds: tuple[Kind, ...] = ("quadratic", "linear")
    for kind in kinds if len(known_shares) == len(shares) else ():
        candidate_basis = Basis.of(kind, _terms(kind, splits_of(known_shares)))
        if candidate_basis.columns.shape[1] + SPARE <= len(shares):
            return candidate_basis
    return Basis.of("constant", np.ones((len(shares), 1)))


def _terms(kind: Kind, splits: Floats) -> Floats:
    """Return Scheffé's terms, shape (points, terms). ValueError: not a polynomial."""
    if kind == "constant":
        return np.ones((len(splits), 1))
    if kind == "linear":
        return splits
    if kind == "quadratic":
        return np.hstack([splits, splits * np.roll(splits, 1, axis=1)])
    raise ValueError(f"Scheffé has no {kind} polynomial")


def lack_of_fit_variance(
    means: Floats, mean_variances: Floats, noise: Noise, columns: Floats
) -> float:
    """Return the variance of the lack of fit, in units of the noise's variance.

    `mean_variances` are the variances of the means in the same unit: 1 / scores. The surface and
    the noise are integrated out; the average is over the shrinkage, the part of noise in the
    variance of a mean around the surface.
    """
    shrinkage = (np.arange(NODES) + 0.5) / NODES
    lacks_of_fit = (1 - shrinkage) / shrinkage * mean_variances.mean()
    weights = 1 / (mean_variances + lacks_of_fit[:, None])
    centred = means - means.mean()
    normal = np.einsum("nk,kp,kq->npq", weights, columns, columns)
    right = np.einsum("nk,kp,k->np", weights, columns, centred)
    explained = np.einsum("np,np->n", right, np.linalg.solve(normal, right[..., None])[..., 0])
    residual = np.maximum(weights @ np.square(centred) - explained, 0)
    df = noise.df + len(means) - columns.shape[1]
    log = 0.5 * np.log(weights).sum(axis=1) - 0.5 * np.linalg.slogdet(normal)[1]
    log -= df / 2 * np.log(noise.df * noise.sd**2 + residual)
    log -= 1.5 * np.log(shrinkage) + 0.5 * np.log1p(-shrinkage)
    likely = np.exp(log - log.max())
    expected = float(shrinkage @ likely / likely.sum())
    return float((1 - expected) / expected * mean_variances.mean())


@dataclass(frozen=True)
class Scheffe:
    """A fitted polynomial with its lack of fit; variances are in units of the noise's variance."""

    means: Floats
    mean_variances: Floats
    lack_of_fit: float
    columns: Floats
    basis: Basis

    @classmethod
    def fit(cls, means: Floats, counts: Floats, noise: Noise, basis: Basis) -> "Scheffe":
        """Fit a surface to measured means of `counts` scores each."""
        mean_variances, columns = 1 / counts, basis.columns
        return cls(
            means,
            mean_variances,
            lack_of_fit_variance(means, mean_variances, noise, columns),
            columns,
            basis,
        )

    @property
    def kind(self) -> Kind:
        """The degree of the polynomial."""
        return self.basis.kind

    @property
    def residual_df(self) -> int:
        """Candidates less coefficients, at least 1."""
        candidates, coefficients = self.basis.columns.shape
        return max(int(candidates) - int(coefficients), 1)

    @property
    def expected(self) -> Floats:
        """The expected true means: each measured mean, shrunk towards the surface."""
        return self.smooth(self.means)

    @property
    def retained(self) -> Floats:
        """The part of a candidate's distance from the surface that is no noise; 0 to 1."""
        retained: Floats = self.lack_of_fit / (self.lack_of_fit + self.mean_variances)
        return retained

    def smooth(self, means: Floats) -> Floats:
        """Shrink means, shape (..., candidates), towards the surface that fits them."""
        fitted = self._coefficients(means) @ self.columns.T
        smoothed: Floats = fitted + self.retained * (means - fitted)
        return smoothed

    def covers(self, splits: Floats) -> Bools:
        """Return which shares lie in the span of the candidates' shares."""
        return self.basis.covers(splits)

    def predicted(self, splits: Floats) -> Floats:
        """Return the polynomial at shares, shape (points, 3)."""
        predicted: Floats = self.basis.at(splits) @ self._coefficients(self.means)
        return predicted

    def posterior(self, splits: Floats) -> Posterior:
        """Return the posterior of networks at these shares, with their own lack of fit."""
        columns = self.basis.at(splits)
        leverage = np.einsum("np,pq,nq->n", columns, self._inverse, columns)
        unexplained = self.lack_of_fit / (self.lack_of_fit + float(self.mean_variances.mean()))
        return Posterior(
            self.predicted(splits),
            (1 - unexplained) * leverage,
            unexplained * leverage + self.lack_of_fit,
        )

    def draw_surfaces(self, rng: np.random.Generator, sds: Floats, splits: Floats) -> Floats:
        """Draw polynomials from their posterior, shape (len(sds), points)."""
        drawn: Floats = self._drawn(rng, sds) @ self.basis.at(splits).T
        return drawn

    def errors(self) -> Floats:
        """Return the leave-one-out errors; none for a candidate that alone fixes a coefficient."""
        off = self.means - self._coefficients(self.means) @ self.columns.T
        leverage = np.einsum("np,pq,nq->n", self.columns, self._inverse, self.columns)
        free = 1 - leverage / (self.mean_variances + self.lack_of_fit)
        errors: Floats = off[free > RANK] / free[free > RANK]
        return errors

    def conditioned_on(self, split: Floats, mean: float) -> "Scheffe":
        """Return the surface as if a network at these shares had this measured mean."""
        row = self.basis.at(split[None])
        return replace(
            self,
            means=np.append(self.means, mean),
            mean_variances=np.append(self.mean_variances, np.median(self.mean_variances)),
            columns=np.vstack([self.columns, row]),
        )

    def _drawn(self, rng: np.random.Generator, sds: Floats) -> Floats:
        """Draw coefficients, shape (len(sds), coefficients)."""
        root = np.linalg.cholesky(self._inverse)
        chance = rng.standard_normal((len(sds), len(root))) @ root.T
        drawn: Floats = self._coefficients(self.means) + sds[:, None] * chance
        return drawn

    @property
    def _inverse(self) -> Floats:
        weighted = self.columns / (self.mean_variances + self.lack_of_fit)[:, None]
        return np.asarray(np.linalg.inv(self.columns.T @ weighted), dtype=np.float64)

    def _coefficients(self, means: Floats) -> Floats:
        right: Floats = (means / (self.mean_variances + self.lack_of_fit)) @ self.columns
        return right @ self._inverse
