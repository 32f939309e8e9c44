"""What the search found, and how sure it is."""

from typing import Literal

from compound.schemas.architecture import Axis, Coefficients, Role, Shares
from compound.schemas.base import Model
from compound.schemas.gate import Correlation
from compound.schemas.metrics import Accuracy
from compound.schemas.plan import PlannedJob


class Standing(Model):
    """One candidate's results over its seeds."""

    candidate: str
    roles: tuple[Role, ...]
    coefficients: Coefficients
    ratio: float
    scores: tuple[float, ...]
    """One score a seed that ended well, in the order of the seeds."""
    mean: float | None
    low: Accuracy | None
    """Lower end of the mean's confidence interval; None where nothing can be said."""
    high: Accuracy | None
    failed: int = 0
    collapsed: tuple[tuple[int, Accuracy], ...] = ()
    """Seeds and accuracies of runs that ended near chance while others learned; not in `scores`."""
    tied: bool = False
    """Not distinguishable from the best at the study's level."""
    at_budget: Accuracy | None = None
    """The mean that comparisons use: what the budget's exact cost would have brought."""
    expected: Accuracy | None = None
    """Only in older studies: `at_budget`, drawn towards a surface over all candidates."""
    screened: tuple[float, ...] = ()
    """Scores after the longest shorter schedule that it trained, where the search has rungs."""


class Prediction(Model):
    """What the surface expects of a network that was not trained, at the budget's cost."""

    candidate: str
    coefficients: Coefficients
    shares: Shares
    ratio: float
    expected: Accuracy
    low: Accuracy
    """Ends of the interval for its true mean, at the study's level."""
    high: Accuracy
    improvement: float | None = None
    """Only in older studies: the expected improvement over the best candidate."""


class RegionPoint(Model):
    """Only in older studies: how probably the surface's optimum lies at a point."""

    shares: Shares
    probability: float


class SurfaceValue(Model):
    """Only in older studies: the accuracy that the surface has at a point."""

    shares: Shares
    expected: Accuracy


class Optimum(Model):
    """The network of this cost, trained or not, of which the surface expects the most."""

    surface: Literal["quadratic", "linear", "gaussian process"]
    shares: Shares
    expected: Accuracy
    """Accuracy at the budget's cost."""
    low: Accuracy
    """Ends of the interval for its true mean, at the study's level."""
    high: Accuracy
    candidate: str = ""
    """Empty in older studies, whose optimum is a point that no network need have."""
    coefficients: Coefficients | None = None
    trained: bool = False
    """Whether it is among the candidates with a score."""
    region: tuple[RegionPoint, ...] = ()
    error: float | None = None
    heights: tuple[SurfaceValue, ...] = ()
    """The last three only in older studies."""


class Rung(Model):
    """One schedule of the search: how many candidates entered it, how many were promoted."""

    epochs: int
    seeds: int
    entered: int
    promoted: int | None
    """None at the last rung."""
    correlation: Correlation | None
    """Between this rung's ranking and the last rung's, over the candidates in both."""


class Promoted(Model):
    """What a verdict after rungs is over: the promoted candidates, and what that may have cost."""

    networks: int
    """Candidates that entered the first rung."""
    promoted: int
    """Candidates compared after the whole schedule."""
    rate: float | None
    """The part of simulated studies like this one in which the best of all candidates, or one at
    most `close` below it, was promoted; None where the noise is unknown."""
    close: float | None
    """As a fraction of 1: half of the noise between seeds."""


class Gain(Model):
    """The gain of compound scaling over the best of the single-axis controls."""

    mix: str
    """The candidate that represents compound scaling: the chosen one, or the best mix where the
    choice fell on a control."""
    over: Axis
    candidate: str
    """The control with the highest mean, which is the best use of one axis."""
    estimate: float
    """A difference of accuracies at equal cost, as a fraction of 1: 0.018 is 1.8 points."""
    low: float | None
    """The interval corrects for picking the best of several, so it may be asymmetric."""
    high: float | None


class Worth(Model):
    """The accuracy to expect of the choice, free of the luck that made it the choice."""

    value: Accuracy
    """From seeds that took no part in the choice: each is left out once, and the others choose."""
    low: Accuracy
    """Ends of its interval at the study's level, which allows for the choice."""
    high: Accuracy


class Resolution(Model):
    """The smallest differences that a study can see, at its level and with all its comparisons."""

    seeds: int
    networks: int
    level: float
    power: float
    """The probability with which a difference of that size is seen."""
    difference: float | None
    """As a fraction of 1; None with one seed, where the noise is unknown."""
    seeds_for_noise: int | None
    """Seeds a candidate that resolve a difference as large as the noise; None: over 1000."""
    seeds_for_half: int | None


class Verdict(Model):
    """The answer of a study's search."""

    metric: str
    level: float
    noise: float | None
    """Standard deviation of one score between seeds, the median of the tied candidates'; None with
    one seed each."""
    baseline: Standing | None
    standings: tuple[Standing, ...]
    """Candidates and controls, best mean first; the ones without a score last."""
    tied: tuple[str, ...]
    chosen: str | None
    coefficients: Coefficients | None
    """The triple that the family is scaled by."""
    gain: Gain | None
    outcome: Literal["gain", "no gain", "loss", "undecided", "no verdict"]
    sentence: str
    """The verdict in words."""
    reason: str
    """Why this candidate out of the tied set."""
    beside: str = ""
    """How the published split and dWr compare with it."""
    warnings: tuple[str, ...] = ()
    worth: Worth | None = None
    """None without a choice, or with one seed."""
    resolution: Resolution | None = None
    """None where fewer than two candidates have a score."""
    optimum: Optimum | None = None
    """None where the candidates are too few for a surface."""
    no_optimum: str = ""
    """Why there is no optimum, as a sentence."""
    predictions: tuple[Prediction, ...] = ()
    """Of untried networks, the best first; in older studies by expected improvement."""
    rungs: tuple[Rung, ...] = ()
    """Shortest schedule first; empty where all candidates train the whole one."""
    promoted: Promoted | None = None
    """None where all candidates train the whole schedule, and in verdicts of older versions."""
    selected: bool = False
    """Whether ASHA, of older versions, selected jobs by the scores that the verdict compares."""


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
    noise: float
    """Standard deviation between two seeds at the best rate, as a fraction of 1."""
    multiple: float
    """What all jobs of the study train at, of the usual rate; 1 without `auto`."""
    sentence: str
    warning: str = ""
    """Says at which rate the baseline would train better than at the spec's; "" where none is."""


UNCHECKED = RecipeCheck(jobs=(), rates=(), noise=0.0, multiple=1.0, sentence="")
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
