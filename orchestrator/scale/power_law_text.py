"""The power law in sentences; accuracies in percent."""

from compound.orchestrator.wording.numbers import percent
from compound.schemas.power_law import Law, LawPoint

LISTED = 2
"""Untrained networks that the sentence names; tables have all."""


def tell(law: Law) -> str:
    """Return the exponent, the predictions, and where they were wrong."""
    parts = [_exponent(law) + _predicted(law) + ".", _failed(law)]
    return " ".join(text for text in parts if text)


def _exponent(law: Law) -> str:
    falls = "Errors fall" if law.exponent > 0 else "Errors do not fall with cost: they change"
    power = f"{falls} as cost^{_signed(-law.exponent)}"
    if law.low is None or law.high is None:
        return f"{power} (two networks with one seed each give no interval)"
    ends = f"{100 * law.level:g} % interval {_signed(-law.high)} to {_signed(-law.low)}"
    unsure = ", which includes 0" if law.low <= 0 <= law.high else ""
    return f"{power} ({ends}{unsure})"


def _signed(power: float) -> str:
    """Write an exponent with two decimals, and 0 without a sign."""
    return f"{round(power, 2) + 0.0:.2f}"


def _predicted(law: Law) -> str:
    ahead = [point for point in law.points if not point.errors and point.expected is not None]
    sentences = [_promise(point) for point in ahead[:LISTED]]
    return ": " + "; ".join(sentences) if sentences else ""


def _promise(point: LawPoint) -> str:
    assert point.expected is not None
    ends = ""
    if point.low is not None and point.high is not None:
        ends = f" ({100 * (1 - point.high):.1f} to {percent(1 - point.low)})"
    cost = f"{point.ratio:.2g}" if point.ratio < 10 else f"{point.ratio:.0f}"
    reached = percent(1 - point.expected)
    return f"phi {point.phi:g}, at {cost}x the baseline's cost, should reach {reached}{ends}"


def _failed(law: Law) -> str:
    wrong = [point for point in law.points if point.checked is False]
    return " ".join(_missed(point, law) for point in wrong)


def _missed(point: LawPoint, law: Law) -> str:
    """Name a network outside the interval that the smaller ones predict."""
    assert point.low is not None and point.high is not None
    smaller = [
        earlier.phi for earlier in law.points if earlier.errors and earlier.ratio < point.ratio
    ]
    ends = f"{100 * (1 - point.high):.1f} to {percent(1 - point.low)}"
    reached = percent(1 - sum(point.errors) / len(point.errors))
    return (
        f"Phi {point.phi:g} reached {reached}, outside of the {ends} that phi "
        f"{min(smaller):g} to {max(smaller):g} predicted: use the power law with care."
    )
