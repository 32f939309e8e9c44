"""Locks on files of a local disk, which the kernel frees when their process ends."""

import fcntl
import os
import uuid

from compound.jobs.regular_file import check_regular

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW

PROBED_S = 0.1
"""Seconds for which a lock is tried again before its holder counts as alive."""


def is_locked(handle: int) -> bool:
    """Whether a live process has locked a file. If none has, the handle has a shared lock now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def locked(path: str, note: bytes) -> "LocalLock | None":
    """Lock a file; FileNotFoundError if its last holder deleted it meanwhile."""
    handle = os.open(path, _FLAGS, 0o666)
    try:
        check_regular(os.fstat(handle), path)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The last holder may have deleted the file between our open and our flock: then this lock
        # is on a file without a name, and another process can lock a new file of that name.
        if not os.path.samestat(os.fstat(handle), os.stat(path)):
            raise FileNotFoundError(path)
        if os.fstat(handle).st_nlink > 1:
            handle = _unshared(handle, path)
        os.ftruncate(handle, 0)
        os.pwrite(handle, note, 0)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return LocalLock(handle)


def _unshared(handle: int, path: str) -> int:
    """Put a file of its own in the place of a locked one that has other names; return its lock.

    These are another store's, copied by hard links, whose lock and note it would share. Whoever
    opened the old file meanwhile sees that its name is gone, and tries again.
    """
    own = f"{os.path.dirname(path)}/.{os.path.basename(path)}.{uuid.uuid4().hex[:8]}.tmp"
    new = os.open(own, _FLAGS | os.O_EXCL, 0o666)
    try:
        fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.replace(own, path)
    except BaseException:
        os.close(new)
        raise
    os.close(handle)
    return new


class LocalLock:
    """An flock; the kernel frees it when the process ends, however it ends."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def close(self) -> None:
        """Release the lock."""
        os.close(self._handle)
