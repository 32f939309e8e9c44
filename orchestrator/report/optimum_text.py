"""The surface of a verdict in words: its maximum, the confidence region, what to try next."""

from compound.orchestrator.wording.names import triple
from compound.orchestrator.wording.numbers import percent, points, predicted
from compound.schemas.architecture import AXES, Shares
from compound.schemas.verdict import Optimum, Verdict

OPEN = 0.5
"""Part of the triangle above which a region says little about the optimum."""
WORTH = 0.05
"""Least expected improvement that is mentioned, in sigma."""


def surface_text(verdict: Verdict) -> str:
    """Return where the surface is highest and how well it predicts; "" without a surface."""
    optimum = verdict.optimum
    if optimum is None:
        return ""
    interval = f"{percent(optimum.low)} to {percent(optimum.high)}"
    sentences = [
        f"The {optimum.surface} surface is highest at {_split(optimum.shares)}: "
        f"{predicted(optimum.expected)} expected ({interval}).",
        _region(optimum, verdict.level),
    ]
    if optimum.error is not None:
        sentences.append(f"Its leave-one-out prediction error is {points(optimum.error)} points.")
    return " ".join(sentences + [text for text in (_untried(verdict),) if text])


def _split(shares: Shares) -> str:
    """Write shares in whole percent; an axis without any is left out."""
    parts = zip(AXES, shares.split, strict=True)
    return ", ".join(f"{100 * part:.0f} % {axis}" for axis, part in parts if part >= 0.005)


def _region(optimum: Optimum, level: float) -> str:
    part = len(optimum.region) / max(len(optimum.heights), 1)
    text = f"The {100 * level:g} % region of this maximum covers {100 * part:.0f} % of the map"
    return f"{text}: the position of the optimum is uncertain." if part > OPEN else f"{text}."


def _untried(verdict: Verdict) -> str:
    """Return the untried network with the largest expected improvement."""
    if not verdict.predictions or not verdict.noise:
        return ""
    best = verdict.predictions[0]
    if best.improvement < WORTH * verdict.noise:
        return "No untried network is expected to score better."
    return (
        f"The most promising untried network is {triple(best.coefficients)}: "
        f"{predicted(best.expected)} expected ({percent(best.low)} to {percent(best.high)})."
    )
