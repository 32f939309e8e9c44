"""Retention: ended jobs lose the checkpoints that nothing reads, whole or not at all."""

from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.checking.findings import FindingCounts
from compound.jobs.store.checking.fsck import Options
from compound.jobs.store.checking.gc import Pruning, Wanted
from compound.jobs.store.folders.job_folder import JobFolder
from compound.jobs.store.format.manifest import Manifest
from compound.jobs.store.writing.job_writer import JobWriter
from compound.schemas.errors import StoreError
from compound.schemas.recipe import Keep, Recipe
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    job,
    result,
    row,
    scored,
    train,
    whole,
)

SCORES = (0.2, 0.9, 0.3, 0.8, 0.1)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A job that has ended, with the checkpoints of all five epochs."""
    store = ArtifactStore.open(str(tmp_path / "runs"))
    all_kept = JOB.model_copy(update={"recipe": Recipe.model_validate({"keep": {"last": 9}})})
    assert all_kept.id == JOB.id
    with store.writer(all_kept) as writer:
        for epoch, score in enumerate(SCORES, 1):
            scored(writer, epoch, score)
        writer.finish(result(5))
    return store


def manifest(store: ArtifactStore) -> Manifest:
    found = JobFolder(LocalFiles(store.uri), JOB.id).newest()
    assert found
    return found


def epochs(store: ArtifactStore) -> list[int]:
    """Return the epochs of the checkpoints that the job's manifest names; all must be there."""
    stored = manifest(store).checkpoints
    for one in stored:
        assert all(Path(store.uri, file.key).exists() for file in one.files.values())
    return [one.epoch for one in stored]


def clean(store: ArtifactStore) -> bool:
    return not [*store.check(store.jobs(), [], FindingCounts(), Options(older_than=0))]


def prune(store: ArtifactStore, last: int = 1, best: int = 1) -> Pruning:
    return store.prune(JOB.id, Wanted(Keep(last=last, best=best)), dry=False)


def test_a_dry_run_only_tells(store: ArtifactStore) -> None:
    before = {path: path.read_bytes() for path in files_of(store, "*")}
    told = store.prune(JOB.id, Wanted(Keep(last=2, best=1)), dry=True)
    assert [name.split("/")[-1][:10] for name in told.dropped] == ["epoch-0001", "epoch-0003"]
    assert len(told.kept) == 3 and told.outcome == "planned" and told.bytes > 800
    assert {path: path.read_bytes() for path in files_of(store, "*")} == before


@pytest.mark.parametrize(
    ("last", "best", "left"),
    [(1, 0, [5]), (1, 1, [2, 5]), (2, 1, [2, 4, 5]), (1, 2, [2, 4, 5]), (9, 0, [1, 2, 3, 4, 5])],
)
def test_what_a_policy_keeps(store: ArtifactStore, last: int, best: int, left: list[int]) -> None:
    state, rows = store.state(JOB.id), store.rows(JOB.id)
    told = prune(store, last, best)
    assert told.outcome == ("done" if len(left) < 5 else "planned")
    assert epochs(store) == left and clean(store)
    assert len(files_of(store, "model.safetensors")) == len(left)
    assert len(files_of(store, "manifest-*")) == 2 and files_of(store, "claim.json") == []
    assert store.state(JOB.id) == state and store.rows(JOB.id) == rows
    assert store.result(JOB.id) == result(5) and whole(store.checkpoint(JOB.id), 5)


def test_export_and_longer_schedules_find_what_they_read(store: ArtifactStore) -> None:
    prune(store)
    best = store.checkpoint(JOB.id, best=True)
    assert best and best.epoch == 2
    longer = job(7)
    with store.writer(longer) as writer:
        assert whole(writer.resume(continues=JOB.id), 5)
        writer.log(row(6, of=longer))
    assert [one.epoch for one in store.rows(longer.id)] == [1, 2, 3, 4, 5, 6]


def test_all_may_go_but_the_needed(store: ArtifactStore) -> None:
    third = manifest(store).checkpoints[2].folder
    told = store.prune(JOB.id, Wanted(None, (third,)), dry=False)
    assert told.kept == (third,) and epochs(store) == [3] and clean(store)
    store.prune(JOB.id, Wanted(None), dry=False)
    assert epochs(store) == [] and store.checkpoint(JOB.id) is None and clean(store)
    assert epochs_of(store) == [1, 2, 3, 4, 5] and store.result(JOB.id) == result(5)


def test_again_and_again(store: ArtifactStore) -> None:
    prune(store, 3, 0), prune(store, 2, 0)
    assert prune(store, 1, 0).outcome == "done" and prune(store, 1, 0).outcome == "planned"
    assert epochs(store) == [5] and clean(store)
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 5)
        assert [one.pid for one in store.state(JOB.id).attempts] == 2 * [store.state(JOB.id).pid]
        train(writer, 6)
    assert epochs_of(store) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_what_may_go_on_keeps_all(store: ArtifactStore, status: str) -> None:
    with store.writer(JOB) as writer:
        writer.resume()
        writer.finish(result(5, 2, status=status))
    assert "may go on" in prune(store).reason and epochs(store) == [1, 2, 3, 4, 5]


def test_a_job_at_work_keeps_all(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        assert "may have just begun" in prune(store, 2).reason
        assert whole(writer.resume(), 5)
        assert prune(store).reason == "it has not ended"
    assert prune(store).reason == "it has not ended"
    assert store.prune(job(9).id, Wanted(None), dry=False).reason == "it has not ended"


def test_nothing_goes_for_a_checkpoint_that_is_damaged(store: ArtifactStore) -> None:
    path = files_of(store, "epoch-0005-*/model.safetensors")[0]
    path.write_bytes(path.read_bytes()[:-1])
    assert "epoch-0005" in prune(store).reason
    assert epochs(store) == [1, 2, 3, 4, 5] and files_of(store, "claim.json") == []
    assert whole(store.checkpoint(JOB.id), 4)


class Crowded(LocalFiles):
    """Files on which another writer begins between the commit and the last look for one."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.successor: JobWriter | None = None

    def put(self, files: object) -> None:
        super().put(files)
        if len([key for key in files if "/manifest-" in key]) == 2 and not self.successor:
            self.successor = JobWriter(JobFolder(LocalFiles(self.root), JOB.id), JOB)


def test_a_writer_that_begins_meanwhile_loses_nothing(store: ArtifactStore) -> None:
    crowded = Crowded(store.uri)
    with pytest.raises(StoreError, match="taken over by attempt-0003"):
        ArtifactStore(crowded, store.uri).prune(JOB.id, Wanted(Keep(last=1)), dry=False)
    assert len(files_of(store, "model.safetensors")) == 5, "whoever has lost deletes nothing"
    writer = crowded.successor
    assert writer and whole(writer.resume(), 5)
    scored(writer, 6, 0.5)
    writer.finish(result(6, 3))
    assert epochs_of(store) == [1, 2, 3, 4, 5, 6] and clean(store)
