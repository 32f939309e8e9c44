"""Arrow tables for people and for programs: printed, or written to a file, in four formats."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from orchestrator.commands.output import note, print_json, print_table
from orchestrator.wording import counted
from schemas.errors import SpecError

_MOMENTS = ("wall_time", "updated")
"""Columns of seconds since 1970."""

Format = Literal["table", "csv", "json", "parquet"]


def emit(table: pa.Table, format: Format, output: Path | None, title: str = "") -> None:
    """Print a table, or write it to a file.

    Raises SpecError: the file cannot be written, or Parquet would go to a terminal.
    """
    if output is None:
        _print(table, format, title)
        return
    try:
        _write(table, format, output)
    except OSError as error:
        raise SpecError(f"cannot write: {error.strerror}", where=str(output)) from None
    note(f"{counted(table.num_rows, 'row')} in {output}")


def format_of(output: Path | None, default: Format) -> Format:
    """Return the format that a file's name stands for."""
    suffix = output.suffix.removeprefix(".") if output else ""
    return next((one for one in get_args(Format) if one == suffix), default)


def _print(table: pa.Table, format: Format, title: str) -> None:
    if format == "json":
        print_json(table.to_pylist(), indent=None)
    elif format == "csv":
        pyarrow.csv.write_csv(_flat(table), sys.stdout.buffer)
    elif format == "parquet":
        if sys.stdout.isatty():
            raise SpecError("Parquet is not for a terminal", next_step="add --output FILE.parquet")
        pyarrow.parquet.write_table(table, sys.stdout.buffer)
    else:
        signs = [">" if _is_number(field.type) else "" for field in table.schema]
        heads = [f"{sign}{name}" for sign, name in zip(signs, table.column_names, strict=True)]
        shown = [
            map(_moment if name in _MOMENTS else _cell, column.to_pylist())
            for name, column in zip(table.column_names, table.columns, strict=True)
        ]
        print_table(title, heads, [list(line) for line in zip(*shown, strict=True)])


def _write(table: pa.Table, format: Format, output: Path) -> None:
    if format == "parquet":
        pyarrow.parquet.write_table(table, output)
    elif format == "json":
        output.write_text(json.dumps(table.to_pylist(), default=str) + "\n")
    else:
        pyarrow.csv.write_csv(_flat(table), output)


def _flat(table: pa.Table) -> pa.Table:
    """Return the table with what CSV has no form for written as text."""
    for place, field in enumerate(table.schema):
        if pa.types.is_nested(field.type):
            texts = pa.array([_cell(value) for value in table.column(place).to_pylist()])
            table = table.set_column(place, field.name, texts)
    return table


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _moment(value: Any) -> str:
    """Show seconds since 1970 as people do; whatever else a query calls by that name, as it is."""
    try:
        return datetime.fromtimestamp(value).isoformat(" ", "seconds")
    except (TypeError, ValueError, OverflowError, OSError):
        return _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
