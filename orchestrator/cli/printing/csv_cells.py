"""Cells of CSV as text: a spreadsheet computes none of them, a terminal obeys none of them."""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from compound.jobs.wording.printable import in_line

_SPACES = " \t\r\n\v\f\xa0\u1680\u2000-\u200b\u3000\ufeff"
_FORMULA = f"^[{_SPACES}]*[=+\\-@＝＋－＠]|^[\t\r\n]"
"""How a cell begins that spreadsheets compute, after spaces of any kind too, and in some locales by
full-width signs (owasp.org/www-community/attacks/CSV_Injection)."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def csv_table(table: pa.Table, text_of: Callable[[Any], str]) -> pa.Table:
    """Return a table whose texts and names of columns are `csv_cell`s; numbers stay numbers.

    `text_of`: writes a value that CSV has no form for, such as a list, as text.
    """
    names = [csv_cell(name) for name in table.column_names]
    columns = [_column(column, text_of) for column in table.columns]
    return pa.table(columns, names=names) if columns else table


def csv_cell(text: str) -> str:
    """Return text as a spreadsheet shows it and a terminal prints it.

    What a spreadsheet would compute begins with an apostrophe; a number is left as it is.
    """
    safe = in_line(text)
    if re.match(_FORMULA, text) and not _NUMBER.fullmatch(text):
        return f"'{safe}"
    return safe


def _column(column: pa.ChunkedArray, text_of: Callable[[Any], str]) -> pa.ChunkedArray:
    if _is_plain(column.type):
        return column
    if not _is_text(column.type):
        texts = [None if value is None else text_of(value) for value in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    # Most columns have nothing to change, and Arrow sees that much sooner than Python.
    column = column.cast(pa.string())
    fit = pc.and_(
        pc.utf8_is_printable(column), pc.invert(pc.match_substring_regex(column, _FORMULA))
    )
    if pc.all(fit, min_count=0).as_py():
        return column
    cells = [None if text is None else csv_cell(text) for text in column.to_pylist()]
    return pa.chunked_array([pa.array(cells, pa.string())])


def _is_plain(kind: pa.DataType) -> bool:
    """Whether all values of a type are written in digits, or as true and false."""
    kinds = pa.types
    return bool(
        kinds.is_integer(kind)
        or kinds.is_floating(kind)
        or kinds.is_decimal(kind)
        or kinds.is_boolean(kind)
        or kinds.is_temporal(kind)
        or kinds.is_null(kind)
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
