"""Sends images to decoding processes, and collects what they decoded into frames."""

import signal
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

from compound.jobs.data.sources.dataset import Indices, Pixels
from compound.jobs.data.stream.encoded_rows import EncodedRows
from compound.jobs.data.stream.messages import Item, read_answer, write_task
from compound.jobs.data.stream.pool import Pool, Worker
from compound.schemas.errors import DataError

TASK = 4
"""Images of a task: enough to hide the latency of a message, few enough to share evenly."""
_QUEUED = 2
"""Tasks that a process has: one that it works on, and one that waits."""
_DEATHS = 3
"""How many processes may die while they decode the same image."""
_HANGS = 120.0
"""Seconds without an answer after which a process is ended as hanging."""


@dataclass
class Frame:
    """Images that the reader returns together."""

    start: int
    """Its first slot."""
    pixels: Pixels
    rows: Indices
    """The row in each slot; -1 where there is none."""
    missing: int = 0
    """Images that are still being decoded."""


@dataclass
class _Task:
    frame: Frame
    items: list[Item]
    """Empty until it is first sent."""
    positions: list[int]
    """The positions of its images in the frame."""
    last: int
    """The position of its last image among all rows, or -1 for an image that replaces a bad one."""
    deaths: int = 0


class Dispatch:
    """The state of one pass over the rows; only its thread uses it."""

    def __init__(self, rows: EncodedRows, pool: Pool, replace: bool) -> None:
        self._rows, self._pool, self._replace = rows, pool, replace
        self._open: deque[Frame] = deque()
        self._pending: deque[_Task] = deque()
        self._sent: dict[int, _Task] = {}
        self._number = self._position = 0

    @property
    def busy(self) -> bool:
        """Whether a frame was begun and is not finished."""
        return bool(self._open)

    @property
    def waiting(self) -> bool:
        """Whether a process has a task."""
        return bool(self._sent)

    @property
    def needs_tasks(self) -> bool:
        """Whether the processes have room for more tasks."""
        return len(self._pending) < _QUEUED * len(self._pool.workers)

    def begin(self, start: int, rows: Indices) -> None:
        """Begin a frame: read what the cache has, and queue the rest."""
        settled = self._rows.settled(rows.copy(), self._replace)
        frame = Frame(start, self._pool.slots[start : start + len(rows)], settled)
        self._open.append(frame)
        cached = self._rows.cached(settled)
        if len(cached) == len(rows):
            self._rows.read(settled, frame.pixels)
        elif len(cached):
            few = frame.pixels[cached]
            self._rows.read(settled[cached], few)
            frame.pixels[cached] = few
        done = set(cached.tolist())
        missing = [p for p in range(len(rows)) if settled[p] >= 0 and p not in done]
        frame.missing = len(missing)
        self._rows.expect(settled[missing])
        for first in range(0, len(missing), TASK):
            part = missing[first : first + TASK]
            self._pending.append(_Task(frame, [], part, self._position + part[-1]))
        self._position += len(rows)

    def send(self) -> None:
        """Give tasks to the processes that have room for them."""
        while self._pending:
            worker = min(self._pool.workers, key=lambda worker: len(worker.tasks))
            if len(worker.tasks) == _QUEUED:
                return
            self._assign(worker, self._pending.popleft())

    def _assign(self, worker: Worker, task: _Task) -> None:
        frame = task.frame
        if not task.items:
            rows = [int(frame.rows[position]) for position in task.positions]
            encoded = [self._rows.take(row) for row in rows]
            slots = [frame.start + position for position in task.positions]
            task.items = [Item(*pair) for pair in zip(slots, encoded, strict=True)]
            if task.last >= 0:
                self._rows.passed(rows[0], task.last)
        self._number += 1
        self._sent[self._number] = task
        if not worker.tasks:
            worker.last_answer = time.monotonic()
        worker.tasks.append(self._number)
        try:
            worker.channel.send_bytes(write_task(self._number, task.items))
        except OSError:
            self._replace_worker(worker)

    def receive(self, channel: Connection) -> None:
        """Take an answer from a process, or replace the process where it has ended."""
        worker = next((w for w in self._pool.workers if w.channel is channel), None)
        if worker is None:
            return
        try:
            number, bad = read_answer(channel.recv_bytes())
        except (EOFError, OSError):
            self._replace_worker(worker)
            return
        worker.tasks.remove(number)
        worker.last_answer = time.monotonic()
        self._answered(self._sent.pop(number), bad)

    def _answered(self, task: _Task, bad: dict[int, str]) -> None:
        frame = task.frame
        for position in task.positions:
            row, reason = int(frame.rows[position]), bad.get(frame.start + position)
            if reason is None:
                self._rows.keep(row, frame.pixels[position])
                frame.missing -= 1
                continue
            self._rows.mark_bad(row, reason)
            frame.rows[position] = self._rows.instead(row, self._replace)
            if frame.rows[position] < 0:
                frame.missing -= 1
            else:
                self._pending.appendleft(_Task(frame, [], [position], -1))

    def _replace_worker(self, worker: Worker) -> None:
        """Start another process, and queue the lost one's images, each as a task of its own."""
        tasks = [self._sent.pop(number) for number in worker.tasks]
        status = self._pool.replace(worker)
        for index, task in enumerate(reversed(tasks)):
            # Only the oldest task can have ended the process: the others were still waiting.
            deaths = task.deaths + (index == len(tasks) - 1)
            if deaths >= _DEATHS:
                raise self._fatal_image(task, status)
            for position, item in zip(task.positions, task.items, strict=True):
                self._pending.appendleft(_Task(task.frame, [item], [position], -1, deaths))

    def _fatal_image(self, task: _Task, status: int) -> DataError:
        rows = (int(task.frame.rows[position]) for position in task.positions)
        names = ", ".join(map(self._rows.name, rows))
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return DataError(
            f"{_DEATHS} decoding processes in a row ended ({how}) while they decoded this image",
            where=names,
            next_step="repair or remove the image; if it happens with every image, look at the "
            "processes' messages on stderr and at the free memory",
        )

    def check_hung(self) -> None:
        """End processes that have not answered for long; their images are decoded again."""
        for worker in self._pool.workers:
            if worker.tasks and time.monotonic() - worker.last_answer > _HANGS:
                worker.process.kill()

    def finished(self) -> Iterator[Frame]:
        """Yield the complete frames, in the order in which they were begun."""
        while self._open and not self._open[0].missing:
            yield self._open.popleft()

    def drain(self) -> None:
        """Wait until no process has a task, so that none writes into a frame of a later pass."""
        self._pending.clear()
        for worker in list(self._pool.workers):
            while worker.tasks:
                if not worker.channel.poll(_HANGS):
                    worker.process.kill()
                try:
                    worker.tasks.remove(read_answer(worker.channel.recv_bytes())[0])
                except (EOFError, OSError):
                    self._pool.replace(worker)
                    break

    def abandon(self) -> None:
        """Drop everything after an error."""
        if not self._pool.closed:
            self.drain()
