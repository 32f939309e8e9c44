"""The store's files on a local disk, or on a shared file system that acts like one."""

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from compound.jobs.regular_file import DOCUMENT_BYTES, check_regular, read_regular
from compound.jobs.store.backend.files import (
    Content,
    DamagedError,
    Entry,
    Files,
    Lock,
    Stream,
    checked,
    explained,
    foreign_file,
    segments,
    temporary_of,
)
from compound.jobs.store.backend.local_folders import (
    Root,
    make_durable_folder,
    make_folder,
    opened,
    sync_folders,
)
from compound.jobs.store.backend.local_lock import PROBED_S, is_locked, locked
from compound.jobs.store.backend.local_reading import list_entries, list_names, read_at, readable
from compound.schemas.errors import StoreError

# O_EXCL: a file that exists already, or a link in its place, is an error and is not overwritten.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
# O_APPEND: the kernel finds the end and writes in one step, so two processes never write over each
# other's lines (open(2); NFS does not promise it).
_LINES = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW
_PUTS = 3
"""How often a put makes its folder again that another process has emptied and removed."""


class LocalFiles:
    """Files under a root folder: each is written to a temporary file, synced and renamed."""

    def __init__(self, root: str) -> None:
        self.root = os.path.realpath(root)
        self._top = Root(self.root)
        self._durable_names: set[str] = set()
        """Files of lines whose names in their folders are durable."""

    def locate(self, key: str) -> str:
        """Return the absolute path of a key."""
        return f"{self.root}/{checked(key)}"

    def _path(self, key: str) -> str:
        """Return a key's path; DamagedError if a symbolic link might lead it out of the store."""
        path = self.root
        # Each part is tested: a link in place of a folder would lead out as well.
        for part in checked(key).split("/"):
            path = f"{path}/{part}"
            if os.path.islink(path):
                raise foreign_file(path, "a symbolic link inside the store is not followed")
        return path

    def put(self, files: Mapping[str, Content]) -> None:
        """Make files durable, each as a whole or not at all."""
        self._top.require()
        targets = {self._path(key): data for key, data in files.items()}
        for left in reversed(range(_PUTS)):
            try:
                self._put(targets)
            except StoreError as error:
                gone = isinstance(error.__cause__, FileNotFoundError)
                if not (left and gone and os.path.isdir(self.root)):
                    raise
            else:
                return

    def _put(self, targets: Mapping[str, Content]) -> None:
        folders = {os.path.dirname(path) for path in targets}
        changed = folders.union(*(make_folder(folder) for folder in folders))
        temporary = {path: _temporary_path(path) for path in targets}
        try:
            for path, data in targets.items():
                _write_synced(temporary[path], data)
            # rename(2) replaces a file in one step: readers see the old bytes or the new ones.
            for path in targets:
                with explained(path):
                    os.replace(temporary[path], path)
        except StoreError:
            for path in temporary.values():
                with suppress(OSError):
                    os.unlink(path)
            raise
        # fsync(2): the file's own fsync does not make its new name durable, only the folder's does.
        sync_folders(changed)

    def read(self, key: str, most: int = DOCUMENT_BYTES) -> bytes | None:
        """Return the bytes of a file; None where there is none."""
        path = self._path(key)
        with explained(path), suppress(FileNotFoundError, NotADirectoryError):
            return read_regular(path, most, links=False)
        return None

    def read_into(self, key: str, start: int, buffer: memoryview) -> int | None:
        """Fill a buffer from an offset in a file; return how many bytes were read."""
        with readable(self._path(key)) as handle:
            return None if handle is None else read_at(handle, start, buffer)

    def _folder(self, key: str) -> str:
        return self._path(key) if key else self.root

    def names(self, folder: str) -> list[str]:
        """Return the names directly in a folder, sorted, without hidden and temporary files."""
        return list_names(self._folder(folder))

    def walk(self, folder: str) -> list[str]:
        """Return the keys of all files below a folder."""
        return [entry.key for entry in self.entries(folder)]

    def entries(self, folder: str, *, deep: bool = True) -> Iterator[Entry]:
        """Return every file below a folder, or only those directly in it."""
        return list_entries(self.root, self._folder(folder), deep=deep)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete files, temporary ones too, and the folders that this empties."""
        paths = [self._deletable(key) for key in keys]
        self._durable_names.difference_update(paths)
        for path in paths:
            with explained(path), suppress(FileNotFoundError):
                os.unlink(path)
        for folder in {os.path.dirname(path) for path in paths}:
            self._remove_empty(folder)

    def _deletable(self, key: str) -> str:
        folder, _, name = key.rpartition("/")
        return f"{self._folder(folder)}/{name}" if temporary_of(key) else self._path(key)

    def _remove_empty(self, folder: str) -> None:
        with suppress(OSError):
            while folder != self.root:
                os.rmdir(folder)
                folder = os.path.dirname(folder)

    def append_line(self, key: str, line: bytes, *, durable: bool = False) -> None:
        """Add one line with a single write; a torn line before it gets its newline first."""
        path = self._path(key)
        self._top.require()
        if path not in self._durable_names:
            make_durable_folder(os.path.dirname(path))
        self._unshare(key, path)
        with opened(path, _LINES) as handle:
            check_regular(os.fstat(handle), path)  # writing to a pipe would wait for its reader
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            _write_all(handle, b"\n" * torn + line + b"\n")
            if durable:
                os.fsync(handle)
        if durable and path not in self._durable_names:
            sync_folders([os.path.dirname(path)])
            self._durable_names.add(path)

    def _unshare(self, key: str, path: str) -> None:
        """Replace a file that has other names by a copy of its own, before lines are added.

        A copy of a store by hard links (cp -al, rsnapshot) would get them too.
        """
        with explained(path), suppress(FileNotFoundError):
            if os.lstat(path).st_nlink > 1 and (data := self.read(key)) is not None:
                self.put({key: data})

    def lines(self, key: str) -> list[bytes]:
        """Return the lines of a key; a store copied from a bucket has them in several files."""
        parts = segments(key, self.names(key.rpartition("/")[0]))
        contents = (self.read(part) or b"" for _, part in parts)
        return [line for content in contents for line in content.splitlines() if line]

    def stream(self, key: str) -> Stream:
        """Start a new growing file, locked while it is open."""
        path = self._path(key)
        self._top.require()
        make_durable_folder(os.path.dirname(path))
        return LocalStream(path)

    def is_streaming(self, key: str) -> bool:
        """Whether a live process holds the stream open. What is no file is no stream."""
        with suppress(DamagedError), readable(self._path(key)) as handle:
            return handle is not None and is_locked(handle)
        return False

    def lock(self, key: str, note: bytes) -> Lock | None:
        """Take a lock and leave a note in its file; None if another holder lives."""
        path = self._path(key)
        self._top.require()
        patience = time.monotonic() + PROBED_S
        while True:
            make_durable_folder(os.path.dirname(path))
            with explained(path), suppress(FileNotFoundError):
                lock = locked(path, note)
                # A process that looks whether the lock is free has it for some microseconds.
                if lock or time.monotonic() > patience:
                    return lock
                time.sleep(PROBED_S / 10)

    def holder(self, key: str) -> bytes:
        """Return the note of who holds a lock, or held it last."""
        return self.read(key) or b""

    def holders(self, key: str) -> list[bytes]:
        """Return the note of the live process that holds a lock; empty without any."""
        with suppress(DamagedError), readable(self._path(key)) as handle:
            if handle is not None and is_locked(handle):
                return [os.pread(handle, os.fstat(handle).st_size, 0)]
        return []

    def within(self, seconds: float) -> Files:
        """Return the same files: a disk has no limit for waiting."""
        return self

    def prove_writable(self) -> None:
        """Check that this user may write into the folder, or make it where it does not exist."""
        nearest = self.root
        while not os.path.lexists(nearest):
            nearest = os.path.dirname(nearest) or "."
        if not os.path.isdir(nearest):
            with explained(nearest):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), nearest)
        if not os.access(nearest, os.W_OK | os.X_OK):
            advice = "give this user write access, or set another `store`"
            raise StoreError("the store cannot be written", where=self.root, next_step=advice)


class LocalStream:
    """A growing file. Not synced: it outlives a killed process, not a power cut."""

    def __init__(self, path: str) -> None:
        self.size = 0
        self._path = path
        with explained(path):
            self._handle = os.open(path, _NEW, 0o666)
            # Readers test this lock to see whether the writer lives: the kernel frees it with the
            # process. flock needs no daemon; over NFS, Linux maps it to a lock of the server.
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX)
            except BaseException:
                os.close(self._handle)
                raise

    def write(self, data: bytes) -> None:
        """Append all of it, or leave the file as it was and raise StoreError."""
        with explained(self._path):
            try:
                _write_all(self._handle, data)
            except OSError:
                # A full disk may take the first half: the next row must not follow a torn one.
                with suppress(OSError):
                    os.ftruncate(self._handle, self.size)
                    os.lseek(self._handle, self.size, os.SEEK_SET)
                raise
        self.size += len(data)

    def close(self) -> None:
        """Release the file."""
        os.close(self._handle)


def _temporary_path(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{uuid.uuid4().hex[:8]}.tmp")


def _write_synced(path: str, data: Content) -> None:
    with opened(path, _NEW) as handle:
        for part in [data] if isinstance(data, bytes) else data:
            _write_all(handle, part)
        os.fsync(handle)


def _write_all(handle: int, data: bytes | memoryview) -> None:
    # write(2) may write less than it was given: 2 GiB at most, or up to a full disk.
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
