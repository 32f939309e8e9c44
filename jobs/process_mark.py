"""Marks of processes: which process started something, and whether it still runs.

A process number alone is used again after a while, and means another process in another container.
"""

import os
import re
import socket
from hashlib import sha256
from pathlib import Path

MARK = re.compile(r"[0-9a-f]{12}-\d+-\d+", re.ASCII)
"""The machine, the process's number, its start in clock ticks since the machine's."""


def own_mark() -> str:
    """Return the mark of this process."""
    return f"{_machine()}-{os.getpid()}-{started(os.getpid()) or 0}"


def runs(mark: str) -> bool:
    """Whether the process with a mark still runs; True where that cannot be seen from here."""
    host, number, start = mark.split("-")
    if host != _machine():
        return True
    return started(int(number)) == start if machine() else _exists(int(number))


def machine() -> str:
    """Name the boot and the pid namespace that a process number belongs to; empty without /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def started(pid: int) -> str:
    """Return when a process began, in the kernel's ticks; empty if it has ended."""
    # proc(5): field 22 of stat is the start time in ticks since boot, and tells a reused pid apart.
    # The name before it may hold spaces and brackets, so fields are counted after the last `)`.
    try:
        text = Path(f"/proc/{int(pid)}/stat").read_text(errors="replace")
        fields = text.rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _machine() -> str:
    return sha256((machine() or socket.gethostname()).encode()).hexdigest()[:12]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True
