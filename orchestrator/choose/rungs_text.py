"""What a verdict after rungs holds of, in words."""

from compound.orchestrator.wording.numbers import counted, points
from compound.schemas.verdict import Promoted, Verdict

AFTER_ASHA = (
    "Begin a study under another name, with search.promotion: {kind: rungs, factor: 4, keep: 0.25} "
    "and another `seed`: its jobs have seeds that no selection has seen."
)


def claim(promoted: Promoted | None, level: float) -> str:
    """Return of which candidates the tied set speaks; "" where all trained the whole schedule."""
    if promoted is None or promoted.promoted == promoted.networks:
        return ""
    of = f"the {promoted.promoted} of {counted(promoted.networks, 'candidate')} promoted"
    return (
        f"This holds of {of}: the best of these is in the tied set with {100 * level:g} %. "
        f"{_rate(promoted)}"
    )


def _rate(promoted: Promoted) -> str:
    if promoted.rate is None or promoted.close is None:
        return "How often the best of all is promoted is unknown, since the noise is."
    return (
        f"In {_percent(promoted.rate)} % of studies simulated from these scores, the best of all "
        f"{promoted.networks}, or a candidate within {points(promoted.close)} points of it, was "
        "promoted."
    )


def _percent(rate: float) -> str:
    """Write a rate of simulated studies: none of them is certain."""
    return "over 99" if rate > 0.99 else f"{100 * rate:.0f}"


def tied_with(verdict: Verdict) -> str:
    """Name what the tied candidates are some of."""
    return "promoted candidates" if claim(verdict.promoted, verdict.level) else "candidates"
