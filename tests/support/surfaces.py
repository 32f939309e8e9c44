"""Truths for simulated studies: how good every allocation is, in sigma at equal cost."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.support.image_answers import Images

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


@dataclass(frozen=True)
class Runs:
    """How training departs from even noise around a power law of cost."""

    sds: Callable[[Floats, Bools], Floats] = lambda worth, single: np.ones(len(worth))
    """The noise of each candidate, in sigma, from its worth and whether it scales one axis."""
    collapse: float = 0.0
    """The part of runs that end at chance."""
    images: Images | None = None
    """How answers to single validation images vary; without, accuracies are of all images."""
    saturates: bool = False
    """Whether all candidates have gained all that compute can bring, whatever their exact cost."""


def steep(shares: Floats, single: Bools, rng: np.random.Generator) -> Floats:
    """Fall off by tens of sigma, as where the worse half hardly trains."""
    truth = bowl(40)(shares, single, rng)
    return np.asarray(truth - truth.max(), dtype=np.float64)


def _growing(worth: Floats, single: Bools) -> Floats:
    return np.asarray(10 ** np.clip(-worth / 20, 0, 1), dtype=np.float64)


def _noisy_mix(worth: Floats, single: Bools) -> Floats:
    sds = np.ones(len(worth))
    sds[np.flatnonzero(~single)[0]] = 5
    return sds


FEW = Images(count=1000, hard=1.0, taste=1.3)
"""A validation set that moves each network by a fixed 0.75 points, where 75 to 80 % are right."""

SCENARIOS: dict[str, tuple[Truth, Runs]] = {
    "noise grows as accuracy falls": (steep, Runs(sds=_growing)),
    "one mix five times as noisy": (flat, Runs(sds=_noisy_mix)),
    "weak axes quiet": (trap, Runs(sds=lambda worth, single: np.where(worth < 0, 0.3, 1.0))),
    "axes quiet, mixes noisy": (flat, Runs(sds=lambda worth, single: np.where(single, 0.3, 1.5))),
    "5 % collapse, flat": (flat, Runs(collapse=0.05)),
    "5 % collapse, bowl": (bowl(6), Runs(collapse=0.05)),
    "compute saturates, flat": (flat, Runs(saturates=True)),
    "compute saturates, trap": (trap, Runs(saturates=True)),
    "1,000 images, flat": (flat, Runs(images=FEW)),
    "1,000 images, trap": (trap, Runs(images=FEW)),
}
"""Truths with runs as real studies have them."""

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
