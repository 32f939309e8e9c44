"""Locks on files of a local disk, which the kernel frees when their process ends."""

import fcntl
import os

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
