"""A crash, a full disk and a power cut at every system call that changes the disk."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend import local_files as local
from compound.jobs.store.backend import local_folders
from compound.schemas.architecture import Coefficients
from compound.schemas.errors import StoreError
from compound.schemas.job import Event
from tests.support.disk_faults import (
    EPOCHS,
    EVERY,
    Disk,
    Progress,
    check_and_finish,
    faulty,
    whole_job,
)
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    log,
    result,
    save,
    save_later,
    train,
    whole,
)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a sync protects is modelled by Disk; the real one only takes time here."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def whole_job_in_the_background(root: Path, progress: Progress) -> None:
    """Train on while checkpoints are written; they count as acknowledged once they were waited for.

    Epochs are logged while the checkpoint of the one before is on its way.
    """
    store = ArtifactStore.open(str(root))
    with store.writer(JOB) as writer:
        checkpoint = writer.resume()
        for epoch in range(checkpoint.epoch + 1 if checkpoint else 1, EPOCHS + 1):
            progress.step("log", epoch, lambda epoch=epoch: log(writer, epoch))
            writer.wait()
            progress.done["save"] = progress.began.get("save", 0)
            progress.began["save"] = epoch
            save_later(writer, epoch)
        writer.wait()
        progress.done["save"] = EPOCHS
        progress.step("finish", EPOCHS, lambda: writer.finish(result(EPOCHS, writer.attempt)))


def calls_of_a_whole_job(tmp_path: Path) -> int:
    disk = Disk(-1, "crash")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local, "os", disk)
        patch.setattr(local_folders, "os", disk)
        whole_job(tmp_path / "counted", Progress())
    return disk.calls


@EVERY
@pytest.mark.parametrize(("mode", "durable"), [("crash", "log"), ("power", "save")])
def test_a_crash_at_every_call_leaves_the_old_or_the_new(
    tmp_path: Path, mode: str, durable: str, every: int, caplog: pytest.LogCaptureFixture
) -> None:
    count = 0
    for root, progress, disk in faulty(tmp_path, mode, whole_job, every):
        assert disk.dead
        check_and_finish(root, progress, durable)
        count += 1
    calls = calls_of_a_whole_job(tmp_path)
    assert count == -(-calls // every) and calls > 100
    assert "damaged" not in caplog.text or mode == "power"


@EVERY
@pytest.mark.parametrize(("mode", "durable"), [("crash", "log"), ("power", "save")])
def test_a_crash_at_every_call_while_a_thread_writes(
    tmp_path: Path, mode: str, durable: str, every: int
) -> None:
    count = 0
    for root, progress, _ in faulty(tmp_path, mode, whole_job_in_the_background, every):
        check_and_finish(root, progress, durable)
        count += 1
    assert count > 100 // every


@EVERY
def test_a_second_attempt_may_crash_anywhere_as_well(tmp_path: Path, every: int) -> None:
    before = tmp_path / "before"
    with ArtifactStore.open(str(before)).writer(JOB) as writer:
        train(writer, 1, 2)
        log(writer, 3)

    def resumed(root: Path, progress: Progress) -> None:
        progress.done |= {"log": 2, "save": 2}
        progress.began |= {"log": 3, "save": 2}
        whole_job(root, progress)

    def run(root: Path, progress: Progress) -> None:
        shutil.copytree(before, root)
        resumed(root, progress)

    for root, progress, _ in faulty(tmp_path, "power", run, every):
        check_and_finish(root, progress, "save")


@EVERY
def test_a_full_disk_at_every_call_is_told_and_can_be_tried_again(
    tmp_path: Path, every: int
) -> None:
    def patient(root: Path, progress: Progress) -> None:
        store = again(lambda: ArtifactStore.open(str(root)))
        writer = again(lambda: store.writer(JOB))
        try:
            writer.resume()
        except StoreError:
            writer.close()
            writer = store.writer(JOB)
        for epoch in range(1, EPOCHS + 1):
            again(lambda epoch=epoch: log(writer, epoch))
            again(lambda epoch=epoch: save(writer, epoch))
        try:
            writer.finish(result(EPOCHS, writer.attempt))
        except StoreError:
            assert store.result(JOB.id) or not writer.finish(result(EPOCHS, writer.attempt))
        writer.close()

    def again(call: Any) -> Any:
        try:
            return call()
        except StoreError as error:
            errors.append(error)
            return call()

    errors: list[StoreError] = []
    for root, _, _ in faulty(tmp_path, "full", patient, every):
        store = ArtifactStore.open(str(root))
        assert epochs_of(store) == [1, 2, 3, 4] and store.state(JOB.id).status == "done"
        assert whole(store.checkpoint(JOB.id), EPOCHS)
        assert files_of(store, ".*") == []
    assert len(errors) > 100 // every
    assert all("no space" in str(error) and error.where and error.next_step for error in errors)


@pytest.mark.parametrize("mode", ["crash", "power"])
def test_a_document_is_replaced_as_a_whole(tmp_path: Path, mode: str) -> None:
    old, new = Coefficients(alpha=1.1), Coefficients(alpha=1.2)

    def run(root: Path, progress: Progress) -> None:
        study = ArtifactStore.open(str(root)).study("s")
        progress.step("old", 1, lambda: study.write("plan.json", old))
        progress.step("new", 1, lambda: study.write("plan.json", new))

    for root, progress, _ in faulty(tmp_path, mode, run):
        document = ArtifactStore.open(str(root)).study("s").read("plan.json", Coefficients)
        allowed = [new] if progress.done.get("new") else [old, new]
        assert document in (allowed if progress.done.get("old") else [None, old])


@pytest.mark.parametrize(("mode", "durable"), [("crash", "told"), ("power", "ended")])
def test_what_a_driver_recorded_is_there(tmp_path: Path, mode: str, durable: str) -> None:
    """Events outlive a killed process, ends of jobs and documents a power cut as well."""
    ended = Event(kind="ended", job=JOB.id, result=result(1))

    def run(root: Path, progress: Progress) -> None:
        study = ArtifactStore.open(str(root)).study("s")
        with study.lease({}):
            progress.step("plan", 1, lambda: study.write("plan.json", Coefficients(alpha=1.1)))
            for number in (1, 3):
                started = Event(kind="started", job=JOB.id, message=str(number))
                progress.step("told", number, lambda event=started: study.append_event(event))
                progress.step("ended", number + 1, lambda: study.append_event(ended))
                progress.done["told"] = number + 1

    for root, progress, _ in faulty(tmp_path, mode, run):
        study = ArtifactStore.open(str(root)).study("s")
        assert study.read("plan.json", Coefficients) or not progress.done.get("plan")
        events = study.events()
        assert len(events) >= progress.done.get(durable, 0)
        kinds = ["started", "ended"] * 2
        assert [event.kind for event in events] == kinds[: len(events)]


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "no space"), (errno.EROFS, "read-only"), (errno.EACCES, "permission"),
     (errno.EDQUOT, "quota"), (errno.EIO, "read or write error"), (errno.EMFILE, "open files")],
)  # fmt: skip
def test_errors_of_the_disk_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, word: str
) -> None:
    store = ArtifactStore.open(str(tmp_path))

    def fail(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError, match=word) as caught:
        store.study("s").put_text("a.txt", "x")
    assert caught.value.where.startswith(str(tmp_path)) and caught.value.next_step
    assert files_of(store, ".*") == [] and files_of(store, "a.txt") == []
