"""What was found and what is left out, by reason; names of any bytes as valid UTF-8."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from compound.schemas.data_ledger import LeftOut

EXAMPLES = 3


@dataclass(frozen=True)
class FoundPart:
    """Where a listing was found, and what was left out of it before any image was decoded."""

    where: str
    entries: int
    """Files or rows, before any was left out."""
    left_out: tuple[LeftOut, ...] = ()


def as_utf8(name: str) -> str:
    """Return a file's name as text of valid UTF-8: other bytes become `\\xe9`."""
    # Names on Linux are bytes. Python holds those that are not UTF-8 as lone surrogates, which
    # neither JSON nor a terminal can take.
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class LeftOutCounts:
    """How many files or rows are left out, for each reason."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, reason: str, name: str, count: int = 1) -> None:
        """Count files or rows; `name`, if it has one, is an example while there are few."""
        self._counts[reason] = self._counts.get(reason, 0) + count
        examples = self._examples.setdefault(reason, [])
        if name and len(examples) < EXAMPLES:
            examples.append(as_utf8(name))

    def take_back(self, reason: str, names: Collection[str]) -> None:
        """Count files no longer that are in use after all; `names`: each was counted once."""
        count = self._counts.get(reason, 0) - len(names)
        if reason in self._counts:
            used = set(map(as_utf8, names))
            self._counts[reason] = max(count, 0)
            self._examples[reason] = [n for n in self._examples[reason] if n not in used]
        if count <= 0:
            self._counts.pop(reason, None)

    def merge(self, entries: Iterable[LeftOut]) -> None:
        """Count what other counts had."""
        for entry in entries:
            self._counts[entry.reason] = self._counts.get(entry.reason, 0) + entry.count
            examples = self._examples.setdefault(entry.reason, [])
            examples.extend(entry.examples[: EXAMPLES - len(examples)])

    @property
    def total(self) -> int:
        """How many are left out, for any reason."""
        return sum(self._counts.values())

    def count(self, reasons: Iterable[str]) -> int:
        """Return how many are left out for one of these reasons."""
        return sum(self._counts.get(reason, 0) for reason in reasons)

    def entries(self) -> tuple[LeftOut, ...]:
        """Return the counts, the largest first."""
        ordered = sorted(self._counts, key=lambda reason: (-self._counts[reason], reason))
        return tuple(
            LeftOut(
                reason=reason, count=self._counts[reason], examples=tuple(self._examples[reason])
            )
            for reason in ordered
        )

    def __str__(self) -> str:
        return "; ".join(f"{entry.count:,} {entry.reason}" for entry in self.entries())
