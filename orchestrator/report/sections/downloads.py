"""The rows of a study inside its page, packed: the browser makes a CSV of them."""

import gzip
import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from compound.jobs.wording.printable import printable
from compound.orchestrator.report.inputs import ReportInputs, all_jobs
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.job import EpochRow
from compound.schemas.plan import PlannedJob

MOST_CHARACTERS = 400_000
"""Of the packed rows: with plotly.js and figures a page stays below 2 MB."""
DIGITS = 7
HEADS = ("job", "name", "phase", "phi", "seed", "epoch", "step")

Row = tuple[str, PlannedJob, EpochRow]


@dataclass(frozen=True)
class PackedRows:
    """Rows as base64 of gzip of JSON: `columns` and `values`, a list for each column."""

    count: int
    packed: str
    note: str = ""
    """What was left out; "" where all rows are in it."""


def packed_rows(inputs: ReportInputs) -> PackedRows:
    """Return the rows of every epoch; where they are too many, the last of every job."""
    rows = [(job, plan, row) for job, plan in all_jobs(inputs) for row in inputs.rows.get(job, ())]
    packed = _packed(rows)
    if len(packed) <= MOST_CHARACTERS:
        return PackedRows(len(rows), packed)
    last = [*{job: (job, plan, row) for job, plan, row in rows}.values()]
    whole = command("metrics", (inputs.spec.name,), csv="rows.csv")
    note = (
        f"The rows of all {counted(len(rows), 'epoch')} are too many for a page: the CSV has the "
        f"last row of each job. {whole} writes all."
    )
    return PackedRows(len(last), _packed(last), note)


def _packed(rows: Sequence[Row]) -> str:
    names = sorted({name for _, _, row in rows for name in row.metrics})
    values = [_row(*row, names) for row in rows]
    table = {"columns": [*HEADS, *map(printable, names)], "values": [*zip(*values, strict=True)]}
    # Without the time in its head, the same rows give the same page.
    squeezed = gzip.compress(json.dumps(table, allow_nan=False).encode(), mtime=0)
    return b64encode(squeezed).decode()


def _row(job: str, planned: PlannedJob, row: EpochRow, names: Sequence[str]) -> list[Any]:
    label = printable(planned.request.label)
    metrics = [_short(row.metrics.get(name)) for name in names]
    seed = planned.request.job.seed
    return [job, label, planned.phase, planned.phi, seed, row.epoch, row.step, *metrics]


def _short(value: float | None) -> float | None:
    # JSON has no NaN, and no infinity.
    return None if value is None or not isfinite(value) else float(f"{value:.{DIGITS}g}")
