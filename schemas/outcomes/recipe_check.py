"""How the baseline trains at several learning rates, and whether the order holds at others."""

from typing import Literal

from compound.schemas.base import Model
from compound.schemas.metrics import Accuracy
from compound.schemas.plan import PlannedJob


class RateScore(Model):
    """The baseline's accuracies at one learning rate."""

    multiple: float
    """Of the spec's rate, or of the usual one with `learning_rate: auto`."""
    rate: float
    """Per 256 images, as in a spec."""
    scores: tuple[Accuracy, ...]
    """Of the seeds that trained to their end."""
    failed: int = 0
    """Seeds that did not, mostly because they diverged."""

    @property
    def mean(self) -> float | None:
        """The mean accuracy; None where a seed has none."""
        return sum(self.scores) / len(self.scores) if self.scores and not self.failed else None


class RecipeCheck(Model):
    """How the baseline trains at several learning rates, and what follows; recipe.json."""

    jobs: tuple[str, ...]
    """The jobs that were compared; the decision stands for as long as the plan has these."""
    rates: tuple[RateScore, ...]
    """The lowest rate first."""
    noise: float | None
    """Standard deviation of a score at the best rate, as a fraction of 1; None without scores."""
    noise_of: Literal["seeds", "images"] = "seeds"
    """What makes it: `images` where seeds show less than so many validation images leave open, or
    where there is one."""
    multiple: float
    """What all jobs of the study train at, of the usual rate; 1 without `auto`."""
    sentence: str
    warning: str = ""
    """Says at which rate the baseline would train better than at the spec's; "" where none is."""


UNCHECKED = RecipeCheck(jobs=(), rates=(), noise=None, multiple=1.0, sentence="")
"""Of a study without a recipe check."""


class Difference(Model):
    """How far the mix is ahead of the best single axis at one learning rate, as a fraction of 1."""

    multiple: float
    """Of the rate that the search trains at."""
    estimate: float
    low: float | None
    """Ends of its interval at the study's level; None with one seed."""
    high: float | None


class Sensitivity(Model):
    """The choice and the best single axis at other learning rates; sensitivity.json."""

    jobs: tuple[PlannedJob, ...]
    differences: tuple[Difference, ...] = ()
    sentence: str = ""
    """Whether the order holds; "" until the jobs have ended."""
