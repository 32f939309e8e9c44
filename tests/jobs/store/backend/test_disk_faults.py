"""A crash, a full disk and a power cut at every system call that changes the disk."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.backend import local_files as local
from compound.schemas.architecture import Coefficients
from compound.schemas.errors import StoreError
from compound.schemas.job import Event
from tests.support.back_ends import sizes
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    log,
    result,
    row,
    save,
    save_later,
    train,
    whole,
)

EPOCHS = 4


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a sync protects is modelled by Disk; the real one only takes time here."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class Crash(BaseException):
    """The process is gone: nothing of ours runs after it."""


class Disk:
    """The `os` of the local files, which counts the calls that change the disk and fails one.

    `crash`: the process dies at that call, after half of the bytes if it is a write.
    `power`: it dies, and all that was not synced is gone: bytes, names, deletions.
    `full`: that one call finds no space; the process goes on.
    """

    COUNTED = ("open", "write", "pwrite", "fsync", "replace", "mkdir", "unlink", "rmdir")

    def __init__(self, fail_at: int, mode: str) -> None:
        self.fail_at, self.mode, self.calls, self.dead = fail_at, mode, 0, False
        self.handles: dict[int, str] = {}
        self.synced: dict[int, int] = {}
        self.unsynced: list[tuple[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return (lambda *arguments: self._call(name, *arguments)) if name in self.COUNTED else real

    def _call(self, name: str, *arguments: Any) -> Any:
        if self.dead:
            raise Crash
        if name != "open" or arguments[1] & os.O_CREAT:
            self.calls += 1
        if self.calls == self.fail_at and (name != "open" or arguments[1] & os.O_CREAT):
            if self.mode == "full":
                raise OSError(errno.ENOSPC, "No space left on device")
            self.dead = True
            if name == "write":
                os.write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
            raise Crash
        return getattr(self, f"_{name}", getattr(os, name))(*arguments)

    def _open(self, path: str, flags: int, mode: int = 0o666) -> int:
        new = flags & os.O_CREAT and not os.path.exists(path)
        handle = os.open(path, flags, mode)
        self.handles[handle] = path
        if new:
            self.synced[os.fstat(handle).st_ino] = 0
            self._undo_by(path, lambda: os.unlink(path))
        return handle

    def close(self, handle: int) -> None:
        if not self.dead:
            self.handles.pop(handle)
            os.close(handle)

    def _fsync(self, handle: int) -> None:
        path = self.handles[handle]
        if os.path.isdir(path):
            self.unsynced = [(folder, undo) for folder, undo in self.unsynced if folder != path]
        else:
            state = os.fstat(handle)
            self.synced[state.st_ino] = state.st_size

    def _undo_by(self, path: str, undo: Any) -> None:
        self.unsynced.append((os.path.dirname(path), undo))

    def _replace(self, source: str, target: str) -> None:
        old = Path(target).read_bytes() if os.path.exists(target) else None
        os.replace(source, target)

        def undo() -> None:
            os.rename(target, source)
            if old is not None:
                Path(target).write_bytes(old)

        self._undo_by(target, undo)

    def _mkdir(self, path: str) -> None:
        os.mkdir(path)
        self._undo_by(path, lambda: shutil.rmtree(path))

    def _unlink(self, path: str) -> None:
        state = os.stat(path)
        content = Path(path).read_bytes()[: self.synced.get(state.st_ino, state.st_size)]
        os.unlink(path)

        def undo() -> None:
            if os.path.isdir(os.path.dirname(path)):
                Path(path).write_bytes(content)

        self._undo_by(path, undo)

    def _rmdir(self, path: str) -> None:
        os.rmdir(path)
        self._undo_by(path, lambda: os.mkdir(path))

    def end(self, root: Path) -> None:
        """Let the kernel do what it does when a process, or the power, goes."""
        for handle in list(self.handles):
            os.close(handle)
        self.handles.clear()
        if self.mode == "power" and self.dead:
            self._cut_power(root)

    def _cut_power(self, root: Path) -> None:
        for path in root.rglob("*"):
            number = path.stat().st_ino
            if (
                path.is_file()
                and self.synced.get(number, path.stat().st_size) < path.stat().st_size
            ):
                os.truncate(path, self.synced[number])
        for _, undo in reversed(self.unsynced):
            undo()


class Progress:
    """What a driver began, and what the store acknowledged."""

    def __init__(self) -> None:
        self.began: dict[str, int] = {}
        self.done: dict[str, int] = {}

    def step(self, name: str, epoch: int, call: Any) -> None:
        self.began[name] = epoch
        call()
        self.done[name] = epoch


def whole_job(root: Path, progress: Progress) -> None:
    store = ArtifactStore.open(str(root))
    with store.writer(JOB) as writer:
        checkpoint = writer.resume()
        for epoch in range(checkpoint.epoch + 1 if checkpoint else 1, EPOCHS + 1):
            progress.step("log", epoch, lambda epoch=epoch: log(writer, epoch))
            if epoch != 3:
                progress.step("save", epoch, lambda epoch=epoch: save(writer, epoch))
        progress.step("finish", EPOCHS, lambda: writer.finish(result(EPOCHS, writer.attempt)))


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
        whole_job(tmp_path / "counted", Progress())
    return disk.calls


EVERY = sizes("every", commit=7, full=1)
"""Each call fails in the full size, each seventh on a commit."""


def faulty(
    tmp_path: Path, mode: str, run: Any, every: int = 1
) -> Iterator[tuple[Path, Progress, Disk]]:
    """Run for N after N with the N-th call failing, until a run gets through untouched."""
    number = 1 - every
    while True:
        number += every
        root, progress, disk = tmp_path / f"{mode}-{number}", Progress(), Disk(number, mode)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(local, "os", disk)
            with suppress(Crash, StoreError):
                run(root, progress)
        disk.end(root)
        if disk.calls < number:
            return
        yield root, progress, disk
        shutil.rmtree(root, ignore_errors=True)


def check_and_finish(root: Path, progress: Progress, durable: str) -> None:
    """Readers see what was acknowledged and nothing that was not begun; resume completes it."""
    store = ArtifactStore.open(str(root))
    epochs = epochs_of(store)
    assert epochs == list(range(1, len(epochs) + 1))
    assert progress.done.get(durable, 0) <= len(epochs) <= progress.began.get("log", 0)
    assert [stored.metrics for stored in store.rows(JOB.id)] == [row(e).metrics for e in epochs]
    checkpoint = store.checkpoint(JOB.id)
    saved = checkpoint.epoch if checkpoint else 0
    assert progress.done.get("save", 0) <= saved <= progress.began.get("save", 0)
    assert checkpoint is None or whole(checkpoint, saved)
    ended = store.result(JOB.id)
    assert ended is None or "finish" in progress.began
    assert ended == result(EPOCHS, store.state(JOB.id).attempt) or "finish" not in progress.done
    if ended is None:
        whole_job(root, Progress())
    assert epochs_of(store) == [1, 2, 3, 4] and store.state(JOB.id).status == "done"
    assert whole(store.checkpoint(JOB.id), EPOCHS)
    assert len(files_of(store, "*.parquet")) == 1 or ended, "an ended job is one part"


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
