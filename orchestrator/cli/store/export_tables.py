"""A study's tables for other systems: `compound export --format parquet|delta`, and `metrics`."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet

from compound.jobs.runtime.distribution import extra
from compound.jobs.wording.os_errors import refused_as
from compound.orchestrator.cli.printing.named_study import find, opened
from compound.orchestrator.cli.printing.output import end_after, note, print_json, say
from compound.orchestrator.cli.printing.table_output import Format, emit, emit_parts
from compound.orchestrator.losses.read_tables import read_tables
from compound.orchestrator.losses.study_losses import StudyLosses
from compound.orchestrator.overview.study_status import StudyStatus
from compound.orchestrator.records.arrow_tables import (
    METRICS,
    TABLES,
    counted_by_job,
    metrics_in_parts,
    test,
)
from compound.orchestrator.wording.final_texts import final_lines
from compound.orchestrator.wording.numbers import counted
from compound.schemas.errors import SpecError

Write = Callable[[Path, str, pa.Table], None]


def export(
    study: str, folder: Path, format: Literal["parquet", "delta"], uri: str | None, *, as_json: bool
) -> None:
    """Write a study's tables into a folder, in place of what is there, of Delta as a new version.

    Raises StoreError: no such study; SpecError: the folder cannot be written, or `deltalake` is
    not installed.
    """
    write = _delta() if format == "delta" else _parquet
    store, study_documents = find(study, uri)
    tables, lost = read_tables(store, [*TABLES], [study_documents.record.spec.name])
    for name, rows in tables.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write(folder, name, rows)
        except OSError as error:
            raise refused_as(SpecError, "cannot write", folder, error) from None
    counts = {name: rows.num_rows for name, rows in tables.items()}
    if as_json:
        study_name = study_documents.record.spec.name
        print_json({"study": study_name, "folder": str(folder), "rows": counts, "missing": lost})
    else:
        for name, count in counts.items():
            say(f"wrote {folder / name}: {counted(count, 'row')}")
    end_after(lost)


def _parquet(folder: Path, name: str, table: pa.Table) -> None:
    pyarrow.parquet.write_table(table, folder / f"{name}.parquet")


def _delta() -> Write:
    try:
        from deltalake import write_deltalake
    except ImportError:
        problem = "Delta tables need the package deltalake, which is not installed"
        raise SpecError(problem, next_step=extra("delta")) from None

    def write(folder: Path, name: str, table: pa.Table) -> None:
        write_deltalake(str(folder / name), table, mode="overwrite")

    return write


def held_out_metrics(study: str, uri: str | None, format: Format, output: Path | None) -> None:
    """Print or write what was measured on the test part, and say where that is nothing."""
    store, stored = find(study, uri)
    lost = StudyLosses(store, stored.record.spec.name).documents
    emit(test(store, stored.record.spec.name, stored), format, output)
    if stored.test is None or not stored.test.scores or stored.test.outdated:
        for line in final_lines(stored.test):
            note(line)
    end_after(lost)


def metrics(study: str, uri: str | None, format: Format, output: Path | None) -> None:
    """Print or write the long table: one line a job, epoch and metric."""
    name, store = opened(study, uri)
    labels = {line.job: line.label for line in StudyStatus.of(store, name).planned}
    losses = StudyLosses(store, name)
    # What is known is read first: a study that runs only gains rows meanwhile.
    lost, jobs = losses.documents, losses.jobs(labels)
    parts, read = metrics_in_parts(store, name, labels), Counter[str]()
    emit_parts(METRICS, counted_by_job(parts, read), format, output)
    end_after([*lost, *losses.rows(jobs, read), *losses.files(jobs)])
