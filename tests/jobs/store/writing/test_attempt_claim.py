"""Who writes a job: attempts that begin at once, on listings that are fresh and that are stale."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import Content
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.manifest import Attempt
from compound.jobs.store.writing.job_writer import JobWriter
from compound.schemas.errors import StoreError
from tests.support.store_samples import JOB, epochs_of, log, result, row, save, train, whole


@pytest.fixture
def root(tmp_path: Path) -> str:
    return str(tmp_path / "runs")


class Stale(LocalFiles):
    """Files whose listings may be of an earlier time, as some object stores give them."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.seen: dict[str, list[str]] | None = None

    def names(self, folder: str) -> list[str]:
        names = super().names(folder)
        return names if self.seen is None else self.seen.setdefault(folder, names)


def test_attempts_that_begin_at_once_have_numbers_of_their_own(root: str) -> None:
    store = ArtifactStore.open(root)
    with ThreadPoolExecutor(16) as pool:
        writers = list(pool.map(lambda _: store.writer(JOB), range(48)))
    numbers = [writer.attempt for writer in writers]
    assert len(set(numbers)) == len(numbers)
    newest = max(writers, key=lambda writer: writer.attempt)
    train(newest, 1)
    for epoch, writer in enumerate(writers, start=1):
        if writer is not newest:
            with pytest.raises(StoreError, match="taken over by attempt-"):
                train(writer, epoch)
    assert store.rows(JOB.id) == [row(1, newest.attempt)]


def test_two_of_one_number_leave_each_other_whole(root: str) -> None:
    store, lagging = ArtifactStore.open(root), Stale(root)
    folder = JobFolder(lagging, JOB.id)
    lagging.seen = {}
    first = JobWriter(folder, JOB)
    lagging.seen = {folder.key: []}
    second = JobWriter(folder, JOB)
    assert first.attempt == second.attempt == 1
    low, high = sorted((first, second), key=lambda writer: writer._attempt)
    train(low, 1, 2)
    train(high, 1)
    assert epochs_of(store) == [1] and whole(store.checkpoint(JOB.id), 1)
    lagging.seen = None
    with pytest.raises(StoreError, match=f"taken over by {high._attempt.name}"):
        train(low, 3)
    log(high, 2)
    save(high, 2)
    high.finish(result(2))
    assert epochs_of(store) == [1, 2] and store.result(JOB.id) == result(2)


class Crowded(LocalFiles):
    """Files with which another attempt begins just after the last look for one."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.ended, self.successor = False, None

    def put(self, files: Mapping[str, Content]) -> None:
        super().put(files)
        self.ended = len([key for key in files if "/manifest-" in key]) == 2

    def names(self, folder: str) -> list[str]:
        names = super().names(folder)
        if self.ended and self.successor is None:
            self.successor = JobWriter(JobFolder(LocalFiles(self.root), JOB.id), JOB)
            log(self.successor, 3)
        return names


def test_an_end_leaves_alone_what_has_begun_since(root: str) -> None:
    store, crowded = ArtifactStore.open(root), Crowded(root)
    writer = JobWriter(JobFolder(crowded, JOB.id), JOB)
    train(writer, 1, 2)
    writer.finish(result(2))
    assert crowded.successor and crowded.successor.attempt == 2
    assert epochs_of(store) == [1, 2, 3] and store.state(JOB.id).status == "running"
    log(crowded.successor, 4)
    save(crowded.successor, 4)
    crowded.successor.finish(result(4, 2))
    assert epochs_of(store) == [1, 2, 3, 4]


def test_attempts_of_the_first_schema_come_first() -> None:
    old, new = Attempt(1), Attempt(1, "00000000")
    assert old.name == "attempt-0001" and new.name == "attempt-0001-00000000"
    assert old < new < Attempt(2) < Attempt(2, "ffffffff")
