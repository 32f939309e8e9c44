"""One part of a page that fails does not cost the others: it becomes a sentence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class PartFailure:
    """A part of a page that could not be drawn, and why."""

    part: str
    """Such as "figure cost" or "section jobs"."""
    error: Exception

    @property
    def sentence(self) -> str:
        """What stands in its place."""
        cause = f"{type(self.error).__name__}: {self.error}".removesuffix(": ")
        return f"The {self.part} could not be drawn: {cause}."


def guarded(part: str, make: Callable[[], T]) -> T | PartFailure:
    """Return what is made, or why it cannot be."""
    try:
        return make()
    # Any kind of error: a page is made of what stores of many years and strangers' networks hold,
    # and the other parts of it are worth more than a traceback. The command says which failed.
    except Exception as error:
        return PartFailure(part, error)
