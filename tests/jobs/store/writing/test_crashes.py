"""A crash at every change of commit, claim, retention, deletion and repair, wherever files lie."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend.files import Files
from compound.jobs.store.backend.local_files import LocalFiles
from compound.jobs.store.checking.findings import FindingCounts
from compound.jobs.store.checking.fsck import Options
from compound.jobs.store.checking.gc import Wanted
from compound.schemas.architecture import Coefficients
from compound.schemas.job import Event
from compound.schemas.recipe import Keep, Recipe
from tests.support.back_ends import MANY_TIMES
from tests.support.faulty_disk import EVERY, Progress, check_and_finish, faulty
from tests.support.faulty_disk import whole_job as on_a_disk
from tests.support.store_crashes import Open, deaths, found_in, no_worse_than_orphans, under
from tests.support.store_samples import JOB, log, result, save, train, whole
from tests.support.store_samples import scored as log_and_save

KEEPING = JOB.model_copy(update={"recipe": Recipe.model_validate({"keep": {"last": 9}})})
"""The same job, with all of its checkpoints kept."""


@pytest.fixture(params=MANY_TIMES)
def open_(request: pytest.FixtureRequest, place_on: Callable[[str], str]) -> Open:
    """Opens files of a name, on each back end in turn."""
    return under(place_on(request.param))


pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def store_of(files: Files) -> ArtifactStore:
    return ArtifactStore(files, files.locate("store.json").rpartition("/")[0])


def nothing(files: Files) -> None:
    """Begin with an empty store."""


def begun(files: Files) -> None:
    """A job whose first attempt was killed, with a row after its last checkpoint."""
    with store_of(files).writer(JOB) as writer:
        train(writer, 1, 2)
        log(writer, 3)


def ended(files: Files) -> None:
    """A job that has ended, with four checkpoints and two attempts."""
    for first, last in ((1, 2), (3, 4)):
        with store_of(files).writer(KEEPING) as writer:
            writer.resume()
            train(writer, *range(first, last + 1))
            if last == 4:
                writer.finish(result(4, 2))


def whole_job(files: Files, progress: Progress) -> None:
    with store_of(files).writer(JOB) as writer:
        found = writer.resume()
        for epoch in range(found.epoch + 1 if found else 1, 5):
            progress.step("log", epoch, lambda epoch=epoch: log(writer, epoch))
            if epoch != 3:
                progress.step("save", epoch, lambda epoch=epoch: save(writer, epoch))
        progress.step("finish", 4, lambda: writer.finish(result(4, writer.attempt)))


def check_job(files: Files, progress: Progress) -> None:
    """Readers see what was acknowledged, and nothing that was not begun; a resume completes it."""
    store = store_of(files)
    epochs = [one.epoch for one in store.rows(JOB.id)]
    checkpoint = store.checkpoint(JOB.id)
    saved = checkpoint.epoch if checkpoint else 0
    assert epochs == list(range(1, len(epochs) + 1))
    assert progress.done.get("log", 0) <= len(epochs) <= progress.began.get("log", 0)
    assert progress.done.get("save", 0) <= saved <= progress.began.get("save", 0)
    assert checkpoint is None or whole(checkpoint, saved)
    assert store.result(JOB.id) or "finish" not in progress.done
    assert no_worse_than_orphans(files)
    again = [one.epoch for one in store.rows(JOB.id)]
    assert again == epochs, "what fsck deletes is not missed"
    if store.result(JOB.id) is None:
        whole_job(files, Progress())
    assert [one.epoch for one in store.rows(JOB.id)] == [1, 2, 3, 4]
    assert whole(store.checkpoint(JOB.id), 4)
    assert {one.problem for one in found_in(files)} <= {"single"}


@EVERY
@pytest.mark.parametrize("tears", [True, False])
def test_a_job(open_: Open, every: int, tears: bool) -> None:
    progress = Progress()

    def run(files: Files) -> None:
        progress.began.clear(), progress.done.clear()
        whole_job(files, progress)

    count = 0
    for files in deaths(open_, nothing, run, every, tears=tears):
        check_job(files, progress)
        count += 1
    assert count * every > 35


@EVERY
def test_a_second_attempt(open_: Open, every: int) -> None:
    progress = Progress()

    def run(files: Files) -> None:
        progress.began |= {"log": 3, "save": 2}
        progress.done |= {"log": 2, "save": 2}
        progress.began.pop("finish", None), progress.done.pop("finish", None)
        whole_job(files, progress)

    for files in deaths(open_, begun, run, every):
        check_job(files, progress)


def prune(files: Files) -> None:
    store_of(files).prune(JOB.id, Wanted(Keep(last=1, best=1)), dry=False)


def check_pruned(files: Files) -> None:
    """The job has all of its checkpoints or the kept ones, never some; gc again completes it."""
    store = store_of(files)
    told = store.prune(JOB.id, Wanted(Keep(last=1, best=1)), dry=True)
    assert (len(told.dropped), len(told.kept)) in ((2, 2), (0, 2)) or told.reason
    assert [one.epoch for one in store.rows(JOB.id)] == [1, 2, 3, 4]
    assert whole(store.checkpoint(JOB.id), 4) and store.result(JOB.id) == result(4, 2)
    assert no_worse_than_orphans(files)
    tidy(files)
    prune(files)
    assert len([key for key in files.walk("jobs") if key.endswith("model.safetensors")]) == 2
    assert whole(store.checkpoint(JOB.id), 4) and store.result(JOB.id) == result(4, 2)
    assert found_in(files) == []


def scored(files: Files) -> None:
    with store_of(files).writer(KEEPING) as writer:
        for epoch, score in enumerate((0.1, 0.9, 0.2, 0.3), 1):
            log_and_save(writer, epoch, score)
        writer.finish(result(4, 2))


@EVERY
def test_retention(open_: Open, every: int) -> None:
    count = 0
    for files in deaths(open_, scored, prune, every):
        check_pruned(files)
        count += 1
    assert count >= 10 // every


def littered(files: Files) -> None:
    """An ended job with what crashes leave: an attempt that never was, files without a name."""
    ended(files)
    store = store_of(files)
    attempt = f"jobs/{JOB.id}/attempt-0001-00000000"
    store.writer(JOB).close()
    orphans = ("rows-0001-0002-0123abcd.parquet", "epoch-0001-0123abcd/model.safetensors")
    files.put({f"{attempt}/{name}": b"left" for name in orphans})
    store.study("s").write("plan.json", Coefficients())


def tidy(files: Files) -> None:
    store = store_of(files)
    options = Options(delete=True, repair=True, older_than=0)
    list(store.check(store.jobs(), store.studies(), FindingCounts(), options))


def check_tidied(files: Files) -> None:
    store = store_of(files)
    assert [one.epoch for one in store.rows(JOB.id)] == [1, 2, 3, 4]
    assert whole(store.checkpoint(JOB.id), 4) and store.result(JOB.id) == result(4, 2)
    assert {one.problem for one in found_in(files)} <= {"orphan", "single"}
    tidy(files)
    assert found_in(files) == [] and whole(store.checkpoint(JOB.id), 4)


@EVERY
def test_deletion_of_orphans(open_: Open, every: int) -> None:
    count = 0
    for files in deaths(open_, littered, tidy, every):
        check_tidied(files)
        count += 1
    assert count == -(-3 // every)


def halved(files: Files) -> None:
    """An ended job without its record, and with one copy of its last commit."""
    ended(files)
    manifests = [key for key in files.walk("jobs") if "manifest" in key]
    files.delete([manifests[-1]])


@EVERY
def test_repair(open_: Open, every: int) -> None:
    for files in deaths(open_, halved, tidy, every):
        assert {one.problem for one in found_in(files)} == {"single"}
        check_tidied(files)


def documents(files: Files) -> None:
    store = store_of(files)
    study = store.study("s")
    with study.lease({}):
        for number in (1, 2):
            study.write("plan.json", Coefficients(alpha=number))
            study.append_event(Event(kind="started", job=JOB.id, message=str(number)))
            store.keep_trace(JOB.id, bytes([number]))


@EVERY
def test_documents_events_and_traces(open_: Open, every: int) -> None:
    count = 0
    for files in deaths(open_, nothing, documents, every):
        store = store_of(files)
        found = store.study("s").read("plan.json", Coefficients)
        assert found is None or found.alpha in (1, 2)
        events = [one.message for one in store.study("s").events()]
        assert events == ["1", "2"][: len(events)]
        assert no_worse_than_orphans(files)
        documents(files)
        assert store.study("s").read("plan.json", Coefficients).alpha == 2
        assert len(files.names("profiles")) == 1
        count += 1
    assert count >= 8 // every


SYSTEM_CALLS: dict[str, tuple[Callable[..., None], ...]] = {
    "gc": (scored, prune, check_pruned),
    "fsck": (littered, tidy, check_tidied),
    "repair": (halved, tidy, check_tidied),
}


@EVERY
@pytest.mark.parametrize("mode", ["crash", "power"])
@pytest.mark.parametrize("what", SYSTEM_CALLS)
def test_at_every_system_call_of_the_local_disk(
    tmp_path: Path, what: str, mode: str, every: int
) -> None:
    prepare, act, check = SYSTEM_CALLS[what]
    before = tmp_path / "before"
    prepare(LocalFiles(str(before)))

    def run(root: Path, progress: Progress) -> None:
        shutil.copytree(before, root)
        act(LocalFiles(str(root)))

    count = 0
    for root, _, _ in faulty(tmp_path, mode, run, every):
        check(LocalFiles(str(root)))
        count += 1
    assert count


@EVERY
@pytest.mark.parametrize(("mode", "kept"), [("crash", "log"), ("power", "save")])
def test_fsck_after_a_crash_at_every_system_call(
    tmp_path: Path, mode: str, kept: str, every: int
) -> None:
    for root, progress, _ in faulty(tmp_path, mode, on_a_disk, every):
        assert no_worse_than_orphans(LocalFiles(str(root)))
        check_and_finish(root, progress, kept)
