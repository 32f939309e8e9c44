"""Predictions in the store: committed with a job's end, checked, kept by gc, small and quick."""

from pathlib import Path

import numpy as np
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.checking.findings import Finding, FindingCounts
from compound.jobs.store.checking.fsck import CheckOptions
from compound.jobs.store.checking.gc import Retention
from compound.jobs.store.format.predictions import Predictions, decoded, encoded
from compound.schemas.recipe import Keep
from tests.support.store_samples import JOB, files_of, predictions, result, train

KEPT = predictions(40)
PART, WEIGHTS = "a" * 16, "b" * 16


@pytest.fixture
def store(uri: str) -> ArtifactStore:
    """A store on each back end in turn, with one job that is done, and was evaluated."""
    return filled(uri)


@pytest.fixture
def on_disk(tmp_path: Path) -> ArtifactStore:
    """The same on a disk, where the test changes files."""
    return filled(str(tmp_path / "store"))


def filled(uri: str) -> ArtifactStore:
    store = ArtifactStore.open(uri)
    with store.writer(JOB) as writer:
        train(writer, 1, 2)
        writer.finish(result(2), KEPT)
    store.test_predictions(JOB.id).keep(PART, WEIGHTS, KEPT)
    return store


def same(read: Predictions | None) -> bool:
    assert read is not None
    return all(np.array_equal(*pair) for pair in zip(read, KEPT, strict=True))


def problems(store: ArtifactStore) -> list[Finding]:
    options = CheckOptions(older_than=0)
    return [*store.check(store.jobs(), [], FindingCounts(), options)]


def test_they_are_read_as_they_were_written(store: ArtifactStore) -> None:
    assert same(store.predictions([JOB.id])[JOB.id])
    assert same(store.test_predictions(JOB.id).read(PART, WEIGHTS))
    assert store.test_predictions(JOB.id).read(PART, "c" * 16) is None
    assert KEPT.right.sum() == (KEPT.label == KEPT.predicted).sum()
    assert problems(store) == []
    assert store.audit(store.jobs(), []).damaged == ()


def test_gc_keeps_them(store: ArtifactStore) -> None:
    pruned = store.prune(JOB.id, Retention(Keep(last=1, best=0)), dry=False)
    assert pruned.outcome == "done"
    assert same(store.predictions([JOB.id])[JOB.id])
    assert same(store.test_predictions(JOB.id).read(PART, WEIGHTS))
    assert problems(store) == []


@pytest.mark.parametrize("pattern", ["predictions-*.parquet", "test-*.parquet"])
def test_a_damaged_file_is_reported_and_read_as_none(
    on_disk: ArtifactStore, pattern: str, caplog: pytest.LogCaptureFixture
) -> None:
    (file,) = files_of(on_disk, pattern)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    (finding,) = problems(on_disk)
    assert (finding.problem, finding.kind) == ("damaged", "predictions")
    assert "intervals leave the choice of images out" in finding.next_step
    assert len(on_disk.audit(on_disk.jobs(), []).damaged) == 1
    if pattern.startswith("test"):
        assert on_disk.test_predictions(JOB.id).read(PART, WEIGHTS) is None
    else:
        assert on_disk.predictions([JOB.id]) == {}
    assert "going on without its predictions" in caplog.text
    assert on_disk.result(JOB.id) == result(2), "nothing else depends on them"


def test_a_missing_file_is_reported(on_disk: ArtifactStore) -> None:
    files_of(on_disk, "predictions-*.parquet")[0].unlink()
    (finding,) = problems(on_disk)
    assert finding.problem == "missing"


def test_a_job_without_them_reads_as_before(tmp_path: Path) -> None:
    store = ArtifactStore.open(str(tmp_path / "old"))
    with store.writer(JOB) as writer:
        train(writer, 1)
        writer.finish(result(1))
    assert store.predictions([JOB.id]) == {}
    assert problems(store) == []


def test_fifty_thousand_images_of_a_thousand_classes_take_little_room() -> None:
    many = predictions(50_000, classes=1000)
    data = encoded(many)
    assert len(data) < 150_000
    read = decoded(data, "memory")
    assert all(np.array_equal(*pair) for pair in zip(read, many, strict=True))
