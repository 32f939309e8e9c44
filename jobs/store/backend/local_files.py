"""The store's files on a local disk, or on a shared file system that acts like one."""

import fcntl
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

from compound.jobs.store.backend.files import (
    Content,
    Entry,
    Files,
    Lock,
    Stream,
    checked,
    explained,
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
from compound.jobs.store.backend.local_reading import list_entries, read_at, readable
from compound.schemas.errors import StoreError

# O_EXCL: a file that exists already, or a link in its place, is an error and is not overwritten.
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
# O_APPEND: the kernel finds the end and writes in one step, so two processes never write over each
# other's lines (open(2); NFS does not promise it).
_LINES = os.O_RDWR | os.O_CREAT | os.O_APPEND


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
        """Return a key's path; StoreError if a symbolic link might lead it out of the store."""
        path = self.root
        # Each part is tested: a link in place of a folder would lead out as well.
        for part in checked(key).split("/"):
            path = f"{path}/{part}"
            if os.path.islink(path):
                raise StoreError("a symbolic link inside the store is not followed", where=path)
        return path

    def put(self, files: Mapping[str, Content]) -> None:
        """Make files durable, each as a whole or not at all."""
        self._top.require()
        targets = {self._path(key): data for key, data in files.items()}
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

    def read(self, key: str) -> bytes | None:
        """Return the bytes of a file; None where there is none."""
        path = self._path(key)
        with explained(path), suppress(FileNotFoundError), open(path, "rb") as file:
            return file.read()
        return None

    def read_into(self, key: str, start: int, buffer: memoryview) -> int | None:
        """Fill a buffer from an offset in a file; return how many bytes were read."""
        with readable(self._path(key)) as handle:
            return None if handle is None else read_at(handle, start, buffer)

    def _folder(self, key: str) -> str:
        return self._path(key) if key else self.root

    def names(self, folder: str) -> list[str]:
        """Return the names directly in a folder, sorted, without hidden and temporary files."""
        path = self._folder(folder)
        with explained(path):
            try:
                return sorted(name for name in os.listdir(path) if not name.startswith("."))
            except FileNotFoundError:
                return []

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
        with opened(path, _LINES) as handle:
            size = os.fstat(handle).st_size
            torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            _write_all(handle, b"\n" * torn + line + b"\n")
            if durable:
                os.fsync(handle)
        if durable and path not in self._durable_names:
            sync_folders([os.path.dirname(path)])
            self._durable_names.add(path)

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
        """Whether a live process holds the stream open."""
        with readable(self._path(key)) as handle:
            if handle is None:
                return False
            try:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def lock(self, key: str, note: bytes) -> Lock | None:
        """Take a lock and leave a note in its file; None if another holder lives."""
        path = self._path(key)
        self._top.require()
        while True:
            make_durable_folder(os.path.dirname(path))
            with explained(path), suppress(FileNotFoundError):
                return _locked(path, note)

    def holder(self, key: str) -> bytes:
        """Return the note of who holds a lock, or held it last."""
        return self.read(key) or b""

    def within(self, seconds: float) -> Files:
        """Return the same files: a disk has no limit for waiting."""
        return self

    def prove_writable(self) -> None:
        """Check that this user may write into the folder, if it exists."""
        if os.path.isdir(self.root) and not os.access(self.root, os.W_OK):
            advice = "give this user write access, or set another `store`"
            raise StoreError("the store cannot be written", where=self.root, next_step=advice)


def _locked(path: str, note: bytes) -> "LocalLock | None":
    """Lock a file; FileNotFoundError if its last holder deleted it meanwhile."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The last holder may have deleted the file between our open and our flock: then this lock
        # is on a file without a name, and another process can lock a new file of that name.
        if not os.path.samestat(os.fstat(handle), os.stat(path)):
            raise FileNotFoundError(path)
        os.ftruncate(handle, 0)
        os.pwrite(handle, note, 0)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return LocalLock(handle)


class LocalLock:
    """An flock; the kernel frees it when the process ends, however it ends."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def close(self) -> None:
        """Release the lock."""
        os.close(self._handle)


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
