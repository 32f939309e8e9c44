"""Ways of scaling compared at equal cost: along.json of a study, the paper's Figures 3 and 8."""

from compound.schemas.architecture import Coefficients, Cost, Way
from compound.schemas.base import Model
from compound.schemas.metrics import Accuracy
from compound.schemas.plan import LeftOut


class WayPoint(Model):
    """One network of a way, with its scores."""

    along: Way
    phi: float
    network: str
    """Its identity; the same network may be of several ways."""
    coefficients: Coefficients
    """The baseline's multipliers."""
    ratio: float
    """Realised cost over the baseline's, in the budget's unit."""
    cost: Cost
    resolution: int
    planned: int
    """Seeds."""
    scores: tuple[float, ...] = ()
    """Validation accuracies, without those of collapsed runs."""
    collapsed: tuple[tuple[int, float], ...] = ()
    """Seeds that ended near chance while others learned, with their accuracies."""
    mean: Accuracy | None = None
    low: Accuracy | None = None
    high: Accuracy | None = None
    """Ends of the mean's interval; None without repeated scores."""


class WayLead(Model):
    """By how much the choice leads another way at a phi, at equal cost, as an accuracy."""

    over: Way
    phi: float
    estimate: float
    low: float | None = None
    """Above 0 the choice is shown to be ahead, at this phi and over this way taken alone."""
    high: float | None = None
    """Below 0 the other way is shown to be ahead, all ways and phi counted (scale/way_leads.py).
    Both ends are None without repeated scores."""

    @property
    def ahead(self) -> bool:
        """Whether the choice is shown to be ahead, at this phi taken alone."""
        return self.low is not None and self.low > 0

    @property
    def behind(self) -> bool:
        """Whether the other way is shown to be ahead, all ways and phi counted."""
        return self.high is not None and self.high < 0


class BetterWay(Model):
    """A way that is shown to be ahead of the choice, at a phi and at all larger ones."""

    along: Way
    first: float
    """The smallest such phi."""


class WaysCompared(Model):
    """Every way of scaling at every phi, and from which phi on the choice is ahead."""

    level: float
    points: tuple[WayPoint, ...]
    """The choice first at each phi."""
    leads: tuple[WayLead, ...]
    """None where the other way has the choice's own network."""
    first: float | None
    """The choice is ahead of every single axis at this phi and at all larger ones; where the study
    has no single axis, of the published split. None: at none, or it cannot be said."""
    better: tuple[BetterWay, ...] = ()
    """Ways that are ahead of the choice, the largest lead at the largest phi first; the rest of
    them is not shown to be."""
    baseline: tuple[float, ...] = ()
    """Scores of the baseline by the family's recipe, where search or gate have trained it so."""
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    sentence: str
