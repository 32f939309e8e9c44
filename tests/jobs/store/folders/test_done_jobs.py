"""The index of a study: what it saves, when it is written, and that nothing rests on it."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.done_jobs import DoneJobs
from compound.jobs.store.folders.job_folder import JobFolder
from compound.schemas.errors import StoreError
from tests.support.store_samples import job, result, row, save

IDS = [job(seed).id for seed in range(60)]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of thirty jobs that are done."""
    path = tmp_path_factory.mktemp("ended") / "runs"
    store = ArtifactStore.open(str(path))
    for seed in range(30):
        end(store, seed)
    return path


@pytest.fixture
def store(ended: Path, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open(str(shutil.copytree(ended, tmp_path / "runs")))


def end(store: ArtifactStore, seed: int, status: str = "done") -> None:
    with store.writer(job(seed)) as writer:
        writer.log(row(1, of=job(seed)))
        save(writer, 1)
        ended = result(1, of=job(seed), status=status)
        writer.finish(ended.model_copy(update={"metrics": {"validation_accuracy": 0.1}}))


def indexed(store: ArtifactStore) -> DoneJobs:
    index = store.study("small").done_jobs
    index.add(ended for id_ in IDS if (ended := store.ended(id_)))
    index.write()
    return index


def test_what_is_known_is_what_the_jobs_say_without_opening_them(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(store, 30, "failed")
    states, results = store.states(IDS), store.results(IDS)
    indexed(store)
    indexed_store, opened = store.knowing("small"), []
    newest = JobFolder.newest
    monkeypatch.setattr(
        JobFolder, "newest", lambda self, **limits: opened.append(self.id) or newest(self, **limits)
    )
    assert indexed_store.states(IDS) == states and opened == [job(30).id]
    assert indexed_store.results(IDS) == results and opened == [job(30).id] * 2
    assert list(states) == IDS and states[job(59).id].status == "absent"


def test_any_tool_reads_it(store: ArtifactStore) -> None:
    indexed(store)
    (path,) = Path(store.uri, "studies/small").glob("jobs-*.parquet")
    table = pq.read_table(path)
    assert sorted(table["job"].to_pylist()) == sorted(IDS[:30])
    assert dict(table["metrics"][0].as_py())["validation_accuracy"] == 0.1


def test_it_is_written_as_it_grows_and_one_file_is_left(store: ArtifactStore) -> None:
    index, counts = store.study("small").done_jobs, []
    for id_ in IDS[:30]:
        index.add([store.ended(id_)])
        counts.append(len(store.study("small").done_jobs.read()))
    assert counts == sorted(counts) and 10 < len(set(counts)) < 25
    index.write()
    assert len(index.names()) == 1 and store.study("small").done_jobs.read().keys() == {*IDS[:30]}
    before = index.names()
    index.write()
    assert index.names() == before


def test_a_later_driver_keeps_what_was_there(store: ArtifactStore) -> None:
    for some in (IDS[:10], IDS[5:20], IDS[20:30], []):
        index = store.study("small").done_jobs
        index.add(store.ended(id_) for id_ in some)
        index.write()
    assert store.study("small").done_jobs.read().keys() == {*IDS[:30]}
    shutil.rmtree(Path(store.uri, "jobs", IDS[3]))
    damaged = store.audit([], ["small"]).damaged
    (problem,) = [damage.problem for damage in damaged if damage.owner == IDS[3]]
    assert "missing" in problem


@pytest.mark.parametrize("offset", [0, 100, -1, -6, -60])
def test_a_flipped_bit_is_found_and_the_jobs_are_read(
    store: ArtifactStore, offset: int, caplog: pytest.LogCaptureFixture
) -> None:
    results = store.results(IDS)
    indexed(store)
    (path,) = Path(store.uri, "studies/small").glob("jobs-*.parquet")
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.write_bytes(data)
    assert store.knowing("small").results(IDS) == results
    assert "hash is not the one in its name" in caplog.text


def test_a_job_whose_folder_is_gone_is_not_done(store: ArtifactStore) -> None:
    indexed(store)
    shutil.rmtree(Path(store.uri, "jobs", IDS[0]))
    assert store.knowing("small").state(IDS[0]).status == "absent"
    assert store.knowing("small").results(IDS[:2]).keys() == {IDS[1]}


def test_a_store_without_one_reads_the_jobs(store: ArtifactStore) -> None:
    assert store.knowing("never-run").results(IDS) == store.results(IDS)
    with pytest.raises(StoreError):
        store.knowing("../x")
