"""What a URL asks of a table: which rows, in which order, which page of them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc

from compound.schemas.errors import SpecError

ROWS = 50
"""Rows of a page of a table, where a URL does not say."""
MOST_ROWS = 500
_FIXED = ("q", "sort", "page", "rows")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class TableQuery:
    """The part of a URL that is about one table. Its parameters begin with the table's name:
    `jobs.status=failed&jobs.accuracy.min=0.8&jobs.sort=-accuracy&jobs.page=2`."""

    table: str
    text: str = ""
    """What a text of a row has to contain, in capitals or not."""
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By column: one of these."""
    least: Mapping[str, float] = field(default_factory=dict)
    most: Mapping[str, float] = field(default_factory=dict)
    """By column of numbers; a row without a number is left out."""
    sort: str = ""
    """A column; with `-` before it the largest first. Rows without a value come last."""
    page: int = 1
    rows: int = ROWS

    @property
    def narrowed(self) -> bool:
        """Whether it leaves rows out."""
        return bool(self.text or self.values or self.least or self.most)

    def parameters(self) -> list[tuple[str, str]]:
        """Return its parameters, without those that say what is so anyway."""
        pairs = [("q", self.text)] if self.text else []
        pairs += [(name, value) for name, values in self.values.items() for value in values]
        pairs += [(f"{name}.min", f"{value:g}") for name, value in self.least.items()]
        pairs += [(f"{name}.max", f"{value:g}") for name, value in self.most.items()]
        pairs += [("sort", self.sort)] if self.sort else []
        pairs += [("page", str(self.page))] if self.page != 1 else []
        pairs += [("rows", str(self.rows))] if self.rows != ROWS else []
        return [(f"{self.table}.{name}", value) for name, value in pairs]

    def sorted_by(self, column: str) -> "TableQuery":
        """Return it sorted by a column; by the same column again the other way round."""
        return replace(self, sort=f"-{column}" if self.sort == column else column, page=1)

    def at(self, page: int) -> "TableQuery":
        """Return it at another page."""
        return replace(self, page=page)


def url_query(queries: Iterable[TableQuery]) -> str:
    """Return the part of a URL after its `?` for some tables."""
    return urlencode([pair for query in queries for pair in query.parameters()])


def parsed(table: str, schema: pa.Schema, parameters: Sequence[tuple[str, str]]) -> TableQuery:
    """Read what a URL asks of a table; parameters of other tables are left alone.

    SpecError: no such column, or a value that is none of its kind.
    """
    query = TableQuery(table)
    for key, value in parameters:
        prefix, _, name = key.partition(".")
        if prefix == table and name and value:  # a form also sends what was left empty
            query = _with(query, schema, name, value)
    return query


def _with(query: TableQuery, schema: pa.Schema, name: str, value: str) -> TableQuery:
    if name == "q":
        return replace(query, text=value)
    if name == "sort":
        _require(query.table, schema, value.removeprefix("-"))
        return replace(query, sort=value)
    if name in ("page", "rows"):
        number = _whole(f"{query.table}.{name}", value, 10**6 if name == "page" else MOST_ROWS)
        return replace(query, page=number) if name == "page" else replace(query, rows=number)
    column, _, end = name.partition(".")
    _require(query.table, schema, column)
    if end in ("min", "max"):
        number_ = _number(f"{query.table}.{name}", value)
        if end == "min":
            return replace(query, least={**query.least, column: number_})
        return replace(query, most={**query.most, column: number_})
    if end:
        raise _wrong(f"{query.table}.{name}", f"{column}, {column}.min, {column}.max")
    values = (*query.values.get(column, ()), value)
    return replace(query, values={**query.values, column: values})


def _require(table: str, schema: pa.Schema, column: str) -> None:
    if column not in schema.names:
        raise _wrong(f"{table}.{column}", ", ".join((*schema.names, *_FIXED)))


def _wrong(parameter: str, allowed: str) -> SpecError:
    return SpecError(f"the URL has an unknown parameter, {parameter[:80]}", allowed=allowed)


def _whole(parameter: str, value: str, most: int) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most):
        allowed = f"a whole number from 1 to {most:,}"
        raise SpecError(f"{parameter} in the URL is no such number", allowed=allowed)
    return int(value)


def _number(parameter: str, value: str) -> float:
    if not _NUMBER.fullmatch(value):
        raise SpecError(f"{parameter} in the URL is no number", allowed="a number, such as 0.8")
    return float(value)


def selected(table: pa.Table, query: TableQuery) -> pa.Table:
    """Return the rows that a query asks for, in its order, over all pages."""
    for name, values in query.values.items():
        texts = table[name].cast(pa.string())
        table = table.filter(pc.is_in(texts, pa.array(values, pa.string())))
    for name, least in query.least.items():
        table = table.filter(pc.greater_equal(_numbers(table, name), least))
    for name, most in query.most.items():
        table = table.filter(pc.less_equal(_numbers(table, name), most))
    if query.text:
        table = table.filter(_containing(table, query.text))
    if not query.sort:
        return table
    column, order = query.sort.removeprefix("-"), "ascending"
    if query.sort.startswith("-"):
        order = "descending"
    keys = [(column, order)]
    return table.take(pc.sort_indices(table, sort_keys=keys))


def _numbers(table: pa.Table, name: str) -> pa.ChunkedArray:
    kind = table.schema.field(name).type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return table[name]
    raise SpecError(f"{name} is no column of numbers", allowed="q, or the column's own value")


def _containing(table: pa.Table, text: str) -> pa.ChunkedArray:
    found_in = pa.chunked_array([pa.repeat(pa.scalar(False), table.num_rows)])
    for name in table.schema.names:
        if pa.types.is_string(table.schema.field(name).type):
            match = pc.match_substring(table[name], text, ignore_case=True)
            found_in = pc.or_(found_in, pc.fill_null(match, False))
    return found_in


@dataclass(frozen=True)
class Rows:
    """One page of a table's rows."""

    query: TableQuery
    schema: pa.Schema
    rows: Sequence[Mapping[str, object]]
    total: int
    """Rows of the whole table."""
    matched: int
    """Rows that the query asks for, over all pages."""

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.matched // self.query.rows))

    @property
    def first(self) -> int:
        """The number of the first row shown, from 1; 0 where none is shown."""
        return (self.query.page - 1) * self.query.rows + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """The number of the last row shown; 0 where none is shown."""
        return self.first + len(self.rows) - 1 if self.rows else 0


def page_of(table: pa.Table, query: TableQuery) -> Rows:
    """Return the page of a table that a query asks for; beyond the last page the last."""
    matching = selected(table, query)
    pages = max(1, -(-matching.num_rows // query.rows))
    query = query.at(min(query.page, pages))
    rows = matching.slice((query.page - 1) * query.rows, query.rows).to_pylist()
    return Rows(query, table.schema, rows, table.num_rows, matching.num_rows)
