"""Families of networks whose true errors are known, and how a law's predictions fare on them.

The true error is floor + amount x ratio ^ -exponent, times the deviation of each network from that
curve. A seed deviates from its network, and all are measured on the same validation images, of
which a share SHARED of the chance is common to all: an image that is hard is hard for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from compound.orchestrator.scale.doubling import doubling
from compound.orchestrator.scale.power_law import fit
from compound.schemas.power_law import LawPoint

SHARED = 0.6
STEPS_AHEAD = (1, 3)
IMAGES = (500, 2_000, 10_000)


@dataclass(frozen=True)
class Truth:
    """What is true of a kind of network: fractions of 1, and deviations on logarithms."""

    floor: float
    amount: float
    exponent: float
    network: float
    seed: float
    images: int

    def error(self, ratio: float) -> float:
        """Return the error that networks of this cost have on average, over all images."""
        return float(min(self.floor + self.amount * ratio**-self.exponent, 0.99))

    def fall(self, ratios: Sequence[float]) -> float:
        """Return the exponent of the power law nearest to the true errors at these costs."""
        errors = [self.error(ratio) for ratio in ratios]
        return -float(np.polyfit(np.log(ratios), np.log(errors), 1)[0])


Kind = Callable[[np.random.Generator], Truth]


@dataclass(frozen=True)
class Network:
    """One network: its own mean error over all images, and what its seeds measured."""

    ratio: float
    error: float
    measured: tuple[float, ...]


def with_floor(floor: float) -> Kind:
    """Draw kinds of network with accuracies of 60 to 98 % and exponents of 0.1 to 0.5."""

    def draw(rng: np.random.Generator) -> Truth:
        least = 1.5 * floor + 0.02
        first = max(float(np.exp(rng.uniform(np.log(0.06), np.log(0.4)))), least)
        return _noisy(rng, floor, first - floor, rng.uniform(0.1, 0.5))

    return draw


def levels_off(rng: np.random.Generator) -> Truth:
    """Draw errors that fall steeply to a floor of 2 to 15 %."""
    floor = rng.uniform(0.02, 0.15)
    return _noisy(rng, floor, rng.uniform(1, 4) * floor, rng.uniform(1, 2))


def flat(rng: np.random.Generator) -> Truth:
    """Draw errors that no cost changes."""
    return _noisy(rng, rng.uniform(0.02, 0.4), 0, 0)


def rising(rng: np.random.Generator) -> Truth:
    """Draw errors that rise with cost."""
    return _noisy(rng, 0, rng.uniform(0.02, 0.3), -rng.uniform(0.05, 0.3))


def _noisy(rng: np.random.Generator, floor: float, amount: float, exponent: float) -> Truth:
    network, seed = rng.uniform(0.01, 0.05), rng.uniform(0.02, 0.08)
    return Truth(floor, amount, exponent, network, seed, int(rng.choice(IMAGES)))


TRUTHS: dict[str, Kind] = {
    **{f"floor {100 * floor:g} %": with_floor(floor) for floor in (0.0, 0.01, 0.02, 0.05)},
    "levels off": levels_off,
    "flat": flat,
    "rising": rising,
}


def draw_networks(
    rng: np.random.Generator, truth: Truth, ratios: Sequence[float], seeds: Sequence[int]
) -> list[Network]:
    """Draw networks of one kind, measured on the same images."""
    common = rng.standard_normal()
    networks = []
    for ratio, count in zip(ratios, seeds, strict=True):
        own = float(np.exp(truth.network * rng.standard_normal()))
        error = min(truth.error(ratio) * own, 0.99)
        errors = error * np.exp(truth.seed * rng.standard_normal(count))
        chance = SHARED**0.5 * common + (1 - SHARED) ** 0.5 * rng.standard_normal(count)
        errors = errors + chance * np.sqrt(error * (1 - error) / truth.images)
        images = np.round(np.clip(errors, 0, 1) * truth.images)
        networks.append(Network(ratio, error, tuple((images / truth.images).tolist())))
    return networks


def points(networks: Sequence[Network]) -> list[LawPoint]:
    """Return networks as a law takes them."""
    return [
        LawPoint(phi=phi, ratio=network.ratio, errors=network.measured)
        for phi, network in enumerate(networks)
    ]


@dataclass(frozen=True)
class Claim:
    """A number that a law states against the true one, in points of accuracy."""

    miss: float
    """Stated less true."""
    width: float | None = None
    """None: there is no interval."""
    measured: bool | None = None
    """Whether the interval holds what one seed of a new network measured."""
    true: bool | None = None
    """Whether it holds the true number."""


@dataclass(frozen=True)
class Family:
    """What a law claims of a family: by steps ahead, the last step, a doubling, the exponent.

    The exponent is in hundredths; with a floor the true one is that of the nearest power law.
    """

    claims: dict[str, Claim]
    warned: bool


def simulate(rng: np.random.Generator, kind: Kind, count: int, seeds: int, level: float) -> Family:
    """Simulate a family of so many networks at ratios 1, 2, 4, ... and fit its law."""
    truth = kind(rng)
    later = [count + step - 1 for step in STEPS_AHEAD]
    ratios = [2.0**phi for phi in (*range(count), *later)]
    networks = draw_networks(rng, truth, ratios, [seeds] * count + [1] * len(later))
    trained, floor = points(networks[:count]), 0.5 / truth.images
    law = fit(trained, [(phi, 2.0**phi) for phi in later], level, floor)
    assert law
    ahead = {f"+{step}": n for step, n in zip(STEPS_AHEAD, networks[count:], strict=True)}
    predicted = [point for point in law.points if not point.errors]
    claims = {
        name: predicted_claim(point, network)
        for (name, network), point in zip(ahead.items(), predicted, strict=True)
        if point.expected is not None
    }
    claims["exponent"] = claim(law.exponent, law.low, law.high, truth.fall(ratios[:count]))
    step = law.last_step
    if step:
        gain = networks[count - 2].error - networks[count - 1].error
        claims["step"] = claim(step.gain, step.low, step.high, gain)
    if further := doubling(trained, ratios[count - 1], level, floor):
        gain = truth.error(ratios[count - 1]) - truth.error(2 * ratios[count - 1])
        claims["doubling"] = claim(further.value, further.low, further.high, gain)
    worse = any(point.checked is False for point in law.points)
    return Family(claims, worse or law.levels_off)


def claim(stated: float, low: float | None, high: float | None, true: float) -> Claim:
    """Compare a stated gain with the true one."""
    miss = 100 * (stated - true)
    if low is None or high is None:
        return Claim(miss)
    return Claim(miss, 100 * (high - low), true=low <= true <= high)


def predicted_claim(point: LawPoint, network: Network) -> Claim:
    """Compare a predicted accuracy with the network that came."""
    assert point.expected is not None
    miss = 100 * (network.error - point.expected)
    if point.low is None or point.high is None:
        return Claim(miss)
    measured = point.low <= network.measured[0] <= point.high
    true = point.low <= network.error <= point.high
    return Claim(miss, 100 * (point.high - point.low), measured, true)
