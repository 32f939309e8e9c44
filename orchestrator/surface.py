"""Accuracy over the simplex of shares: what all candidates together say about each of them.

A candidate's true mean is a smooth surface at its shares plus a stray of its own. The surface is
Scheffé's polynomial (1958): linear in the shares, with their products where there are enough
candidates. How far candidates stray is estimated as well, so a surface that does not fit is hardly
used, and one that fits lets every candidate learn from its neighbours. This is the normal
hierarchical model (Lindley and Smith 1972), flat in the strays' deviation (Gelman 2006).

Nothing is claimed on the strength of it: it guides the choice among candidates that the scores
cannot tell apart, and it says which truths a bootstrap should be drawn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.statistics import Noise
from schemas.architecture import Shares

NODES = 60
"""Values of the shrinkage that its expectation is summed over."""
SPARE = 2
"""Candidates beyond the surface's coefficients that are needed to see how well it fits."""

Floats = NDArray[np.float64]


def basis(shares: Sequence[Shares | None]) -> Floats:
    """Return an orthonormal basis of the richest surface that these candidates can carry.

    Shape (candidates, coefficients): Scheffé's quadratic, else linear, else a constant, which is
    also taken where shares are unknown. Directions in which the shares do not differ, as where an
    axis is idle, are left out.
    """
    constant = _orthonormal(np.ones((len(shares), 1)))
    known = [one.split for one in shares if one is not None]
    if len(known) < len(shares):
        return constant
    linear = np.array(known, dtype=np.float64)
    products = linear * np.roll(linear, 1, axis=1)
    for terms in (np.hstack([linear, products]), linear):
        columns = _orthonormal(terms)
        if columns.shape[1] + SPARE <= len(shares):
            return columns
    return constant


def _orthonormal(terms: Floats) -> Floats:
    left, sizes, _ = np.linalg.svd(terms, full_matrices=False)
    kept: Floats = left[:, sizes > 1e-6 * sizes[0]]
    return kept


def stray_variance(means: Floats, own: Floats, noise: Noise, columns: Floats) -> float:
    """Return the variance of the strays around the surface, in units of the noise's variance.

    `own` are the variances of the means in the same unit: 1 / scores. The surface and the noise
    are integrated out; what is averaged is the shrinkage, own / (own + stray).
    """
    shrinkage = (np.arange(NODES) + 0.5) / NODES
    strays = (1 - shrinkage) / shrinkage * own.mean()
    weights = 1 / (own + strays[:, None])
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
    return float((1 - expected) / expected * own.mean())


@dataclass(frozen=True)
class Surface:
    """A fitted surface with the strays around it; variances in units of the noise's."""

    means: Floats
    own: Floats
    stray: float
    columns: Floats

    @classmethod
    def fit(cls, means: Floats, counts: Floats, noise: Noise, columns: Floats) -> "Surface":
        """Fit a surface to measured means of `counts` scores each."""
        own = 1 / counts
        return cls(means, own, stray_variance(means, own, noise, columns), columns)

    @property
    def expected(self) -> Floats:
        """What each true mean is expected to be: its own mean, drawn towards the surface."""
        return self.smooth(self.means)

    @property
    def kept(self) -> Floats:
        """The part of a candidate's distance from the surface that is believed; 0 to 1."""
        kept: Floats = self.stray / (self.stray + self.own)
        return kept

    def smooth(self, means: Floats) -> Floats:
        """Draw means, shape (..., candidates), towards the surface that fits them."""
        fitted = self._coefficients(means) @ self.columns.T
        smoothed: Floats = fitted + self.kept * (means - fitted)
        return smoothed

    def truths(self, rng: np.random.Generator, draws: int, sd: float) -> Floats:
        """Draw sets of true means that the scores leave possible, shape (draws, candidates)."""
        root = np.linalg.cholesky(self._inverse)
        chance = rng.standard_normal((draws, len(root))) @ root.T
        fitted = (self._coefficients(self.means) + sd * chance) @ self.columns.T
        strays = rng.standard_normal(fitted.shape) * np.sqrt(self.kept * self.own)
        drawn: Floats = fitted + self.kept * (self.means - fitted) + sd * strays
        return drawn

    @property
    def _inverse(self) -> Floats:
        weighted = self.columns / (self.own + self.stray)[:, None]
        return np.asarray(np.linalg.inv(self.columns.T @ weighted), dtype=np.float64)

    def _coefficients(self, means: Floats) -> Floats:
        right: Floats = (means / (self.own + self.stray)) @ self.columns
        return right @ self._inverse
