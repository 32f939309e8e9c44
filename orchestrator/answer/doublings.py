"""What a doubling of cost brings: measured between two networks, or expected of the power law."""

from math import exp2, hypot, log2

from compound.schemas.answer import Doubling, Reached
from compound.schemas.power_law import Law


def measured_doubling(
    smaller: Reached, larger: Reached, ratios: tuple[float, float]
) -> Doubling | None:
    """Return the difference of two accuracies for each doubling of cost between them.

    `ratios`: of the smaller and the larger network. None where they cost the same. The interval is
    made of both networks' intervals (MOVER: Zou and Donner, Statistics in Medicine 27:10, 2008), so
    it holds for their independent noise; accuracies on log odds have uneven sides.
    """
    doublings = log2(ratios[1] / ratios[0])
    if doublings <= 0:
        return None
    gain = larger.value - smaller.value
    if smaller.low is None or smaller.high is None or larger.low is None or larger.high is None:
        return Doubling(gain=gain / doublings, basis="measured")
    below = hypot(larger.value - larger.low, smaller.high - smaller.value)
    above = hypot(larger.high - larger.value, smaller.value - smaller.low)
    return Doubling(
        gain=gain / doublings,
        low=(gain - below) / doublings,
        high=(gain + above) / doublings,
        basis="measured",
    )


def expected_doubling(law: Law, ratio: float, doublings: float = 1.0) -> Doubling:
    """Return what each of so many doublings beyond a cost is expected to bring, by a power law.

    The interval is the exponent's. Its lower end is at most 0: where errors level off, no law
    through smaller networks shows it.
    """
    gain = _gain(law, law.exponent, ratio, doublings)
    if law.low is None or law.high is None:
        return Doubling(gain=gain, basis="law")
    ends = [_gain(law, exponent, ratio, doublings) for exponent in (law.low, law.high)]
    return Doubling(gain=gain, low=min(*ends, 0.0), high=max(*ends, gain), basis="law")


def _gain(law: Law, exponent: float, ratio: float, doublings: float) -> float:
    error = min(law.scale * exp2(-law.exponent * log2(ratio)), 1.0)
    later = min(error * exp2(-exponent * doublings), 1.0)
    return (error - later) / doublings
