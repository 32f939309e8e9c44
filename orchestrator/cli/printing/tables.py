"""Tables that fit a terminal: headings wrap, names shrink, columns are left out; numbers stay."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from compound.orchestrator.cli.printing.widths import cells, filled, padded, shortened

_GAP = "  "
_NAME, _PROSE = 16, 24
"""Columns of a terminal that a name and prose keep, before a column of the table is left out."""
_SIGNS = ">~|"


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table: its heading with a sign, and its cells.

    Signs: `>` numbers, set to the right; `~` names, which may lose their middle; `|` prose, which
    wraps. All others are left as they are.
    """

    signed: str
    cells: tuple[str, ...]

    @property
    def sign(self) -> str:
        """Its sign; "" without one."""
        return self.signed[:1] if self.signed[:1] in (*_SIGNS,) else ""

    @cached_property
    def heading(self) -> str:
        """Its heading, without the sign."""
        return self.signed.removeprefix(self.sign)

    @cached_property
    def content(self) -> int:
        """The width of its widest cell."""
        return max(map(cells, self.cells), default=0)

    @property
    def whole(self) -> int:
        """Its width with the heading in one line."""
        return max(cells(self.heading), self.content)

    @property
    def least(self) -> int:
        """The smallest width that it can have."""
        most = {"~": _NAME, "|": _PROSE}.get(self.sign, self.content)
        return max(min(self.content, most), *map(cells, self.heading.split() or [""]))

    def lines(self, cell: str, width: int) -> list[str]:
        """Return a cell in lines of a width."""
        if cells(cell) <= width or self.sign not in ("~", "|"):
            return [cell]
        if self.sign == "~":
            return [shortened(cell, width)]
        return filled((shortened(word, width) for word in cell.split()), width)


@dataclass(frozen=True)
class Layout:
    """The columns of a table that fit, with their widths."""

    columns: Sequence[Column]
    widths: Sequence[int]
    left_out: Sequence[str] = field(default=())
    """The headings of the others."""
    needed: int = 0
    """The width in which all of them fit."""

    def heading(self) -> list[str]:
        """Return the lines of the heading."""
        lines = [
            filled(column.heading.split(), width)
            if cells(column.heading) > width
            else [column.heading]
            for column, width in zip(self.columns, self.widths, strict=True)
        ]
        height = max(map(len, lines), default=0)
        return self._joined([[""] * (height - len(part)) + part for part in lines])

    def rows(self) -> Iterator[str]:
        """Yield the lines of all rows."""
        for row in zip(*(column.cells for column in self.columns), strict=True):
            parts = zip(self.columns, row, self.widths, strict=True)
            lines = [column.lines(cell, width) for column, cell, width in parts]
            if len(lines) == sum(map(len, lines)):
                yield self._line([part for (part,) in lines])
            else:
                height = max(map(len, lines))
                yield from self._joined([part + [""] * (height - len(part)) for part in lines])

    def _joined(self, parts: list[list[str]]) -> list[str]:
        return [self._line(line) for line in zip(*parts, strict=True)]

    def _line(self, line: Sequence[str]) -> str:
        parts = zip(line, self.columns, self.widths, strict=True)
        padded_cells = (padded(text, width, right=c.sign == ">") for text, c, width in parts)
        return _GAP.join(padded_cells).rstrip()


def laid_out(columns: Sequence[Column], width: int | None, keep: Sequence[str] = ()) -> Layout:
    """Choose the columns of a table that fit into a width, and their widths; None: all of them.

    `keep`: the headings that matter most, those first that are left out last; the others follow
    from left to right. A column without any text is left out on every terminal.
    """
    filled_in = [column for column in columns if any(column.cells)]
    present = list(columns) if width is None or not filled_in else filled_in
    whole = [column.whole for column in present]
    if width is None or _total(whole) <= width:
        return Layout(present, whole)
    ranked = sorted(present, key=lambda column: _rank(column, keep))
    chosen: list[Column] = []
    for column in ranked:
        if not chosen or _total([c.least for c in (*chosen, column)]) <= width:
            chosen.append(column)
    visible = [column for column in present if column in chosen]
    left_out = [column.heading for column in present if column not in chosen]
    needed = _total([column.least for column in present])
    return Layout(visible, list(_widened(visible, width)), left_out, needed)


def _rank(column: Column, keep: Sequence[str]) -> int:
    """Return the place of a column among those to keep; the rest keep their order behind these."""
    return keep.index(column.heading) if column.heading in keep else len(keep)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _widened(columns: Sequence[Column], width: int) -> Iterator[int]:
    """Yield widths: what is left goes to names and prose, then to headings, from the left."""
    spare = width - _total([column.least for column in columns])
    for column in columns:
        more = min(spare, max(0, column.whole - column.least))
        spare -= max(0, more)
        yield column.least + max(0, more)
