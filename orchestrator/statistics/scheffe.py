"""Scheffé's surface over the shares: what all candidates together say about each of them.

A candidate's true mean is a smooth surface at its shares plus a stray of its own. The surface is
Scheffé's polynomial (1958): linear in the shares, with their products where there are enough
candidates. How far candidates stray is estimated as well, so a surface that does not fit is hardly
used, and one that fits lets every candidate learn from its neighbours. This is the normal
hierarchical model (Lindley and Smith 1972), flat in the strays' deviation (Gelman 2006).

Nothing is claimed on the strength of it: it guides the choice among candidates that the scores
cannot tell apart, and it says which truths a bootstrap should be drawn from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from compound.orchestrator.statistics.comparison import Noise
from compound.orchestrator.statistics.surface import Bools, Floats, Kind, Posterior, splits_of
from compound.schemas.architecture import Shares

NODES = 60
"""Values of the shrinkage that its expectation is summed over."""
SPARE = 2
"""Candidates beyond the surface's coefficients that are needed to see how well it fits."""
RANK = 1e-6
"""Directions of the terms that are this much shorter than the longest one count as none."""
REACH = 0.05
"""How far terms may lie off the directions that the candidates span, as a share."""


@dataclass(frozen=True)
class Basis:
    """Terms of a surface, made orthonormal over the candidates that it is fitted to."""

    kind: Kind
    columns: Floats
    """Of the candidates, shape (candidates, coefficients)."""
    map: Floats
    """What terms are multiplied by to become columns, shape (terms, coefficients)."""
    sizes: Floats
    """Lengths of the directions, shape (coefficients,)."""

    @classmethod
    def of(cls, kind: Kind, terms: Floats) -> "Basis":
        """Leave out directions in which the candidates' terms do not differ."""
        left, sizes, right = np.linalg.svd(terms, full_matrices=False)
        kept = sizes > RANK * sizes[0]
        return cls(kind, left[:, kept], right[kept].T / sizes[kept], sizes[kept])

    def at(self, splits: Floats) -> Floats:
        """Return the columns of other shares, shape (places, coefficients)."""
        columns: Floats = _terms(self.kind, splits) @ self.map
        return columns

    def reaches(self, splits: Floats) -> Bools:
        """Say which shares lie along directions that the candidates' shares differ in."""
        terms = _terms(self.kind, splits)
        known = (terms @ self.map * self.sizes) @ (self.map * self.sizes).T
        within: Bools = np.linalg.norm(terms - known, axis=1) <= REACH
        return within


def basis(shares: Sequence[Shares | None]) -> Basis:
    """Return the basis of the richest surface that these candidates can carry.

    Scheffé's quadratic, else linear, else a constant, which is also taken where shares are
    unknown. Directions in which the shares do not differ, as where an axis is idle, are left out.
    """
    known = [one for one in shares if one is not None]
    kinds: tuple[Kind, ...] = ("quadratic", "linear")
    for kind in kinds if len(known) == len(shares) else ():
        found = Basis.of(kind, _terms(kind, splits_of(known)))
        if found.columns.shape[1] + SPARE <= len(shares):
            return found
    return Basis.of("constant", np.ones((len(shares), 1)))


def _terms(kind: Kind, splits: Floats) -> Floats:
    """Return Scheffé's terms, shape (places, terms)."""
    if kind == "constant":
        return np.ones((len(splits), 1))
    products = splits * np.roll(splits, 1, axis=1)
    return np.hstack([splits, products]) if kind == "quadratic" else splits


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
class Scheffe:
    """Scheffé's surface, fitted, with the strays around it; variances in units of the noise's."""

    means: Floats
    own: Floats
    stray: float
    columns: Floats
    basis: Basis

    @classmethod
    def fit(cls, means: Floats, counts: Floats, noise: Noise, basis: Basis) -> "Scheffe":
        """Fit a surface to measured means of `counts` scores each."""
        own, columns = 1 / counts, basis.columns
        return cls(means, own, stray_variance(means, own, noise, columns), columns, basis)

    @property
    def kind(self) -> Kind:
        """The polynomial that the candidates carry."""
        return self.basis.kind

    @property
    def spare(self) -> int:
        """Candidates beyond the coefficients."""
        candidates, coefficients = self.basis.columns.shape
        return max(int(candidates) - int(coefficients), 1)

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
        fitted = self._drawn(rng, np.full(draws, sd)) @ self.columns.T
        strays = rng.standard_normal(fitted.shape) * np.sqrt(self.kept * self.own)
        drawn: Floats = fitted + self.kept * (self.means - fitted) + sd * strays
        return drawn

    def reaches(self, splits: Floats) -> Bools:
        """Say which shares lie along directions that the candidates' shares differ in."""
        return self.basis.reaches(splits)

    def heights(self, splits: Floats) -> Floats:
        """Return the polynomial at shares, shape (places, 3)."""
        heights: Floats = self.basis.at(splits) @ self._coefficients(self.means)
        return heights

    def belief(self, splits: Floats) -> Posterior:
        """Say what is expected of networks at these shares, each with a stray of its own."""
        columns = self.basis.at(splits)
        leverage = np.einsum("np,pq,nq->n", columns, self._inverse, columns)
        strayed = self.stray / (self.stray + float(self.own.mean()))
        return Posterior(
            self.heights(splits), (1 - strayed) * leverage, strayed * leverage + self.stray
        )

    def draws(self, rng: np.random.Generator, sds: Floats, splits: Floats) -> Floats:
        """Draw polynomials that the scores leave possible, shape (len(sds), places)."""
        heights: Floats = self._drawn(rng, sds) @ self.basis.at(splits).T
        return heights

    def errors(self) -> Floats:
        """Return the leave-one-out errors; of a candidate that alone fixes a coefficient, none."""
        off = self.means - self._coefficients(self.means) @ self.columns.T
        leverage = np.einsum("np,pq,nq->n", self.columns, self._inverse, self.columns)
        free = 1 - leverage / (self.own + self.stray)
        errors: Floats = off[free > RANK] / free[free > RANK]
        return errors

    def believing(self, split: Floats, mean: float) -> "Scheffe":
        """Return the surface as if a network at these shares had been measured to be so good."""
        row = self.basis.at(split[None])
        return replace(
            self,
            means=np.append(self.means, mean),
            own=np.append(self.own, np.median(self.own)),
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
        weighted = self.columns / (self.own + self.stray)[:, None]
        return np.asarray(np.linalg.inv(self.columns.T @ weighted), dtype=np.float64)

    def _coefficients(self, means: Floats) -> Floats:
        right: Floats = (means / (self.own + self.stray)) @ self.columns
        return right @ self._inverse
