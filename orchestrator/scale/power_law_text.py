"""The power law in plain English, with numbers: accuracies in percent."""

from compound.orchestrator.wording.numbers import percent
from compound.schemas.power_law import Law, LawPoint

TOLD = 2
"""Networks not trained that the sentence names; tables hold all."""


def tell(law: Law) -> str:
    """Say what the law is, what it foretells, and where it has failed."""
    said = [_exponent(law) + _foretold(law) + ".", _failed(law)]
    return " ".join(text for text in said if text)


def _exponent(law: Law) -> str:
    falls = "Errors fall" if law.exponent > 0 else "Errors do not fall with cost, they go"
    power = f"{falls} as cost^{_signed(-law.exponent)}"
    if law.low is None or law.high is None:
        return f"{power}, by two networks with one seed each, which allow no interval"
    ends = f"{100 * law.level:g} % interval {_signed(-law.high)} to {_signed(-law.low)}"
    unsure = ", which holds 0" if law.low <= 0 <= law.high else ""
    return f"{power} ({ends}{unsure})"


def _signed(power: float) -> str:
    """Write an exponent with two decimals, and 0 without a sign."""
    return f"{round(power, 2) + 0.0:.2f}"


def _foretold(law: Law) -> str:
    ahead = [one for one in law.points if not one.errors and one.expected is not None]
    told = [_promise(one) for one in ahead[:TOLD]]
    return ": " + "; ".join(told) if told else ""


def _promise(one: LawPoint) -> str:
    assert one.expected is not None
    ends = ""
    if one.low is not None and one.high is not None:
        ends = f" ({100 * (1 - one.high):.1f} to {percent(1 - one.low)})"
    cost = f"{one.ratio:.2g}" if one.ratio < 10 else f"{one.ratio:.0f}"
    reached = percent(1 - one.expected)
    return f"phi {one.phi:g}, at {cost}x the baseline's cost, should reach {reached}{ends}"


def _failed(law: Law) -> str:
    wrong = [one for one in law.points if one.checked is False]
    return " ".join(_surprise(one, law) for one in wrong)


def _surprise(one: LawPoint, law: Law) -> str:
    """Name a network that fell outside of what the smaller ones foretold."""
    assert one.low is not None and one.high is not None
    smaller = [other.phi for other in law.points if other.errors and other.ratio < one.ratio]
    ends = f"{100 * (1 - one.high):.1f} to {percent(1 - one.low)}"
    reached = percent(1 - sum(one.errors) / len(one.errors))
    return (
        f"Phi {one.phi:g} reached {reached}, outside of the {ends} that phi "
        f"{min(smaller):g} to {max(smaller):g} foretold: take the law with care."
    )
