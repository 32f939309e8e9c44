"""What may lie in a file's place and is none, or is one of a terabyte."""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

TERABYTE = 2**40


def _socket(path: Path) -> None:
    # A socket's path has at most 107 bytes: that of the open folder is short.
    folder = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(f"/proc/self/fd/{folder}/{path.name}")
    os.close(folder)


def _device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        path.symlink_to("/dev/zero")


def _terabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(TERABYTE)


STRANGE: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": _socket,
    "device": _device,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to nothing": lambda path: path.symlink_to("/no/such/file"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "folder": Path.mkdir,
    "terabyte": _terabyte,
}
"""By what it is, how it is made."""


def put(kind: str, path: Path) -> Path:
    """Put one of STRANGE in a file's place; return its path."""
    path.unlink(missing_ok=True)
    STRANGE[kind](path)
    return path
