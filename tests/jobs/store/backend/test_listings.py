"""Listings with sizes and ages, and fsck and gc over them, on each back end."""

from datetime import UTC, datetime, timedelta

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import Files
from compound.jobs.store.backend.open_files import files_at
from compound.jobs.store.backend.s3_heartbeat import age_of
from compound.jobs.store.checking.gc import Retention
from compound.schemas.architecture import Coefficients
from compound.schemas.job import Event
from compound.schemas.recipe import Keep
from tests.support.store_crashes import found_in
from tests.support.store_samples import JOB, result, train, whole


@pytest.fixture
def files(uri: str) -> Files:
    return files_at(uri)[0]


def test_entries_have_keys_sizes_and_ages(files: Files) -> None:
    files.put({"a/b/one": b"1", "a/two": b"22", "three": b"333"})
    deep = [*files.entries("a")]
    assert [(entry.key, entry.size) for entry in deep] == [("a/b/one", 1), ("a/two", 2)]
    assert all(0 <= entry.age < 600 for entry in deep), "by the clock of the place"
    assert [entry.key for entry in files.entries("a", deep=False)] == ["a/two"]
    assert [entry.key for entry in files.entries("")] == ["a/b/one", "a/two", "three"]
    assert [entry.key for entry in files.entries("", deep=False)] == ["three"]
    assert files.names("") == ["a", "three"] and [*files.entries("none")] == []


def test_fsck_and_gc(uri: str, files: Files) -> None:
    store = ArtifactStore.open(uri)
    with store.writer(JOB) as writer:
        train(writer, 1, 2)
        assert found_in(files) == [], "while it is written, with a sign of life beside it"
    study = store.study("s")
    with study.lease({}):
        study.write("plan.json", Coefficients())
        study.append_event(Event(kind="started", job=JOB.id))
        assert found_in(files) == [], "while its driver lives"
    attempt = next(key for key in files.walk("jobs") if "claim" in key).rpartition("/")[0]
    files.put({f"{attempt}/epoch-0009-0123abcd/model.safetensors": b"left", "notes.txt": b"mine"})
    assert {entry.problem for entry in found_in(files, delete=True)} == {"orphan", "foreign"}
    assert [entry.problem for entry in found_in(files)] == ["foreign"]
    with store.writer(JOB) as writer:
        assert whole(writer.resume(), 2)
        train(writer, 3)
        writer.finish(result(3, 2))
    pruning = store.prune(JOB.id, Retention(Keep(last=1)), dry=False)
    assert pruning.outcome == "done" and len(pruning.dropped) == 1
    assert [(entry.problem, entry.key) for entry in found_in(files)] == [("foreign", "notes.txt")]
    assert whole(store.checkpoint(JOB.id), 3) and files.read("notes.txt") == b"mine"


def test_what_was_written_within_this_second_is_not_of_the_future() -> None:
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 23 Nov 2026 20:00:00 GMT"}}}
    for second, age in ((1, 0), (0, 0), (-5, 5)):
        written = datetime(2026, 11, 23, 20, tzinfo=UTC) + timedelta(seconds=second)
        assert age_of(answer, written) == age
