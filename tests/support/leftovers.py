"""What runs that have ended left on the machine: processes, folders, shared memory."""

import os
from collections.abc import Iterator
from pathlib import Path

MARK = "COMPOUND_TEST_RUN"
"""A variable of the environment that all processes of a run inherit when they are started."""
_SHARED = Path("/dev/shm")


def processes(mark: str) -> dict[int, str]:
    """Return the live processes that were started with a mark: numbers and commands."""
    wanted = f"{MARK}={mark}".encode()
    return {pid: _command(pid) for pid in _pids() if wanted in _environment(pid).split(b"\0")}


def processes_named(*words: str) -> list[int]:
    """Return the processes, but no shells, that have these words in a row in their commands."""
    wanted = f" {' '.join(words)} "
    named = [pid for pid in _pids() if wanted in f" {_command(pid)} "]
    return [pid for pid in named if not _command(pid).split()[0].endswith("sh")]


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdigit())


def _environment(pid: int) -> bytes:
    """Return the environment of a process; empty for one that has ended, a zombie too."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return "?"
    return words.decode(errors="replace")


def name(pid: int) -> str:
    """Return the name of a process's program: of the last of its words that is a file's."""
    scripts = [word for word in _command(pid).split() if word.endswith((".py", "server", "raylet"))]
    return Path(scripts[-1]).name if scripts else _command(pid)[:40]


def runs(pid: int) -> bool:
    """Whether a process runs: a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def descriptors(pid: int) -> int:
    """Return how many files a process has open; 0 for one that has ended."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def descendants(pid: int) -> set[int]:
    """Return the processes that a process has started, and theirs."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return set()
    children = {int(child) for child in text.split()}
    return children.union(*map(descendants, children)) if children else set()


def shared_memory() -> set[str]:
    """Return the names in shared memory that no live process uses; folders are of others."""
    named = {entry.name for entry in _SHARED.iterdir() if entry.is_file()}
    return named - _used() if named else named


def _used() -> set[str]:
    return {name for pid in _pids() for name in _mapped(pid)}


def _mapped(pid: int) -> Iterator[str]:
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, found, name = line.partition(f"{_SHARED}/")
        if found:
            yield name
