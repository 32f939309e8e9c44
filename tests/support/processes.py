"""Processes that tests start, kill, start again and end."""

import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_START_S = 60


class Unavailable(Exception):
    """Why a server cannot run here."""


@dataclass
class Process:
    """One of a server's processes, which a test may kill and start again."""

    command: Sequence[str]
    log: IO[bytes]

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start it."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": self.log, "stderr": self.log}
        self.child = subprocess.Popen(self.command, **streams)

    def kill(self) -> None:
        """Kill it with -9."""
        self.child.kill()
        self.child.wait()

    def stop(self) -> None:
        """End it."""
        self.child.terminate()
        try:
            self.child.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def running(
    commands: Sequence[Sequence[str]], port: int, folder: Path
) -> Iterator[Sequence[Process]]:
    """Keep processes running; the last of them listens on a port."""
    with ExitStack() as stack:
        log = stack.enter_context((folder / "server.log").open("wb"))
        processes: list[Process] = []
        for command in commands:
            processes.append(Process(command, log))
            stack.callback(processes[-1].stop)
        deadline = time.monotonic() + _START_S
        while not _listens(port):
            ended = any(process.child.poll() is not None for process in processes)
            if time.monotonic() > deadline or ended:
                output = (folder / "server.log").read_text(errors="replace")[-500:]
                raise Unavailable(f"{commands[-1][0]} did not start: {output}")
            time.sleep(0.1)
        yield processes


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
