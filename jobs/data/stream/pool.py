"""The decoding processes of one trainer: started by exec, fed through sockets, never orphaned."""

import mmap
import os
import socket
import subprocess
import tempfile
import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import numpy as np

from compound.jobs.data.dataset import Pixels
from compound.jobs.data.decode import Form
from compound.jobs.data.stream.messages import Settings
from compound.jobs.runtime.child_processes import child_environment, module_command

_PATIENCE = 2.0
"""Seconds that a process has to end by itself."""


@dataclass
class Worker:
    """One decoding process, and the numbers of the tasks that it has not answered."""

    process: subprocess.Popen[bytes]
    channel: Connection
    tasks: deque[int] = field(default_factory=deque)
    heard: float = field(default_factory=time.monotonic)
    """When it last answered, or was first given something to do."""

    def end(self) -> int:
        """End the process, and return its exit status."""
        self.channel.close()
        try:
            return self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Pool:
    """Decoding processes that share `slots`, uint8 (slots, C, side, side), with this one."""

    def __init__(self, workers: int, count: int, form: Form, side: int) -> None:
        """Start processes that decode to `form`, then resize to `side` pixels a side."""
        shape = (count, form.channels, side, side)
        memory = _nameless(int(np.prod(shape)))
        mapped = mmap.mmap(memory, int(np.prod(shape)))
        self.slots: Pixels = np.frombuffer(mapped, dtype=np.uint8).reshape(shape)
        self._settings = Settings(
            parent=os.getpid(),
            memory=memory,
            slots=count,
            channels=form.channels,
            size=form.size,
            side=side,
        )
        self.workers: list[Worker] = []
        self._finalizer = weakref.finalize(self, _end, self.workers, memory)
        for _ in range(workers):
            self.workers.append(_start(self._settings))

    def replace(self, worker: Worker) -> int:
        """End a process, start another in its place, and return the exit status."""
        status = worker.end()
        self.workers[self.workers.index(worker)] = _start(self._settings)
        return status

    @property
    def closed(self) -> bool:
        """Whether the processes have been ended."""
        return not self._finalizer.alive

    def close(self) -> None:
        """End all processes; their memory goes when nothing refers to it any more."""
        self._finalizer()


def _nameless(size: int) -> int:
    """Return the descriptor of memory that is gone with the last process that has it open."""
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("compound-images")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.ftruncate(memory, size)
    return memory


def _start(settings: Settings) -> Worker:
    """Start a process with a clean slate: exec, not fork, so no lock or GPU context comes along."""
    ours, theirs = socket.socketpair()
    command = module_command("compound.jobs.data.stream.decode_worker", settings.model_dump_json())
    with theirs:
        process = subprocess.Popen(
            command,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            pass_fds=(settings.memory,),
            # Each process decodes one image at a time: threads of OpenMP would only take cores
            # from the other decoders and from training.
            env=child_environment(OMP_NUM_THREADS="1"),
        )
    return Worker(process, Connection(ours.detach()))


def _end(workers: list[Worker], memory: int) -> None:
    for worker in workers:
        worker.channel.close()
    for worker in workers:
        worker.end()
    workers.clear()
    os.close(memory)
