"""Rows of jobs are read when they are asked for, and once."""

from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.stored_rows import StoredRows
from compound.schemas.job import EpochRow, JobResult
from tests.support.requests import MakeRequest


def test_rows_are_read_once(tmp_path: Path, make_request: MakeRequest) -> None:
    store, job = ArtifactStore.open(str(tmp_path)), make_request(0).job
    with store.writer(job) as writer:
        writer.resume()
        fields = {"job": job.id, "attempt": writer.attempt, "metrics": {"validation_accuracy": 0.5}}
        writer.log(EpochRow(epoch=1, step=1, wall_time=0.0, **fields))
        writer.finish(JobResult(status="done", epochs=1, **fields))
    rows = StoredRows(store, [job.id, "0" * 16])
    assert [row.epoch for row in rows[job.id]] == [1] and rows[job.id] is rows[job.id]
    assert list(rows) == [job.id, "0" * 16] and len(rows) == 2
    assert list(rows["0" * 16]) == [] and list(rows.get("f" * 16, ())) == []
    with pytest.raises(KeyError):
        rows["f" * 16]
