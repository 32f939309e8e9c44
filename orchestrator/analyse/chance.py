"""Accuracies that guessing reaches as well: then nothing was learned, and nothing is compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compound.orchestrator.statistics.guessing import better_than_guessing, worse_than_guessing
from compound.orchestrator.wording.numbers import percent
from compound.schemas.data import DataInfo


@dataclass(frozen=True)
class Chance:
    """What guessing reaches on the validation images."""

    accuracy: float
    """1 / classes, or the share of the largest class where that is more."""
    classes: int
    images: int

    @classmethod
    def of(cls, data: DataInfo) -> "Chance":
        """Take it from the data."""
        shares = [1 / len(data.classes), *_largest_shares(data)]
        return cls(max(shares), len(data.classes), data.validation)

    def explains(self, means: Sequence[float], level: float) -> bool:
        """Whether no mean is above chance by more than its noise; False without any."""
        if not means:
            return False
        best = max(means)
        return not better_than_guessing(best, self.accuracy, self.images, len(means), level)

    def is_above(self, means: Sequence[float], level: float) -> bool:
        """Whether even the best mean is below chance by more than its noise."""
        return worse_than_guessing(max(means), self.accuracy, self.images, level)

    @property
    def text(self) -> str:
        """Say that no network is better, with the figure."""
        return f"no network is better than chance ({self.written})"

    @property
    def written(self) -> str:
        """The accuracy of guessing, and of what."""
        even = self.accuracy <= 1 / self.classes
        share = "" if even else ", the share of the largest class"
        return f"{percent(self.accuracy)} of {self.classes:,} classes{share}"


def _largest_shares(data: DataInfo) -> Iterator[float]:
    """Yield the largest class's share of the validation images, where it is known."""
    for part in data.ledger.parts if data.ledger else ():
        total = sum(part.class_counts)
        if part.part == "validation" and total:
            yield max(part.class_counts) / total
