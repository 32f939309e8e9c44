"""What a local Ray needs of this machine, looked at before it starts and fails in Ray's words."""

import os
import resource
import shutil
import tempfile
from pathlib import Path

from compound.schemas.errors import ClusterError

_SOCKET_BYTES = 107
"""The longest path of a Unix socket on Linux (unix(7): sun_path has 108 bytes, one of them NUL)."""
_SOCKET = "/ray/session_2026-11-30_00-00-00_000000_4194304/sockets/plasma_store"
"""The longest name that Ray gives a socket in its folder; the last number is a process id."""
_SPACE = 100 * 2**20
"""Bytes for logs, and for what does not fit into shared memory."""
_FILES = 1024
"""Open files: Ray's raylet has one for each connection of each worker."""
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108
_VARIABLES = ("RAY_TMPDIR", "TMPDIR")
"""Where Ray takes its folder from, the first one that is set."""


def check_local_ray() -> None:
    """Raise ClusterError where this machine cannot run a Ray of its own, with the way out."""
    variable = next((name for name in _VARIABLES if name in os.environ), "")
    folder = os.environ.get(variable, "") or "/tmp"  # noqa: S108
    where = f"{variable}={folder}" if variable else folder
    _check_length(folder, where)
    _check_folder(Path(folder) / "ray", where)
    _check_files()
    if not _SHARED_MEMORY.is_dir():
        raise ClusterError(
            "there is no shared memory, which Ray needs",
            where=str(_SHARED_MEMORY),
            next_step="mount -t tmpfs tmpfs /dev/shm (as root); or compound run --runner local",
        )


def check_home() -> None:
    """Raise ClusterError where this user has no home, without which Ray's own code fails."""
    if os.path.isabs(os.path.expanduser("~")):
        return
    raise ClusterError(
        f"user {os.getuid()} has no home folder, which Ray needs: HOME is not set, and /etc/passwd "
        "does not have this user",
        next_step="export HOME=$(mktemp -d), then the same command again; or compound run SPEC "
        "--runner local",
    )


def _check_length(folder: str, where: str) -> None:
    size, most = len(os.fsencode(folder)), _SOCKET_BYTES - len(_SOCKET)
    if size > most:
        raise ClusterError(
            f"the path of this folder has {size} bytes, and Ray's sockets in it would be longer "
            f"than the {_SOCKET_BYTES} bytes that the operating system allows",
            where=where,
            allowed=f"a folder for temporary files with a path of at most {most} bytes",
            next_step="export RAY_TMPDIR=/tmp, then the same command again",
        )


def _check_folder(folder: Path, where: str) -> None:
    """Make Ray's folder as Ray would, and write a file in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        owner = " (another user's Ray has made it)" if _is_of_another(folder) else ""
        raise ClusterError(
            f"Ray cannot write in {folder}{owner}: {error.strerror or error}",
            where=where,
            allowed="a folder of your own, with a path as short as possible",
            next_step="mkdir -p ~/.t && export RAY_TMPDIR=~/.t, then the same command again",
        ) from error
    if free < _SPACE:
        raise ClusterError(
            f"{free / 2**20:.0f} MiB are free in {folder}: too few for Ray's logs",
            where=where,
            allowed=f"{_SPACE // 2**20} MiB",
            next_step="free space, or export RAY_TMPDIR=... with a short path on another disk",
        )


def _is_of_another(folder: Path) -> bool:
    try:
        return folder.stat().st_uid != os.getuid()
    except OSError:
        return False


def _check_files() -> None:
    """Check the limit that cannot be raised: Ray raises the other one up to it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < _FILES:
        raise ClusterError(
            f"a process may have {most} open files, and Ray needs more",
            allowed=f"{_FILES:,} or more",
            next_step="ulimit -n 65536 (or LimitNOFILE, --ulimit nofile), in a new shell",
        )
