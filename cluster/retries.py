"""How many setbacks a job is forgiven: lost workers and preemptions, each with a budget."""

from collections import Counter
from collections.abc import Mapping

from compound.schemas.job import Cause

Tries = Mapping[str, int]
"""Setbacks of each kind that are forgiven, `worker lost` and `preempted`."""

_NAMES = {"worker lost": "lost worker", "preempted": "preemption"}


class RetryBudget:
    """Counts the setbacks of one job."""

    def __init__(self, tries: Tries) -> None:
        self._tries = tries
        self._counts: Counter[str] = Counter()
        self.last = ""

    @property
    def times(self) -> int:
        """Setbacks of any kind so far."""
        return self._counts.total()

    def count(self, kind: str, text: str) -> str:
        """Take a setback in; return a line about it for people."""
        self._counts[kind] += 1
        self.last = text
        number, most = self._counts[kind], self._tries[kind]
        if number > most:
            return f"{text}; that is one too many"
        name = _NAMES[kind]
        return f"{text} ({name} {number}, {most} are forgiven); goes on from the last checkpoint"

    def cause(self) -> Cause | None:
        """Return why the job is given up; None while it may go on."""
        spent = [kind for kind, most in self._tries.items() if self._counts[kind] > most]
        if not spent:
            return None
        parts = [counted(number, kind) for kind, number in self._counts.items() if number]
        message = f"given up after {' and '.join(parts)}; the last: {self.last}"
        return Cause.model_validate({"kind": spent[0], "message": message})


def counted(number: int, kind: str = "worker lost") -> str:
    """Return a number of setbacks of one kind in words."""
    return f"{number} {_NAMES[kind]}" + ("" if number == 1 else "s")
