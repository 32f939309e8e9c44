"""Truths for simulated studies: how good every allocation is, in sigma at equal cost."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Truth = Callable[[Floats, Bools, np.random.Generator], Floats]
"""From shares, shape (candidates, 3), and who scales one axis only, to what each is worth."""


def _peak(shares: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(shares - rng.dirichlet([1.5] * 3), dtype=np.float64)


def flat(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """Every allocation is as good as any other."""
    return np.zeros(len(shares))


def bowl(depth: float) -> Truth:
    """Fall off quadratically, `depth` sigma from corner to corner twice, around any optimum."""

    def truth(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
        return np.asarray(-depth * np.square(_peak(shares, rng)).sum(axis=1), dtype=np.float64)

    return truth


def roof(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """Fall off along straight lines from a ridge, which no quadratic follows."""
    return np.asarray(-3 * np.abs(_peak(shares, rng)).sum(axis=1), dtype=np.float64)


def rough(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """Follow no surface at all."""
    return rng.standard_normal(len(shares))


def spike(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """One mix is 3 sigma above all others, which are equal."""
    truth = np.zeros(len(shares))
    truth[rng.choice(np.flatnonzero(~single))] = 3
    return truth


def corner(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """One axis alone is the best: no gain."""
    truth = 4 * shares @ np.eye(3)[rng.integers(3)]
    return np.asarray(truth, dtype=np.float64)


def level(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """A bowl in which one axis alone is lifted to the best mix: no gain, against the surface."""
    truth = bowl(4)(shares, single, rng)
    best = np.flatnonzero(single)[truth[single].argmax()]
    truth[best] = truth[~single].max()
    return truth


def trap(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """All mixes equal one axis, the other axes are far below: no gain, and most room for luck."""
    truth = np.where(single, -5.0, 0.0)
    truth[rng.choice(np.flatnonzero(single))] = 0
    return truth


SURFACES: dict[str, Truth] = {
    "flat": flat,
    "bowl 2": bowl(2),
    "bowl 6": bowl(6),
    "bowl 15": bowl(15),
    "roof": roof,
    "rough": rough,
    "spike": spike,
    "corner": corner,
    "level": level,
    "trap": trap,
}
