"""The power law in sentences; accuracies in percent."""

from compound.orchestrator.wording.numbers import percent, points
from compound.schemas.power_law import Law, LawPoint, Step

LISTED = 2
"""Untrained networks that the sentence names; tables have all."""
MOST_DECIMALS = 4


def tell(law: Law) -> str:
    """Return the exponent, the predictions, what the last step brought, and what failed."""
    step = _step(law.last_step) if law.last_step else ""
    parts = (_exponent(law) + _predicted(law) + ".", _low_ends(law), step, _failed(law), _bent(law))
    return " ".join(text for text in parts if text)


def between(point: LawPoint) -> str:
    """Return a prediction's accuracies as `80.5 % (80.2 to 80.7 %)`, without ends if it has none.

    Decimals are one, or as many as set the ends apart from what is expected.
    """
    assert point.expected is not None
    if point.low is None or point.high is None:
        return percent(1 - point.expected)
    for decimals in range(1, MOST_DECIMALS + 1):
        low, middle, high = (
            f"{100 * (1 - error):.{decimals}f}" for error in (point.high, point.expected, point.low)
        )
        if low != middle != high:
            break
    return f"{middle} % ({low} to {high} %)"


def _exponent(law: Law) -> str:
    power = f"cost^{_signed(-law.exponent)}"
    interval = " between two networks, which give no interval"
    if law.low is not None and law.high is not None:
        unsure = ", which includes 0" if law.low <= 0 <= law.high else ""
        ends = f"{_signed(-law.high)} to {_signed(-law.low)}"
        interval = f" ({100 * law.level:g} % interval {ends}{unsure})"
    if law.exponent > 0:
        return f"Errors fall as {power}{interval}"
    return f"Over all trained networks errors do not fall: they change as {power}{interval}"


def _signed(power: float) -> str:
    """Write an exponent with two decimals, and 0 without a sign."""
    return f"{round(power, 2) + 0.0:.2f}"


def _predicted(law: Law) -> str:
    if law.exponent <= 0:
        return ", so nothing is predicted"
    ahead = [point for point in law.points if not point.errors][:LISTED]
    return ": " + "; ".join(_promise(point) for point in ahead) if ahead else ""


def _promise(point: LawPoint) -> str:
    where = f"phi {point.phi:g}, at {_times(point.ratio)} the baseline's cost,"
    if point.expected is None:
        return f"{where} is too far from two networks to be predicted"
    guess = "" if point.low is not None else ", a guess without interval"
    return f"{where} should reach {between(point)}{guess}"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}x" if ratio < 10 else f"{ratio:.0f}x"


def _low_ends(law: Law) -> str:
    """Say what the low ends of the predictions beyond the trained networks stand for."""
    trained = [point for point in law.points if point.errors]
    last = max(trained, key=lambda point: point.ratio)
    beyond = [point for point in law.points if point.ratio > last.ratio and point.low is not None]
    many = "The low ends allow" if len(beyond) > 1 else "The low end allows"
    return f"{many} for no gain at all beyond phi {last.phi:g}." if beyond else ""


def _step(step: Step) -> str:
    """Say what the larger of the last two networks brought."""
    (smaller, larger), (before, after) = step.phis, step.ratios
    networks = f"phi {smaller:g} at {_times(before)}"
    gained = f"Phi {larger:g} at {_times(after)} brought {points(step.gain)} points over {networks}"
    if step.low is None or step.high is None:
        return f"{gained}; two networks with one seed each give no interval."
    ends = f"{gained} ({points(step.low)} to {points(step.high)})"
    if step.high < 0:
        return f"{ends}: a loss."
    return f"{ends}." if step.low > 0 else f"{ends}: no gain shown."


def _failed(law: Law) -> str:
    worse = [point for point in law.points if point.checked is False]
    return " ".join(_missed(point, law) for point in worse)


def _missed(point: LawPoint, law: Law) -> str:
    """Name a network that is worse than a pure law through the smaller ones allows."""
    limit = point.high if point.worst is None else point.worst
    assert limit is not None
    smaller = [
        network.phi for network in law.points if network.errors and network.ratio < point.ratio
    ]
    reached = percent(1 - sum(point.errors) / len(point.errors))
    return (
        f"Phi {point.phi:g} reached {reached}, less than the {percent(1 - limit)} that a power law "
        f"through phi {min(smaller):g} to {max(smaller):g} allows at least."
    )


def _bent(law: Law) -> str:
    """Warn of gains that level off."""
    if not law.levels_off:
        return ""
    return (
        "Gains level off: errors fall more slowly the larger the network, more than chance "
        "explains. Count on the low ends of the predictions."
    )
