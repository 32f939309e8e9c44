"""The decoding processes of one trainer: each is an exec of its own and gets tasks by a socket."""

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

from compound.jobs.data.pixels.decode import Form
from compound.jobs.data.sources.dataset import Pixels
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
    last_answer: float = field(default_factory=time.monotonic)
    """When it last answered, or was first given a task."""

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
        memory = _anonymous_memory(int(np.prod(shape)))
        mapped = mmap.mmap(memory, int(np.prod(shape)))
        self.slots: Pixels = np.frombuffer(mapped, dtype=np.uint8).reshape(shape)
        self._settings = Settings(
            parent=os.getpid(),
            memory=memory,
            slots=count,
            form=form,
            side=side,
        )
        self.workers: list[Worker] = []
        # Not __del__: it also runs at the exit of the interpreter, and only once.
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
        """End all processes; their memory is freed when nothing refers to it."""
        self._finalizer()


def _anonymous_memory(size: int) -> int:
    """Return the descriptor of memory that is freed with the last process that has it open."""
    # Not multiprocessing.shared_memory: its name in /dev/shm outlives a killed process, and Docker
    # gives /dev/shm 64 MiB. macOS has no memfd_create.
    if hasattr(os, "memfd_create"):
        memory = os.memfd_create("compound-images")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.ftruncate(memory, size)
    return memory


def _start(settings: Settings) -> Worker:
    """Start a decoding process."""
    # By exec, not fork: a fork would copy locks that other threads hold, and the context of a GPU,
    # which CUDA cannot use in a forked process.
    parent_end, child_end = socket.socketpair()
    command = module_command("compound.jobs.data.stream.decode_worker", settings.model_dump_json())
    with child_end:
        process = subprocess.Popen(
            command,
            stdin=child_end.fileno(),
            stdout=subprocess.DEVNULL,
            pass_fds=(settings.memory,),
            # Each process decodes one image at a time: threads of OpenMP would only take cores
            # from the other decoders and from training.
            env=child_environment(OMP_NUM_THREADS="1"),
        )
    return Worker(process, Connection(parent_end.detach()))


def _end(workers: list[Worker], memory: int) -> None:
    # All channels first: the processes then end at the same time.
    for worker in workers:
        worker.channel.close()
    for worker in workers:
        worker.end()
    workers.clear()
    os.close(memory)
