"""A position within an epoch, and what the epoch has gathered up to there."""

from dataclasses import dataclass

_PREFIX = "epoch_so_far."


class Interrupted(Exception):
    """Training was asked to stop within an epoch, and has left a checkpoint there."""


@dataclass(frozen=True)
class Partial:
    """The part of an epoch that is trained already; as it stands, an epoch from its start."""

    steps: int = 0
    """Optimiser steps."""
    loss: float = 0.0
    """Summed over the images of all ranks."""
    correct: float = 0.0
    """Right answers of all ranks."""
    seconds: float = 0.0

    def noted(self) -> dict[str, float]:
        """Return the numbers by names that no metric has."""
        numbers = {"loss": self.loss, "correct": self.correct, "seconds": self.seconds}
        return {_PREFIX + name: value for name, value in numbers.items()} if self.steps else {}

    @staticmethod
    def parted(steps: int, extra: dict[str, float]) -> "tuple[Partial, dict[str, float]]":
        """Take what `noted` gave out of a checkpoint's numbers; return it and the metrics."""
        metrics = {name: value for name, value in extra.items() if not name.startswith(_PREFIX)}
        sums = {n.removeprefix(_PREFIX): v for n, v in extra.items() if n.startswith(_PREFIX)}
        return Partial(steps, **sums), metrics


FROM_THE_START = Partial()
