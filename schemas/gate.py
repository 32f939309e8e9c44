"""The gate before the family: the best candidates of the search, trained at a larger scale."""

from typing import Literal

from compound.schemas.architecture import Candidate
from compound.schemas.base import Model
from compound.schemas.metrics import Accuracy
from compound.schemas.plan import PlannedJob


class Entrant(Model):
    """One candidate of the search, and the network that represents it in the gate."""

    candidate: str
    """Its identity in the search."""
    name: str
    network: Candidate
    """Scaled to the gate's phi, or the same as in the search; `ratio` is its cost over the
    baseline's, in the budget's measure."""


class GatePlan(Model):
    """Which candidates the gate trains, and how; gateplan.json of a study."""

    scale: str
    """What was doubled, as text: phi 2, or 24 epochs."""
    multiple: float
    """The cost over the baseline's at which the entrants are compared."""
    baseline: str
    """The baseline's identity; its scores by the gate's recipe correct for uneven cost."""
    entrants: tuple[Entrant, ...]
    """The chosen candidate first."""
    jobs: tuple[PlannedJob, ...]
    """Seed by seed, so that an early stop leaves every entrant with some."""
    warnings: tuple[str, ...] = ()


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
    searched: Accuracy
    """Mean score in the search, at the budget's cost."""
    scores: tuple[float, ...]
    mean: Accuracy | None
    """Mean score in the gate, at equal cost where a score of the baseline allows."""
    low: Accuracy | None
    high: Accuracy | None
    tied: bool


class GateResult(Model):
    """Whether the search's ranking stays the same at a larger scale; gate.json of a study."""

    scale: str
    """What was doubled, as text: phi 2, or 24 epochs."""
    contenders: tuple[Contender, ...]
    """Best mean in the gate first."""
    correlation: Correlation | None
    """None with fewer than three contenders with scores on both sides."""
    outcome: Literal["carries over", "does not carry over", "undecided"]
    sentence: str
    warnings: tuple[str, ...] = ()
