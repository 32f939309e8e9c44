"""Cells and tables: values as people read them, and as the page sorts them."""

from dataclasses import dataclass

from compound.orchestrator.wording.numbers import short

NOTHING = "–"
LAST = -1e300
"""Sorts what is not known behind all that is."""


@dataclass(frozen=True)
class Cell:
    """One value: as people read it, as the page sorts it, and how it is set."""

    text: str
    key: float | str
    tone: str = ""
    title: str = ""

    @property
    def numeric(self) -> bool:
        """Whether the cell is set flush right."""
        return not isinstance(self.key, str)


@dataclass(frozen=True)
class Table:
    """Named columns and rows of cells; `note` stands above it."""

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
    """Return a large count in short form, the exact one under the pointer."""
    return Cell(short(value), value, title=f"{value:,}")


def spans(low: float | None, high: float | None) -> Cell:
    """Return an interval of accuracies in percent; a dash where it has no ends."""
    if low is None or high is None:
        return number(None)
    return Cell(f"{100 * low:.2f} to {100 * high:.2f}", low)
