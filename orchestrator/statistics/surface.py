"""A quadratic surface over the shares of depth, width and resolution, on log odds.

A candidate's true mean is Scheffé's quadratic (1958, Journal of the Royal Statistical Society B
20:2) at its shares, plus its own lack of fit. Its measured mean has an error of known variance
besides. The variance of the lack of fit is that which makes the weighted squares as large as their
degrees of freedom (Paule and Mandel 1982, Journal of Research of the NBS 87:5). A surface that does
not fit so gets wide intervals, and hardly moves a measured mean.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import optimize, special

from compound.orchestrator.statistics.log_odds import Floats

SPARE = 4
"""Fewest candidates beyond the coefficients: with fewer, the lack of fit is hardly known."""
RANK = 1e-6
"""Singular values below this part of the largest one count as 0."""
REACH = 0.05
"""Largest distance of terms from the span of the candidates' terms, as a share."""


@dataclass(frozen=True)
class Expectation:
    """True means on log odds, with variances and degrees of freedom; shapes (networks,)."""

    means: Floats
    variances: Floats
    df: Floats

    def ends(self, level: float, shared: float = 0.0) -> tuple[Floats, Floats]:
        """Return the ends of t intervals; `shared` is a variance that all networks share."""
        half = special.stdtrit(self.df, (1 + level) / 2) * np.sqrt(self.variances + shared)
        return self.means - half, self.means + half

    def joined(self, more: "Expectation") -> "Expectation":
        """Return both, one after the other."""
        pairs = ((self.means, more.means), (self.variances, more.variances), (self.df, more.df))
        return Expectation(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Surface:
    """A fitted surface."""

    means: Floats
    """Measured means of the candidates, shape (candidates,)."""
    variances: Floats
    """Of these means around the true ones."""
    df: float
    """Of the variances, all together."""
    columns: Floats
    """The candidates' terms, made orthonormal, shape (candidates, coefficients)."""
    span: Floats
    """Orthonormal rows that span the candidates' terms, shape (coefficients, 6)."""
    sizes: Floats
    """Singular values of these rows."""
    lack_of_fit: float
    """Variance of a network's true mean around the surface."""

    @classmethod
    def fit(cls, shares: Floats, means: Floats, variances: Floats, df: float) -> "Surface | None":
        """Fit to candidates at shares of shape (candidates, 3); None: fewer than SPARE to spare."""
        if len(means) - coefficients(shares) < SPARE:
            return None
        left, sizes, right = np.linalg.svd(_terms(shares), full_matrices=False)
        used = sizes > RANK * sizes[0]
        columns = left[:, used]
        lack_of_fit = _lack_of_fit(columns, means, variances)
        return cls(means, variances, df, columns, right[used], sizes[used], lack_of_fit)

    def covers(self, shares: Floats) -> np.ndarray:
        """Return for which shares, shape (networks, 3), the candidates determine the surface."""
        terms = _terms(shares)
        beyond = terms - terms @ self.span.T @ self.span
        return np.asarray(np.linalg.norm(beyond, axis=1) <= REACH)

    def predicted(self, shares: Floats) -> Expectation:
        """Return what to expect of networks at these shares that were not measured."""
        columns = _terms(shares) @ self.span.T / self.sizes
        leverage = _leverage(columns, self._inverse)
        return self._expectation(columns @ self._coefficients, leverage, self.lack_of_fit)

    @cached_property
    def expected(self) -> Expectation:
        """What to expect of the candidates: each measured mean, drawn towards the surface."""
        own_part = self.lack_of_fit / (self.lack_of_fit + self.variances)
        fitted = self.columns @ self._coefficients
        leverage = np.square(1 - own_part) * _leverage(self.columns, self._inverse)
        return self._expectation(
            fitted + own_part * (self.means - fitted), leverage, own_part * self.variances
        )

    def _expectation(self, means: Floats, leverage: Floats, own: Floats | float) -> Expectation:
        """Weigh the degrees of freedom of noise and lack of fit (Satterthwaite 1946).

        `leverage` is the surface's variance, `own` that of the network around it.
        """
        part = self.lack_of_fit / (self.lack_of_fit + float(self.variances.mean()))
        noise, lack = (1 - part) * leverage, part * leverage + own
        spare = len(self.means) - self.columns.shape[1]
        spread = np.square(noise) / self.df + np.square(lack) / spare
        return Expectation(means, noise + lack, np.square(noise + lack) / spread)

    @cached_property
    def _inverse(self) -> Floats:
        return _inverse(self.columns, 1 / (self.variances + self.lack_of_fit))

    @cached_property
    def _coefficients(self) -> Floats:
        right = (self.means / (self.variances + self.lack_of_fit)) @ self.columns
        return np.asarray(self._inverse @ right)


def coefficients(shares: Floats) -> int:
    """Return the coefficients of a quadratic in the axes that some network scales: 6 for three."""
    axes = int((np.abs(shares) > REACH).any(axis=0).sum())
    return max(axes * (axes + 1) // 2, int(np.linalg.matrix_rank(_terms(shares), rtol=RANK)))


def _terms(shares: Floats) -> Floats:
    """Return Scheffé's terms, shape (networks, 6): the shares and their products."""
    return np.hstack([shares, shares * np.roll(shares, 1, axis=1)])


def _lack_of_fit(columns: Floats, means: Floats, variances: Floats) -> float:
    """Return the variance that makes the weighted squares equal to their degrees of freedom."""
    spare = len(means) - int(columns.shape[1])

    def excess(lack: float) -> float:
        weights = 1 / (variances + lack)
        solved = _inverse(columns, weights) @ ((weights * means) @ columns)
        return float(weights @ np.square(means - columns @ solved)) - spare

    if excess(0.0) <= 0:
        return 0.0
    # Unweighted squares over the degrees of freedom are enough, also without any noise.
    most = float(np.square(means - columns @ (columns.T @ means)).sum()) / spare
    return float(optimize.brentq(excess, 0.0, 1.01 * most))


def _inverse(columns: Floats, weights: Floats) -> Floats:
    return np.asarray(np.linalg.inv(columns.T @ (columns * weights[:, None])))


def _leverage(columns: Floats, inverse: Floats) -> Floats:
    return np.asarray(np.einsum("np,pq,nq->n", columns, inverse, columns))
