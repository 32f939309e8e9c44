"""The best network of a cost by the surface, in words, or why there is none."""

from compound.orchestrator.wording.names import triple
from compound.orchestrator.wording.numbers import percent
from compound.schemas.architecture import AXES, Shares
from compound.schemas.verdict import Verdict


def surface_text(verdict: Verdict) -> str:
    """Return which network the surface expects the most of; "" for studies older than that."""
    optimum = verdict.optimum
    if optimum is None or optimum.coefficients is None:
        return verdict.no_optimum
    state = "trained" if optimum.trained else "not trained"
    after = "" if optimum.candidate == verdict.chosen else " The choice follows measured means."
    return (
        "Of all networks that can be built at this cost, a quadratic surface over the shares "
        f"expects the most of {triple(optimum.coefficients)} ({_split(optimum.shares)}; {state}): "
        f"{percent(optimum.expected)} ({percent(optimum.low)} to {percent(optimum.high)}).{after}"
        f"{'' if optimum.trained else ' `search.rounds: 1` trains the best predicted ones.'}"
    )


def _split(shares: Shares) -> str:
    """Write shares in whole percent; an axis without any is left out."""
    parts = zip(AXES, shares.split, strict=True)
    return ", ".join(f"{100 * part:.0f} % {axis}" for axis, part in parts if part >= 0.005)
