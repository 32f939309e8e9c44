"""The power law through a family's errors, and what it predicts."""

from compound.schemas.base import Model
from compound.schemas.metrics import Accuracy


class LawPoint(Model):
    """One network under the power law, trained or predicted."""

    phi: float
    """0 is the baseline."""
    ratio: float
    """Cost over the baseline's; the law's variable."""
    errors: tuple[float, ...] = ()
    """Measured, 1 - accuracy, one a seed; empty where it is not trained."""
    expected: Accuracy | None = None
    """Error that the law predicts from all smaller trained networks alone."""
    low: Accuracy | None = None
    high: Accuracy | None = None
    """Ends of the prediction interval for the mean of as many seeds as were trained, else one."""
    worst: Accuracy | None = None
    """The largest error that a pure power law through the smaller networks allows; None where they
    are fewer than three, where it is not trained, and in documents of older studies."""

    @property
    def checked(self) -> bool | None:
        """Whether the network is no worse than the law allows; None where that is not known."""
        limit = self.high if self.worst is None else self.worst
        if not self.errors or limit is None:
            return None
        return sum(self.errors) / len(self.errors) <= limit


class Step(Model):
    """The last step that a family was trained for: what the larger network brought."""

    phis: tuple[float, float]
    """Of the next smaller network and the largest."""
    ratios: tuple[float, float]
    """Their costs over the baseline's."""
    gain: float
    """Difference of their mean accuracies as measured, a fraction of 1."""
    low: float | None = None
    high: float | None = None
    """Ends of its interval; None with two networks and a seed each."""


class Law(Model):
    """error = scale * ratio ^ -exponent through the family's errors; law.json of a study."""

    scale: float
    exponent: float
    low: float | None
    """Ends of the exponent's interval; None with two networks."""
    high: float | None
    level: float
    points: tuple[LawPoint, ...]
    """By cost: trained networks, then predicted ones."""
    sentence: str
    levels_off: bool = False
    """Whether errors fall more slowly the larger the network, more than chance allows."""
    last_step: Step | None = None
    """None in documents of older studies, which did not test for levelling off."""
