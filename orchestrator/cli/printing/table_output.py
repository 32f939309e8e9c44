"""Arrow tables for people and for programs: printed, or written to a file, in four formats."""

import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal, get_args

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from compound.jobs.regular_file import open_output
from compound.jobs.wording.os_errors import refused_as
from compound.jobs.wording.plain_streams import named
from compound.orchestrator.cli.printing.csv_cells import csv_table
from compound.orchestrator.cli.printing.output import is_terminal, note, print_table
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import SpecError

_MOMENTS = ("wall_time", "updated")
"""Columns of seconds since 1970."""
_KEEP = ("name", "value", "epoch", "label", "test_accuracy", "validation_accuracy")
"""Columns of the store's tables that a narrow terminal shows first."""
_SHORT = 32

Format = Literal["table", "csv", "json", "parquet"]


def emit(table: pa.Table, format: Format, output: Path | None, title: str = "") -> None:
    """Print a table, or write it to a file.

    Raises SpecError: the file cannot be written, or Parquet would go to a terminal.
    """
    emit_parts(table.schema, [table], format, output, title)


def emit_parts(
    schema: pa.Schema,
    parts: Iterable[pa.Table],
    format: Format,
    output: Path | None,
    title: str = "",
) -> None:
    """Print or write a table that comes in parts, of which only one need be in memory.

    What is shown as a table needs all of it, to know how wide its columns are; in a file it is CSV.
    Errors as of `emit`.
    """
    if output is None and format == "table":
        _show(pa.concat_tables([schema.empty_table(), *parts]), title)
    elif output is None:
        if format == "parquet" and is_terminal(sys.stdout):
            raise SpecError("Parquet is not for a terminal", next_step="add --output FILE.parquet")
        with named("stdout"):
            _send(schema, parts, format, sys.stdout.buffer)
            sys.stdout.buffer.flush()
    else:
        try:
            with _replacing(output) as sink:
                rows = _send(schema, parts, format, sink)
        except OSError as error:
            raise refused_as(SpecError, "cannot write", output, error) from None
        note(f"{counted(rows, 'row')} in {output}")


def format_of(output: Path | None, default: Format) -> Format:
    """Return the format by a file's suffix."""
    suffix = output.suffix.removeprefix(".") if output else ""
    return next((format for format in get_args(Format) if format == suffix), default)


@contextmanager
def _replacing(output: Path) -> Iterator[IO[bytes]]:
    """Open what takes the place of a file once it is complete; a pipe or a device as it is."""
    if output.exists() and not output.is_file():
        with open_output(output) as sink:
            yield sink
        return
    output = output.resolve()
    part = output.with_name(f".{output.name}.part")
    try:
        with part.open("wb") as sink:
            yield sink
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def _send(schema: pa.Schema, parts: Iterable[pa.Table], format: Format, sink: IO[bytes]) -> int:
    """Write all parts; return how many rows they had."""
    if format == "json":
        return _send_json(parts, sink)
    rows, texts = 0, format != "parquet"
    shape = csv_table(schema.empty_table(), _cell).schema if texts else schema
    kind = pyarrow.csv.CSVWriter if texts else pyarrow.parquet.ParquetWriter
    with kind(sink, shape) as writer:
        for part in parts:
            writer.write_table(csv_table(part, _cell) if texts else part)
            rows += part.num_rows
    return rows


def _send_json(parts: Iterable[pa.Table], sink: IO[bytes]) -> int:
    rows = 0
    sink.write(b"[")
    for part in parts:
        if part.num_rows:
            sink.write((", " * (rows > 0) + _json(part.to_pylist())[1:-1]).encode())
            rows += part.num_rows
    sink.write(b"]\n")
    return rows


def _json(value: Any) -> str:
    """Return JSON, which has no moments, bytes or infinities: text, and null."""
    try:
        return json.dumps(value, allow_nan=False, default=str)
    except ValueError:
        return json.dumps(_finite(value), default=str)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(table: pa.Table, title: str) -> None:
    columns = [[*column] for column in _cells(table)]
    pairs = zip(table.schema, columns, strict=True)
    heads = [f"{_sign(field.type, column)}{field.name}" for field, column in pairs]
    print_table(title, heads, zip(*columns, strict=True), _KEEP)


def _sign(kind: pa.DataType, column: Iterable[str]) -> str:
    """Return the sign of a column, see `Column`: short texts stay whole."""
    if _is_number(kind):
        return ">"
    return "~" if any(len(cell) > _SHORT for cell in column) else ""


def _cells(table: pa.Table) -> Iterator[Iterable[str]]:
    for name, column in zip(table.column_names, table.columns, strict=True):
        yield map(_moment if name in _MOMENTS else _cell, column.to_pylist())


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
