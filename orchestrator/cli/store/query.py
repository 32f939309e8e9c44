"""`compound query`: SQL over what a store knows, by DuckDB."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from compound.jobs.runtime.distribution import extra
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.cli.printing.output import note, note_lost
from compound.orchestrator.cli.printing.sql_columns import fetched
from compound.orchestrator.cli.printing.table_output import Format, emit
from compound.orchestrator.losses.read_tables import read_tables
from compound.orchestrator.records.arrow_tables import TABLES
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import closest
from compound.schemas.errors import SpecError, StoreError, after_check, end_with

EXAMPLE = "select * from jobs limit 5"


def query(sql: str, uri: str, studies: Sequence[str], format: Format, output: Path | None) -> None:
    """Print what a query finds; only the tables that it names are read.

    Ends with code 1 and warnings where the store has less than its studies have committed.
    Raises SpecError: the query is invalid, or DuckDB is not installed; StoreError: no such
    store or study.
    """
    store = ArtifactStore.open(uri, create=False)
    chosen = _existing(store, studies)
    tables, lost = read_tables(store, [name for name in TABLES if _in(sql, name)], chosen)
    note_lost(lost)
    try:
        rows = answer(sql, tables)
    except SpecError as error:
        error.next_step = error.next_step or command("query", (EXAMPLE,), store=uri)
        raise
    emit(rows, format, output)
    end_with(after_check(sound=not lost))


def _existing(store: ArtifactStore, studies: Sequence[str]) -> Sequence[str]:
    existing = sorted({*store.studies(), *store.studies(lost=True)})
    for study in studies:
        if study not in existing:
            problem = f"no study is called '{study}'{closest(study, existing)}"
            raise StoreError(problem, where=store.uri, allowed=", ".join(existing))
    return studies or existing


def _in(sql: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", sql, re.IGNORECASE) is not None


def answer(sql: str, tables: dict[str, pa.Table]) -> pa.Table:
    """Return what one query finds in tables; it reaches no file and no network.

    Raises SpecError: the query is invalid, or DuckDB is not installed.
    """
    duckdb = _duckdb()
    # The SQL is the user's, but a query should not read files or URLs by accident.
    with duckdb.connect(":memory:", config={"enable_external_access": False}) as connection:
        for name, rows in tables.items():
            connection.register(name, rows)
        try:
            _require_query(duckdb.extract_statements(sql), sql)
            rows, as_text = fetched(connection.sql(sql))
        except duckdb.Error as error:
            raise _refused(str(error).splitlines()[0], sql) from None
    for column in as_text:
        note(f"written as text: column {column}")
    return rows


def _require_query(statements: Sequence[Any], sql: str) -> None:
    """Refuse several statements, of which DuckDB answers the last, and any that is no query."""
    if len(statements) > 1:
        raise _refused(f"it has {len(statements)} statements, and may have one", sql)
    results = [kind.name for statement in statements for kind in statement.expected_result_type]
    if "QUERY_RESULT" not in results:
        raise _refused("it returns no rows", sql)


def _refused(why: str, sql: str) -> SpecError:
    return SpecError(
        f"invalid query: {why}",
        where=sql,
        allowed=f"the tables {', '.join(TABLES)}",
    )


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        problem = "queries need DuckDB, which is not installed"
        raise SpecError(problem, next_step=extra("query")) from None
    return duckdb
