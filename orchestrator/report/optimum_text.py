"""The surface of a verdict in words: where it is highest, how sure that is, what to try next."""

from compound.orchestrator.wording.names import triple
from compound.orchestrator.wording.numbers import percent, points
from compound.schemas.architecture import AXES, Shares
from compound.schemas.verdict import Optimum, Verdict

OPEN = 0.5
"""A region that covers more than this part of the triangle says little about the optimum."""
WORTH = 0.05
"""An expected improvement that is worth a word, in sigma."""


def surface_text(verdict: Verdict) -> str:
    """Say where the surface is highest and how well it predicts; nothing without a surface."""
    found = verdict.optimum
    if found is None:
        return ""
    interval = f"{percent(found.low)} to {percent(found.high)}"
    told = [
        f"The {found.surface} surface is highest at {_split(found.shares)}: "
        f"{percent(found.expected)} expected ({interval}).",
        _region(found, verdict.level),
    ]
    if found.error is not None:
        told.append(
            f"Left out one at a time, candidates are mispredicted by {points(found.error)} points."
        )
    return " ".join(told + [text for text in (_untried(verdict),) if text])


def _split(shares: Shares) -> str:
    """Write shares in whole percent; an axis without any is left out."""
    parts = zip(AXES, shares.split, strict=True)
    return ", ".join(f"{100 * part:.0f} % {axis}" for axis, part in parts if part >= 0.005)


def _region(found: Optimum, level: float) -> str:
    part = len(found.region) / max(len(found.heights), 1)
    told = f"The {100 * level:g} % region of that place covers {100 * part:.0f} % of the map"
    return f"{told}: where the optimum lies is open." if part > OPEN else f"{told}."


def _untried(verdict: Verdict) -> str:
    """Name the untried network that promises most, where it promises anything."""
    if not verdict.predictions or not verdict.noise:
        return ""
    best = verdict.predictions[0]
    if best.improvement < WORTH * verdict.noise:
        return "No untried network promises a better score."
    return (
        f"Of the untried networks {triple(best.coefficients)} promises most: "
        f"{percent(best.expected)} expected ({percent(best.low)} to {percent(best.high)})."
    )
