"""A local disk that fails, fills up or loses power at its N-th call."""

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
from compound.jobs.store.backend import local_folders
from compound.schemas.errors import StoreError
from tests.support.back_ends import sizes
from tests.support.store_samples import (
    JOB,
    epochs_of,
    files_of,
    log,
    result,
    row,
    save,
    whole,
)

EPOCHS = 4


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
            patch.setattr(local_folders, "os", disk)
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
