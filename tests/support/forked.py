"""Processes that run a module, a file or `-c CODE` as python does, forked from one with torch.

Starting one takes 20 ms, where a fresh interpreter needs 2 to 3 s of CPU for its imports. Signals,
exit codes, output, process groups and the interpreter's end are real. A test of what a fresh start
does, such as which modules it imports, or of torch's launcher, needs a fresh interpreter.
"""

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Any, NoReturn

from tests.support.processes import free_port

_ROOT = Path(__file__).parents[2]
_LARGEST = 2**20
"""Bytes of a message."""
_POLL_S = 0.01
_PRELOADED = (
    "compound.jobs.run_job",
    "compound.jobs.parallel.fully_sharded",
    "compound.orchestrator.study",
    "pandas",
    "torch._dynamo",
)
"""pyarrow imports pandas for its first array, and torch the last one for a group of processes."""


@cache
def _server(owner: int) -> socket.socket:
    """Start the process that forks for this one; it ends when its socket is closed."""
    # OpenBLAS starts threads when numpy is imported, and no thread survives a fork. OpenMP reads
    # its variable when torch is loaded; torchrun sets the same for its ranks.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    connection, server_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with server_end:
        number = server_end.fileno()
        command = [sys.executable, "-m", "tests.support.forked", str(number)]
        subprocess.Popen(command, pass_fds=[number], env=environment, cwd=_ROOT)
    return connection


def _answer(request: dict[str, Any], files: Sequence[int] = ()) -> Any:
    connection = _server(os.getpid())
    socket.send_fds(connection, [json.dumps(request).encode()], files)
    return json.loads(connection.recv(_LARGEST))


class Forked:
    """A child, to be used as a `subprocess.Popen` that writes into files."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Fork it, with these variables added to the environment."""
        # They have no name, and the system frees them with the last process that writes.
        self._files = [TemporaryFile("w+b") for _ in range(2)]  # noqa: SIM115
        request = {
            "command": list(command),
            "environment": {**os.environ, **environment},
            "folder": os.getcwd(),
        }
        self.pid: int = _answer(request, [file.fileno() for file in self._files])
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = _answer({"ended": self.pid})
        return self.returncode

    def wait(self, timeout: float = 120) -> int:
        """Wait for the exit code. subprocess.TimeoutExpired: it still runs."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout, stderr=self.stderr.encode())
            time.sleep(_POLL_S)
        return code

    def line(self, index: int = 0, timeout: float = 120) -> str:
        """Wait for the end of a line of its stdout. AssertionError: it has ended before."""
        deadline = time.monotonic() + timeout
        while (
            len(lines := self.stdout.splitlines(keepends=True)) <= index or lines[index][-1] != "\n"
        ):
            assert self.poll() is None and time.monotonic() < deadline, self.stderr
            time.sleep(_POLL_S)
        return lines[index]

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs; its number is not another's before `poll` has seen its end."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it with -9."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    @property
    def stdout(self) -> str:
        """The text that it has written so far."""
        return self._written(0)

    @property
    def stderr(self) -> str:
        """The text that it has written so far."""
        return self._written(1)

    def _written(self, index: int) -> str:
        number = self._files[index].fileno()
        return os.pread(number, os.fstat(number).st_size, 0).decode()


class Group(Forked):
    """Ranks as torchrun shows them: signals go to all of them, and one that fails ends all."""

    def __init__(self, command: Sequence[str], ranks: int) -> None:
        """Fork them."""
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        sizes = {"WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks)}
        self._ranks = [
            Forked(command, {**address, **sizes, "RANK": rank, "LOCAL_RANK": rank})
            for rank in map(str, range(ranks))
        ]

    def poll(self) -> int | None:
        """Return 0 when all ranks have ended well, and the exit code of one that has not."""
        codes = [rank.poll() for rank in self._ranks]
        failures = [code for code in codes if code]
        if failures:
            self.send_signal(signal.SIGKILL)
            return failures[0]
        return None if None in codes else 0

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to all ranks that run."""
        for rank in self._ranks:
            rank.send_signal(number)

    def _written(self, index: int) -> str:
        return "".join(rank._written(index) for rank in self._ranks)


@contextmanager
def forked(
    *command: str, ranks: int = 1, environment: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Forked]:
    """Run a module in one process, or as so many ranks; kill what still runs in the end."""
    child = Group(command, ranks) if ranks > 1 else Forked(command, environment)
    try:
        yield child
    finally:
        child.kill()


def run_forked(*command: str, timeout: float = 200, **options: Any) -> Forked:
    """Run a module to its end. AssertionError: its exit code was not 0."""
    with forked(*command, **options) as child:
        assert child.wait(timeout) == 0, child.stderr[-4000:]
    return child


def _serve(connection: socket.socket) -> None:
    """Fork children, and say how they ended, until the other end is closed."""
    while True:
        data, files, _, _ = socket.recv_fds(connection, _LARGEST, 2)
        if not data:
            return
        request = json.loads(data)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                connection.close()
                _become(request, files)
        for number in files:
            os.close(number)
        connection.send(json.dumps(answer).encode())


def _become(request: dict[str, Any], files: Sequence[int]) -> NoReturn:
    """Run the module in this process, to the end of the interpreter."""
    for number, target in zip(files, (1, 2), strict=True):
        os.dup2(number, target)
        os.close(number)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    module, *arguments = request["command"]
    if module == "-c":
        sys.argv = [module, *arguments[1:]]
        exec(arguments[0], {"__name__": "__main__"})
    elif module.endswith(".py"):
        sys.argv = [module, *arguments]
        runpy.run_path(module, run_name="__main__")
    else:
        sys.argv[1:] = arguments
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit(0)


def main() -> None:
    """Import what the children need, and fork them."""
    for name in _PRELOADED:
        __import__(name)
    gc.freeze()
    _serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
