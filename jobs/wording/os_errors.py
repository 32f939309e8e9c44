"""What the operating system refuses, in words: every OSError, with its path and a way out."""

import errno
import os
from collections.abc import Mapping
from difflib import get_close_matches

from compound.jobs.regular_file import UnfitFileError
from compound.jobs.wording.printable import in_line
from compound.schemas.errors import CompoundError, MachineError

_RIGHTS = "give yourself the right to it (chmod, chown), or name another path"
_SPACE = "free space there (df -h, df -i), or name a path on another disk"
_PATH = "check the path; `ls -ld` shows what is there"
_FILES = "raise the limit of open files: ulimit -n 65536"
_MEMORY = "free memory, or lower `workers` and `cpus`; `ulimit -a` shows the limits"
_DISK = "look at the disk or the network share (dmesg), then the same command again"
_NETWORK = "check the address, the network and the firewall, then the same command again"

_WAYS_OUT: Mapping[int, tuple[str, str]] = {
    errno.ENOENT: ("no such file or folder", _PATH),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", _PATH),
    errno.EISDIR: ("it is a folder, not a file", _PATH),
    errno.EEXIST: ("it is there already", "name another path, or move the old one away"),
    errno.ENOTEMPTY: ("the folder is not empty", "name another path, or move the old one away"),
    errno.ELOOP: ("its symbolic links lead in a circle", _PATH),
    errno.ENAMETOOLONG: ("the path is too long", "name a shorter path"),
    errno.EXDEV: ("it lies on another file system", "name a path on the same file system"),
    errno.EACCES: ("permission denied", _RIGHTS),
    errno.EPERM: ("the operation is not permitted", _RIGHTS),
    errno.EROFS: ("the file system is read-only", "name a path on a disk that can be written"),
    errno.ENOSPC: ("no space is left on the disk", _SPACE),
    errno.EDQUOT: ("the disk quota is used up", "free space (quota -s), or name another path"),
    errno.EFBIG: ("the file is larger than is allowed", "ulimit -f unlimited"),
    errno.EMFILE: ("too many open files in this process", _FILES),
    errno.ENFILE: ("too many open files on this machine", _FILES),
    errno.ENOMEM: ("there is not enough memory", _MEMORY),
    errno.EAGAIN: ("no more processes or threads can be started", _MEMORY),
    errno.EIO: ("the disk cannot be read or written", _DISK),
    errno.ESTALE: ("the network share has lost the file", _DISK),
    errno.ENXIO: ("nothing is at the other end of this device", _PATH),
    errno.ENODEV: ("there is no such device", _PATH),
    errno.EINVAL: ("the path or its file system does not allow this", _PATH),
    errno.EBUSY: ("it is in use by another program", "end that program, or name another path"),
    errno.ETXTBSY: ("it is being executed", "name another path"),
    errno.ECONNREFUSED: ("nothing listens at this address", _NETWORK),
    errno.EPIPE: ("the other end has closed the connection", _NETWORK),
    errno.ECONNRESET: ("the other end has closed the connection", _NETWORK),
    errno.ETIMEDOUT: ("no answer came in time", _NETWORK),
    errno.EHOSTUNREACH: ("the host cannot be reached", _NETWORK),
    errno.ENETUNREACH: ("the network cannot be reached", _NETWORK),
    errno.EADDRINUSE: ("the address is in use", "end what uses it, or choose another port"),
    errno.EADDRNOTAVAIL: ("this machine does not have this address", _NETWORK),
}
"""What is wrong, and what to do about it."""

_NO_FOLDER = "No usable temporary directory"
"""What Python's tempfile says, as FileNotFoundError without a path."""
_UNUSUAL = "check the path and the machine, then the same command again; --debug shows the place"


def machine_error(error: OSError) -> MachineError:
    """Return what the operating system said as an error for people."""
    if _NO_FOLDER in str(error):
        return MachineError(
            "no folder for temporary files can be written",
            where=os.environ.get("TMPDIR", ""),
            next_step="mkdir -p ~/tmp && export TMPDIR=~/tmp",
        )
    if error.errno == errno.ENOENT and _no_working_folder(error.filename):
        return MachineError(
            "the folder that this command runs in has been deleted",
            next_step="cd to a folder that is there, then the same command again",
        )
    unfit = isinstance(error, UnfitFileError)
    problem, next_step = _WAYS_OUT.get(error.errno or 0, ("", _PATH if unfit else _UNUSUAL))
    if error.errno == errno.ENOENT and (near := _beside(error.filename)):
        next_step = f"{_PATH}; {in_line(near)} is there"
    text = problem or error.strerror or str(error) or type(error).__name__
    # EACCES and the like may name two paths (rename), of which the second is the one written.
    paths = [_named(path) for path in (error.filename, error.filename2) if path is not None]
    allowed = error.allowed if isinstance(error, UnfitFileError) else ""
    where = " -> ".join(paths)
    return MachineError(in_line(text), where=where, allowed=allowed, next_step=next_step)


def _beside(path: object) -> str:
    """Return a path of a similar name in the same folder; "" without one."""
    if not isinstance(path, str | os.PathLike):
        return ""
    folder, name = os.path.split(os.fspath(path))
    try:
        near = get_close_matches(name, os.listdir(folder or "."), n=1)
    except OSError:
        return ""
    return os.path.join(folder, near[0]) if near else ""


def _no_working_folder(path: object) -> bool:
    """Whether the working folder is gone, on which a path depends that is not absolute."""
    if path is not None and os.path.isabs(_named(path)):
        return False
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def refused_as(
    kind: type[CompoundError], doing: str, path: object, error: OSError
) -> CompoundError:
    """Return the same as an error of another kind: what could not be done, and to which path."""
    words = machine_error(error)
    return kind(
        f"{doing}: {words.message}",
        where=str(path),
        allowed=words.allowed,
        next_step=words.next_step,
    )


def _named(path: object) -> str:
    if isinstance(path, int):
        return f"file descriptor {path}"
    return os.fsdecode(path) if isinstance(path, bytes | str | os.PathLike) else str(path)
