"""What so much compute buys: the networks on the choice's line, and on those of the ways of scaling
that beat it, by cost; answer.json of a study."""

from typing import Literal

from compound.schemas.architecture import Coefficients, Way
from compound.schemas.base import Model
from compound.schemas.design import CostUnit
from compound.schemas.metrics import Accuracy

HourUnit = Literal["GPU-hours", "CPU-hours"]


class TrainingCost(Model):
    """What it takes to train one network once, with one seed."""

    hours: float
    """All workers together."""
    unit: HourUnit
    """CPU-hours where the jobs have no GPU."""
    basis: Literal["measured", "scaled", "forecast"]
    """`measured`: the median of the trained seeds; `scaled`: a measured training, times what the
    forecast's model says of both; `forecast`: the model alone, which may be wrong by a factor."""
    device: str = ""
    """What was measured, as a DeviceProfile calls it."""
    money: float | None = None
    """None where the spec's budget has no price for these hours."""
    least: float | None = None
    most: float | None = None
    """Hours of the quickest and of the slowest seed; None where they were not measured."""


class Reached(Model):
    """The accuracy of a network, measured or predicted."""

    value: Accuracy
    low: Accuracy | None = None
    """Ends of the interval at the study's level, which allows for the noise between seeds and for
    the number of images. Predicted: of the power law's, for one more training."""
    high: Accuracy | None = None
    part: Literal["test", "validation", "law"]
    """`law`: not trained, and predicted by the power law."""
    seeds: int = 0


LEAST_RATIO = 1.2
"""Ratio of two costs below which their difference is not extended to a doubling."""


class Doubling(Model):
    """What a doubling of cost brings, as a difference of accuracies, a fraction of 1."""

    gain: float
    low: float | None = None
    high: float | None = None
    """Ends of the interval at the study's level."""
    basis: Literal["measured", "law"]
    """`measured`: between two networks on the same validation images, so the interval is of the
    noise between seeds; `law`: by the power law."""
    plain: bool = False
    """The networks cost nearly the same, so this is their difference as it is, of no doubling."""

    @property
    def worth(self) -> bool | None:
        """Whether the interval is above 0; None for what is predicted, or has no interval."""
        if self.low is None or self.basis == "law":
            return None
        return self.low > 0


class AnswerRow(Model):
    """One network of a line."""

    way: Way = "choice"
    """Whose line that is; the baseline is on every line, and counts as the choice's."""
    phi: float
    """0 is the baseline, 1 the choice; another way has the choice's cost at the same phi."""
    network: str | None
    """The identity of its architecture; None: it cannot be built here."""
    depth: float
    width: float
    """Multipliers of depth and width; of the choice's line alpha and beta to the power of phi."""
    resolution: int | None
    params: int | None
    macs: int | None
    ratio: float
    """Realised cost over the baseline's."""
    recipe: Literal["family", "search"] = "family"
    """Whose recipe has trained it; `search`: the search's, which differs from the family's."""
    training: TrainingCost | None = None
    accuracy: Reached | None = None
    """None: not trained, and not predicted."""
    validation: Reached | None = None
    """The accuracy that decisions see; its interval is of the noise between seeds alone."""
    doubling: Doubling | None = None
    """Against the best smaller network of its line that the same recipe has trained."""

    @property
    def trained(self) -> bool:
        """Whether the network has a measured accuracy."""
        return self.accuracy is not None and self.accuracy.part != "law"

    @property
    def score(self) -> float | None:
        """The accuracy that decides: of validation images, measured or expected."""
        decides = self.validation or self.accuracy
        return decides.value if decides else None


class Answer(Model):
    """The networks that a study has for so much compute, and the one that it would take."""

    cost: CostUnit
    """What the ratios count."""
    level: float
    coefficients: Coefficients | None
    """None: the search has chosen none."""
    rows: tuple[AnswerRow, ...] = ()
    """The smallest cost first."""
    phi: float | None = None
    """Of the largest trained network that is worth it, which the sentence is about."""
    way: Way = "choice"
    """Its way of scaling: another than the choice only where it is shown to be ahead."""
    compared: bool = False
    """Whether other ways of scaling were looked at; False in answers of older programs too."""
    against_best: bool = False
    """Whether networks are compared with the best smaller one; False in answers of older programs,
    which compared with the one before."""
    beyond: Doubling | None = None
    """What a doubling beyond it brings."""
    sentence: str
    """The network, its cost and its accuracy, and what a doubling beyond it brings."""
    scaling: str = ""
    """The verdict: whether compound scaling brought anything, and what was chosen instead."""
    notes: tuple[str, ...] = ()
    """What was guessed, left out, or is of other images."""
    chance: str = ""
    """Says that no network is better than chance, so that none is taken."""
    so_far: str = ""
    """What is done of what, where the study is not at its end: another answer may follow. It is set
    as the answer is read, and empty in the store."""

    @property
    def row(self) -> AnswerRow | None:
        """The row of the network that the sentence is about."""
        named = (row for row in self.rows if (row.phi, row.way) == (self.phi, self.way))
        return next(named, None)

    def is_current(self, *, compared: bool) -> bool:
        """Whether it was picked by today's rule; `compared`: the study has compared other ways."""
        return self.against_best and (self.compared or not compared)

    @property
    def text(self) -> str:
        """All that is said first."""
        return self.marked(" ".join(filter(None, (self.sentence, self.scaling))))

    def marked(self, text: str) -> str:
        """Return a text of this answer, with a mark where the study is not at its end."""
        if not self.so_far:
            return text
        if self.coefficients is None or (self.row is None and not self.chance):
            return f"{self.so_far[0].upper()}{self.so_far[1:]}: no answer yet."
        return f"So far ({self.so_far}): {text}"


class Timing(Model):
    """What one image takes, over some timed passes: seconds."""

    median: float
    low: float
    """The first quartile, and the third: a quarter of the passes took less, and more."""
    high: float


LimitName = Literal["gpu_hours", "cpu_hours", "params", "macs", "latency", "multiple", "accuracy"]


class Limit(Model):
    """What a network may take at most; of an accuracy, what it should reach at least."""

    name: LimitName
    value: float
    """Hours of the device that was measured, counts, seconds for one image, a ratio of cost, a
    fraction of 1."""


class Advice(Model):
    """The network to take within some limits, and why."""

    study: str
    limits: tuple[Limit, ...]
    binding: tuple[LimitName, ...]
    """Which of the limits keep it from being larger, or for an accuracy smaller."""
    level: float
    coefficients: Coefficients
    row: AnswerRow
    latency: float | None = None
    """Seconds for one image, as measured on this machine; None where it was not asked for."""
    latency_spread: tuple[float, float] | None = None
    """Its quartiles over the timed passes."""
    beyond: Doubling | None
    """What the next doubling brings; None where it is not known."""
    sentence: str
    why: str
    next_step: str
    """The command to type."""
    so_far: str = ""
    """What is done of what, where the study is not at its end: other advice may follow."""
    notes: tuple[str, ...] = ()
