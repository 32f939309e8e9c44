"""What is put into the store comes out again, over attempts, as users and tools read it."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.format.rows import METRICS
from compound.schemas.errors import StoreError
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    job,
    keys_of,
    log,
    result,
    row,
    save,
    train,
    whole,
)


@pytest.fixture
def store(uri: str) -> ArtifactStore:
    """A store on each back end in turn."""
    return ArtifactStore.open(uri)


@pytest.fixture
def on_disk(tmp_path: Path) -> ArtifactStore:
    """A store whose files the test itself reads or writes."""
    return ArtifactStore.open(str(tmp_path / "runs"))


def test_an_unknown_job_is_absent(store: ArtifactStore) -> None:
    assert store.state(JOB.id).status == "absent"
    assert store.rows(JOB.id) == [] and store.job(JOB.id) is None
    assert store.result(JOB.id) is None and store.checkpoint(JOB.id) is None
    assert store.metrics([JOB.id]).num_rows == 0 and store.jobs() == []


def test_rows_are_visible_while_the_job_runs(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        assert writer.resume() is None
        for epoch in range(1, 6):
            log(writer, epoch)
            assert store.rows(JOB.id) == [row(e) for e in range(1, epoch + 1)]
            state = store.state(JOB.id)
            assert (state.status, state.epoch, state.attempt) == ("running", epoch, 1)
            assert state.metrics == row(epoch).metrics
            if epoch % 2 == 0:
                save(writer, epoch)
                assert store.state(JOB.id).epoch == epoch
    assert store.state(JOB.id).status == "stopped"


def test_a_finished_job_comes_back_whole(store: ArtifactStore) -> None:
    with store.writer(JOB, world_size=2) as writer:
        train(writer, 1, 2, 3)
        log(writer, 4)
        writer.finish(result(4))
    again = ArtifactStore.open(store.uri, create=False)
    assert again.jobs() == [JOB.id] and again.job(JOB.id) == JOB
    assert again.rows(JOB.id) == [row(epoch) for epoch in (1, 2, 3, 4)]
    assert again.results([JOB.id, job(1).id]) == {JOB.id: result(4)}
    assert again.state(JOB.id).status == "done" and again.state(JOB.id).epoch == 4
    assert whole(again.checkpoint(JOB.id), 3)


def test_any_parquet_reader_gets_each_row_of_ended_jobs_once(on_disk: ArtifactStore) -> None:
    for seed in range(3):
        with on_disk.writer(job(seed)) as writer:
            for epoch in (1, 2, 3):
                writer.log(row(epoch, of=job(seed)))
                save(writer, epoch)
            writer.finish(result(3, of=job(seed)))
    parts = files_of(on_disk, "*.parquet")
    table = ds.dataset([str(part) for part in parts]).to_table()
    ours = on_disk.metrics(on_disk.jobs())
    assert len(parts) == 3 and table.num_rows == ours.num_rows == 18
    assert ours.schema.equals(METRICS)
    assert table.sort_by([("job", "ascending"), ("seq", "ascending")]).equals(
        ours.sort_by([("job", "ascending"), ("seq", "ascending")])
    )
    assert files_of(on_disk, "live.arrows") == []


def test_the_live_stream_is_plain_arrow(on_disk: ArtifactStore) -> None:
    with on_disk.writer(JOB) as writer:
        log(writer, 1, 2)
        table = pa.ipc.open_stream(files_of(on_disk, "live.arrows")[0].read_bytes()).read_all()
    assert table["epoch"].to_pylist() == [1, 1, 2, 2]


def test_the_next_attempt_goes_on_and_later_epochs_of_the_first_are_void(
    store: ArtifactStore,
) -> None:
    with store.writer(JOB) as first:
        train(first, 1, 2)
        log(first, 3, 4, value=9)
    assert epochs_of(store) == [1, 2, 3, 4]
    with store.writer(JOB) as second:
        assert epochs_of(store) == [1, 2, 3, 4], "a claim alone changes nothing"
        assert whole(second.resume(), 2)
        assert epochs_of(store) == [1, 2] and store.state(JOB.id).epoch == 2
        train(second, 3)
        log(second, 4)
        assert store.rows(JOB.id) == [row(1), row(2), row(3, 2), row(4, 2)]
        second.finish(result(4, attempt=2))
    assert store.rows(JOB.id) == [row(1), row(2), row(3, 2), row(4, 2)]
    assert store.metrics([JOB.id])["seq"].to_pylist() == list(range(8))
    assert len(keys_of(store, "*.parquet")) == 1


def test_a_stopped_job_can_go_on(store: ArtifactStore) -> None:
    with store.writer(JOB) as first:
        train(first, 1, 2)
        first.finish(result(2, status="stopped"))
    assert store.state(JOB.id).status == "stopped"
    with store.writer(JOB) as second:
        assert whole(second.resume(), 2)
        assert store.state(JOB.id).status == "running" and store.result(JOB.id) is None
        train(second, 3)
        second.finish(result(3, attempt=2))
    assert epochs_of(store) == [1, 2, 3] and store.state(JOB.id).status == "done"


def test_a_job_without_checkpoint_starts_anew(store: ArtifactStore) -> None:
    with store.writer(JOB) as first:
        log(first, 1, 2, 3, value=9)
    with store.writer(JOB) as second:
        assert second.resume() is None
        assert epochs_of(store) == []
        log(second, 1)
    assert store.rows(JOB.id) == [row(1, 2)]


def test_finishing_without_resume_keeps_what_was_there(store: ArtifactStore) -> None:
    with store.writer(JOB) as first:
        train(first, 1, 2)
    with store.writer(JOB) as second:
        second.finish(result(2, attempt=2, status="failed"))
    assert epochs_of(store) == [1, 2] and whole(store.checkpoint(JOB.id), 2)


def test_a_zombie_is_refused_and_ignored(store: ArtifactStore) -> None:
    zombie = store.writer(JOB)
    train(zombie, 1)
    heir = store.writer(JOB)
    assert "taken over" in str(_error(lambda: train(zombie, 2)))
    assert whole(heir.resume(), 2), "what reached the store before the takeover counts"
    log(zombie, 3, 4, value=9)
    _error(lambda: save(zombie, 4))
    train(heir, 3)
    _error(lambda: zombie.finish(result(4)))
    assert store.rows(JOB.id) == [row(1), row(2), row(3, 2)]
    assert store.state(JOB.id).status == "running" and whole(store.checkpoint(JOB.id), 3)
    heir.finish(result(3, attempt=2))
    assert epochs_of(store) == [1, 2, 3] and store.result(JOB.id) == result(3, attempt=2)
    zombie.close()


def _error(call: object) -> StoreError:
    assert callable(call)
    with pytest.raises(StoreError) as caught:
        call()
    return caught.value


def test_only_two_checkpoints_are_kept(store: ArtifactStore) -> None:
    with store.writer(JOB) as writer:
        train(writer, *range(1, 9))
        assert len(keys_of(store, "model.safetensors")) == 2
        assert len(keys_of(store, "manifest-*")) == 2
        writer.finish(result(8))
    folders = {key.split("/")[-2].rsplit("-", 1)[0] for key in keys_of(store, "*.safetensors")}
    assert folders == {"epoch-0007", "epoch-0008"}


def test_a_long_job_has_few_parts(on_disk: ArtifactStore) -> None:
    with on_disk.writer(JOB) as writer:
        train(writer, *range(1, 65))
        assert len(files_of(on_disk, "*.parquet")) <= 12
        assert epochs_of(on_disk) == list(range(1, 65))


def test_two_jobs_do_not_mix(store: ArtifactStore) -> None:
    first, second = store.writer(JOB), store.writer(job(1))
    first.log(row(1)), second.log(row(1, of=job(1)))
    assert store.rows(job(1).id) == [row(1, of=job(1))]
    with pytest.raises(AssertionError):
        first.log(row(2, of=job(1)))
    first.close(), second.close()


def test_parts_carry_page_checksums_and_no_arrow_schema(on_disk: ArtifactStore) -> None:
    with on_disk.writer(JOB) as writer:
        train(writer, 1)
    part = files_of(on_disk, "*.parquet")[0]
    assert set(pq.read_metadata(part).metadata) == {b"compound.schema_version"}
    data = bytearray(part.read_bytes())
    values = pq.read_metadata(part).row_group(0).column(6)
    data[values.data_page_offset + values.total_compressed_size - 2] ^= 1
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(pa.BufferReader(bytes(data)), page_checksum_verification=True).read()


@pytest.mark.parametrize("uri", ["gs://x", "", "s3://b", "s3://key:secret@bucket/prefix"])
def test_other_kinds_of_store_are_refused(uri: str) -> None:
    text = str(_error(lambda: ArtifactStore.open(uri)))
    assert "not supported" in text and "secret@" not in text


def test_a_missing_store_is_named(tmp_path: Path) -> None:
    error = _error(lambda: ArtifactStore.open(str(tmp_path / "nothing"), create=False))
    assert str(tmp_path / "nothing") in str(error) and "compound run" in error.next_step
    assert not (tmp_path / "nothing").exists()


def test_a_file_in_place_of_the_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    error = _error(lambda: ArtifactStore.open(str(tmp_path / "file")))
    assert str(tmp_path / "file") in error.where and error.next_step


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a file system nobody can write")
def test_a_store_that_cannot_be_written_is_named() -> None:
    error = _error(lambda: ArtifactStore.open("/proc/self/runs"))
    assert "/proc/" in error.where and error.next_step


def test_a_relative_uri_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ArtifactStore.open("runs").uri == str(tmp_path / "runs")


def test_no_temporary_file_is_left(on_disk: ArtifactStore) -> None:
    with on_disk.writer(JOB) as writer:
        train(writer, 1, 2, 3)
        writer.finish(result(3))
    assert files_of(on_disk, ".*") == []


def test_foreign_files_disturb_nothing(on_disk: ArtifactStore) -> None:
    with on_disk.writer(JOB) as writer:
        train(writer, 1)
        folder = Path(on_disk.uri, "jobs", JOB.id)
        (attempt,) = folder.glob("attempt-0001-*")
        for name in (f"{attempt}/.x.tmp", f"{attempt}/notes.txt", "attempt-x", "README"):
            (folder / name).write_text("mine")
        (folder.parent / "other").mkdir()
        train(writer, 2)
        writer.finish(result(2))
    assert on_disk.jobs() == [JOB.id] and epochs_of(on_disk) == [1, 2]
    assert (attempt / "notes.txt").read_text() == "mine"


def test_reading_warns_of_nothing_in_a_sound_store(
    store: ArtifactStore, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), store.writer(JOB) as writer:
        train(writer, 1, 2)
        store.rows(JOB.id), store.checkpoint(JOB.id), store.state(JOB.id)
    assert caplog.records == []


def test_the_seam_and_the_study_folder_need_no_torch() -> None:
    code = (
        "import compound.jobs.store.folders.study_folder, "
        "compound.jobs.store.backend.local_files, sys; print({'torch'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
