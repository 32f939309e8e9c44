"""The columns of a DuckDB query as every format can write them: the rest of them as text."""

from collections.abc import Collection
from typing import Any

import pyarrow as pa

_PLAIN = {
    "boolean",
    *("tinyint", "smallint", "integer", "bigint", "hugeint"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
    *("float", "double", "decimal", "varchar", "blob", "enum", "null"),
    *("date", "time", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"),
    "timestamp with time zone",
}
"""Types that Arrow, Parquet, CSV and JSON have too; others would fail there, or lose a part."""
_NESTED = {"list", "array", "struct", "map"}


def fetched(relation: Any) -> tuple[pa.Table, list[str]]:
    """Return the rows of DuckDB's relation, and which columns are written as text, with types.

    These are of a type that no file format has, such as intervals, or hold a value that Python or
    Arrow has not, such as the year 290000.
    """
    names, types = list(relation.columns), list(relation.types)
    as_text = {number for number, kind in enumerate(types) if not _is_plain(kind)}
    rows = _selected(relation, names, as_text)
    unfit = {number for number, column in enumerate(rows.columns) if not _fits(column)}
    if unfit:
        as_text |= unfit
        rows = _selected(relation, names, as_text)
    return rows, [f"{names[number]} ({str(types[number])[:60]})" for number in sorted(as_text)]


def _is_plain(kind: Any) -> bool:
    if kind.id not in _NESTED:
        return kind.id in _PLAIN
    # The children of an array are its type and its length; Parquet has no struct without fields.
    parts = [child for _, child in kind.children if not isinstance(child, int)]
    return bool(parts) and all(map(_is_plain, parts))


def _selected(relation: Any, names: list[str], as_text: Collection[int]) -> pa.Table:
    """Fetch a relation's columns, some of them cast; by number, since names may repeat."""
    columns = [f"#{n + 1}" + "::varchar" * (n in as_text) for n in range(len(names))]
    rows: pa.Table = relation.project(", ".join(columns)).to_arrow_table()
    return rows.rename_columns(names)


def _fits(column: pa.ChunkedArray) -> bool:
    """Whether all values of a column can be converted to Python's."""
    if not (pa.types.is_temporal(column.type) or pa.types.is_nested(column.type)):
        return not pa.types.is_decimal(column.type) or _is_valid(column)
    try:
        column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        return False
    return _is_valid(column)


def _is_valid(column: pa.ChunkedArray) -> bool:
    try:
        column.validate(full=True)
    except pa.ArrowException:
        return False
    return True
