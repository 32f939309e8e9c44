"""Whether an order holds: between two schedules, or between two scales."""

from typing import Literal

from compound.schemas.base import Model


class Correlation(Model):
    """Kendall's tau-b between two rankings of the same candidates, with its interval."""

    tau: float
    low: float
    high: float
    level: float
    candidates: int


class Contender(Model):
    """One candidate before the gate and in it."""

    candidate: str
    name: str
    ratio: float
    """Cost in the gate over the baseline's."""
    searched: float
    """Mean score in the search, at the budget's cost."""
    scores: tuple[float, ...]
    mean: float | None
    """Mean score in the gate, at equal cost where a score of the baseline allows."""
    low: float | None
    high: float | None
    tied: bool


class GateResult(Model):
    """Whether the search's order holds at a larger scale; gate.json of a study."""

    scale: str
    """What was doubled, for people: phi 2, or 24 epochs."""
    contenders: tuple[Contender, ...]
    """Best mean in the gate first."""
    correlation: Correlation | None
    """None with fewer than three contenders with scores on both sides."""
    outcome: Literal["carries over", "does not carry over", "undecided"]
    sentence: str
    warnings: tuple[str, ...] = ()
