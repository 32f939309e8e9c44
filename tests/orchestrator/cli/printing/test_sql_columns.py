"""Every value that DuckDB can return is printed and written, in every format."""

import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from compound.orchestrator.cli.printing.table_output import Format, emit
from compound.orchestrator.cli.store.query import answer
from compound.schemas.errors import SpecError

TYPES = duckdb.sql("select * from test_all_types()").columns
ODD = (
    "select max(to_timestamp(i)) - min(to_timestamp(i)) as took from range(9) t(i)",
    "select date '290000-01-01' a, date '0044-01-01 (BC)' b, timestamp '290000-01-01' c",
    "select union_value(a := 1) u",
    "select [date '290000-01-01'] as dates, {'a': interval 1 day} as lengths",
    "select 'infinity'::date d, '-infinity'::timestamp t, time '24:00:00' m",
    "select 170141183460469231731687303715884105727::hugeint h, 'nan'::double n",
    "select 1 as a, 2 as a, interval 1 day as a",
    "select uuid() u, '101'::bit b, 1::variant v, '\\xff'::blob x, null n",
)


def in_every_format(sql: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    formats: tuple[Format, ...] = ("table", "csv", "json", "parquet")
    for format in formats:
        output = None if format == "table" else folder / f"rows.{format}"
        emit(answer(sql, {}), format, output)
    lines = json.loads((folder / "rows.json").read_text())
    assert pq.ParquetFile(folder / "rows.parquet").metadata.num_rows == len(lines) > 0


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_every_format(f'select "{name}" from test_all_types()', tmp_path, capsys)


@pytest.mark.parametrize("sql", ODD)
def test_values_that_python_has_not_are_written(
    sql: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_every_format(sql, tmp_path, capsys)


def test_what_is_written_as_text_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    rows = answer("select interval 90 minute as took, 1 as n, date '2026-01-01' as day", {})
    assert rows.to_pylist()[0]["took"] == "01:30:00" and rows.to_pylist()[0]["n"] == 1
    assert capsys.readouterr().err == "written as text: column took (INTERVAL)\n"


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("select 1; select 2", "2 statements"),
        ("", "it returns no rows"),
        ("-- nothing", "it returns no rows"),
        ("set threads = 1", "it returns no rows"),
    ],
)
def test_a_query_is_a_single_statement_with_rows(sql: str, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        answer(sql, {})
