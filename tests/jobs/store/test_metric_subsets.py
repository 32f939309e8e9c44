"""Reading some metrics of jobs: what is left out, and that damage is made up for as ever."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from tests.support.store_samples import JOB, job, log, result, row, save


@pytest.fixture
def filled(store: str) -> ArtifactStore:
    """One job that has ended, and one that has sealed rows and a tail."""
    opened = ArtifactStore.open(store)
    with opened.writer(JOB) as writer:
        log(writer, 1, 2, 3)
        writer.finish(result(3))
    with opened.writer(job(1)) as writer:
        writer.log(row(1, of=job(1)))
        save(writer, 1)
        writer.log(row(2, of=job(1)))
    return opened


def test_some_metrics_are_the_lines_of_all(filled: ArtifactStore) -> None:
    jobs = [JOB.id, job(1).id, job(2).id]
    every = filled.metrics(jobs)
    for names in (["train_loss"], ["train_loss", "validation_accuracy"], ["none"], []):
        expected = every.filter(pc.is_in(every["name"], pa.array(names, pa.string())))
        assert filled.metrics(jobs, names).equals(expected)
    assert every.num_rows == 10


def test_a_damaged_part_is_made_up_from_the_stream(filled: ArtifactStore) -> None:
    before = filled.metrics([job(1).id], ["train_loss"])
    (part,) = Path(filled.uri, "jobs", job(1).id).glob("attempt-*/rows-*.parquet")
    part.write_bytes(part.read_bytes()[:-9])
    assert filled.metrics([job(1).id], ["train_loss"]).equals(before) and before.num_rows == 2
