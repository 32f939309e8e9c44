"""A position within an epoch, and the sums of the epoch up to it."""

from dataclasses import dataclass

from compound.jobs.store.format.checkpoint import NORM_EPSILON

_PREFIX = "epoch_so_far."
DATA = "data."
"""How the names of what a checkpoint says of its data begin."""


class Interrupted(Exception):
    """Training stopped within an epoch, with a checkpoint."""


@dataclass(frozen=True)
class Partial:
    """The part of an epoch that is trained already; the defaults are the start of an epoch."""

    steps: int = 0
    """Optimiser steps."""
    loss: float = 0.0
    """Summed over the images of all ranks."""
    correct: float = 0.0
    """Correct answers of all ranks."""
    seconds: float = 0.0

    def as_numbers(self) -> dict[str, float]:
        """Return the numbers under names that no metric has."""
        numbers = {"loss": self.loss, "correct": self.correct, "seconds": self.seconds}
        return {_PREFIX + name: value for name, value in numbers.items()} if self.steps else {}

    @staticmethod
    def from_numbers(steps: int, extra: dict[str, float]) -> "tuple[Partial, dict[str, float]]":
        """Split a checkpoint's numbers into those of `as_numbers` and the metrics.

        What is known of the data and the network is neither.
        """
        apart = (_PREFIX, DATA, NORM_EPSILON)
        metrics = {name: value for name, value in extra.items() if not name.startswith(apart)}
        sums = {n.removeprefix(_PREFIX): v for n, v in extra.items() if n.startswith(_PREFIX)}
        return Partial(steps, **sums), metrics


EPOCH_START = Partial()
