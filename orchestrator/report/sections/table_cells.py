"""Cells and tables: the text of a value, and its key for sorting."""

from dataclasses import dataclass

from compound.orchestrator.wording.numbers import short

NOTHING = "–"
# Not -inf: JavaScript reads "-inf" as NaN, which has no order.
LAST = -1e300
"""The key of an unknown value: it sorts last."""


@dataclass(frozen=True)
class Cell:
    """One value: its text, its key for sorting, and its style."""

    text: str
    key: float | str
    tone: str = ""
    title: str = ""
    below: str = ""
    """A second line, such as the interval of a number."""

    @property
    def numeric(self) -> bool:
        """Whether the cell is aligned right."""
        return not isinstance(self.key, str)


@dataclass(frozen=True)
class Table:
    """Named columns and rows of cells; `note` is above it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def text(value: str, tone: str = "", title: str = "") -> Cell:
    """Return a cell that sorts as text."""
    return Cell(value, value.lower(), tone, title)


def number(value: float | None, form: str = "{:,}", tone: str = "") -> Cell:
    """Return a cell that sorts as a number; None goes to the end and shows a dash."""
    if value is None:
        return Cell(NOTHING, LAST, tone)
    return Cell(form.format(value), value, tone)


def count(value: int) -> Cell:
    """Return a large count in short form, with the exact count as a title."""
    return Cell(short(value), value, title=f"{value:,}")


def spans(low: float | None, high: float | None) -> Cell:
    """Return an interval of accuracies in percent; a dash where it has no ends."""
    if low is None or high is None:
        return number(None)
    return Cell(f"{100 * low:.2f} to {100 * high:.2f}", low)
