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

    @property
    def checked(self) -> bool | None:
        """Whether the measured mean lies in the interval; None where one of them is missing."""
        if not self.errors or self.low is None or self.high is None:
            return None
        return self.low <= sum(self.errors) / len(self.errors) <= self.high


class Law(Model):
    """error = scale * ratio ^ -exponent through the family's errors; law.json of a study."""

    scale: float
    exponent: float
    low: float | None
    """Ends of the exponent's interval; None with two networks and one seed each."""
    high: float | None
    level: float
    points: tuple[LawPoint, ...]
    """By cost: trained networks, then predicted ones."""
    sentence: str
