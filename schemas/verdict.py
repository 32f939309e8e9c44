"""What the search found, and how sure it is."""

from typing import Literal

from compound.schemas.architecture import Axis, Coefficients, Role, Shares
from compound.schemas.base import Model
from compound.schemas.gate import Correlation
from compound.schemas.metrics import Accuracy


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


class ImageDoubt(Model):
    """Whether the intervals of a verdict hold for new images, and what the images add to them."""

    images: int
    """Validation images of a score."""
    jobs: int
    """Jobs with a score."""
    unknown: int
    """Those of them without predictions of the same images: with one, no interval has the
    images."""
    error: float | None
    """The standard error that the choice of images alone gives a difference between two
    contenders, as a fraction of 1, the median over their pairs; None where it is left out."""
    sentence: str


class ConfusedPair(Model):
    """A class that is taken for another one."""

    label: str
    predicted: str
    images: float
    """The mean over the seeds."""
    share: float
    """Of the images with that label, as a fraction of 1."""


class HardImage(Model):
    """An image that networks of the search get wrong."""

    image: int
    """Its position in the validation part, from 0."""
    label: str
    predicted: str
    """The class that it is most often taken for."""
    wrong: int
    """Trained networks that get it wrong."""


class Mistakes(Model):
    """The wrong answers to the validation images."""

    images: int
    seeds: int
    """Trained networks of the choice, of which the confusions are."""
    runs: int
    """Trained networks of all candidates, of which the hardest images are."""
    matrix: tuple[tuple[float, ...], ...] = ()
    """Images by label and predicted class, the mean over the choice's seeds; empty where there
    are many classes."""
    pairs: tuple[ConfusedPair, ...] = ()
    """Of the choice, most images first."""
    hardest: tuple[HardImage, ...] = ()
    """Over all candidates, most often wrong first."""


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
    chance: str = ""
    """Says that no network is better than chance; then there is a choice only to go on with, and
    none is recommended. "" where one is better, and in verdicts of older versions."""
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
    images: ImageDoubt | None = None
    """None: the verdict is older than predictions of single images, or nothing has a score."""
    mistakes: Mistakes | None = None
    """None where they are not known image by image."""
