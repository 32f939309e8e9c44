"""Deals images out to decoding processes, and puts together what they bring back."""

import signal
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

from compound.jobs.data.dataset import Indices, Pixels
from compound.jobs.data.stream.encoded_rows import EncodedRows
from compound.jobs.data.stream.messages import Item, read_answer, write_task
from compound.jobs.data.stream.pool import Pool, Worker
from compound.schemas.errors import DataError

TASK = 4
"""Images of a task: enough to hide the way there, few enough to share evenly."""
_AHEAD = 2
"""Tasks that a process has at once: one in work, one waiting."""
_DEATHS = 3
"""How many processes may die over the same image."""
_HANGS = 120.0
"""Seconds without an answer after which a process is taken to hang."""


@dataclass
class Frame:
    """Images that are handed out together."""

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
    places: list[int]
    """Where in the frame."""
    last: int
    """The position in the walk of its last image, or -1 for one that replaces another."""
    deaths: int = 0


class Dispatch:
    """The state of one walk; used by its thread alone."""

    def __init__(self, stock: EncodedRows, pool: Pool, replace: bool) -> None:
        self._stock, self._pool, self._replace = stock, pool, replace
        self._open: deque[Frame] = deque()
        self._pending: deque[_Task] = deque()
        self._sent: dict[int, _Task] = {}
        self._number = self._position = 0

    @property
    def busy(self) -> bool:
        """Whether a frame has been begun and not been handed out."""
        return bool(self._open)

    @property
    def waiting(self) -> bool:
        """Whether a process is at work."""
        return bool(self._sent)

    @property
    def hungry(self) -> bool:
        """Whether the processes could do with more work."""
        return len(self._pending) < _AHEAD * len(self._pool.workers)

    def begin(self, start: int, rows: Indices) -> None:
        """Begin a frame: take what the cache has, and queue the rest."""
        settled = self._stock.settled(rows.copy(), self._replace)
        frame = Frame(start, self._pool.slots[start : start + len(rows)], settled)
        self._open.append(frame)
        cached = self._stock.cached(settled)
        if len(cached) == len(rows):
            self._stock.read(settled, frame.pixels)
        elif len(cached):
            few = frame.pixels[cached]
            self._stock.read(settled[cached], few)
            frame.pixels[cached] = few
        done = set(cached.tolist())
        places = [p for p in range(len(rows)) if settled[p] >= 0 and p not in done]
        frame.missing = len(places)
        self._stock.expect(settled[places])
        for first in range(0, len(places), TASK):
            part = places[first : first + TASK]
            self._pending.append(_Task(frame, [], part, self._position + part[-1]))
        self._position += len(rows)

    def send(self) -> None:
        """Give tasks to the processes that have room for them."""
        while self._pending:
            worker = min(self._pool.workers, key=lambda each: len(each.tasks))
            if len(worker.tasks) == _AHEAD:
                return
            self._give(worker, self._pending.popleft())

    def _give(self, worker: Worker, task: _Task) -> None:
        frame = task.frame
        if not task.items:
            rows = [int(frame.rows[place]) for place in task.places]
            encoded = [self._stock.take(row) for row in rows]
            slots = [frame.start + place for place in task.places]
            task.items = [Item(*both) for both in zip(slots, encoded, strict=True)]
            if task.last >= 0:
                self._stock.passed(rows[0], task.last)
        self._number += 1
        self._sent[self._number] = task
        if not worker.tasks:
            worker.heard = time.monotonic()
        worker.tasks.append(self._number)
        try:
            worker.channel.send_bytes(write_task(self._number, task.items))
        except OSError:
            self._lost(worker)

    def hear(self, channel: Connection) -> None:
        """Take an answer from a process, or notice that it is gone."""
        worker = next((w for w in self._pool.workers if w.channel is channel), None)
        if worker is None:
            return
        try:
            number, bad = read_answer(channel.recv_bytes())
        except (EOFError, OSError):
            self._lost(worker)
            return
        worker.tasks.remove(number)
        worker.heard = time.monotonic()
        self._answered(self._sent.pop(number), bad)

    def _answered(self, task: _Task, bad: dict[int, str]) -> None:
        frame = task.frame
        for place in task.places:
            row, reason = int(frame.rows[place]), bad.get(frame.start + place)
            if reason is None:
                self._stock.keep(row, frame.pixels[place])
                frame.missing -= 1
                continue
            self._stock.note(row, reason)
            frame.rows[place] = self._stock.instead(row, self._replace)
            if frame.rows[place] < 0:
                frame.missing -= 1
            else:
                self._pending.appendleft(_Task(frame, [], [place], -1))

    def _lost(self, worker: Worker) -> None:
        """Start another process, and give it the images of the lost one, each alone."""
        tasks = [self._sent.pop(number) for number in worker.tasks]
        status = self._pool.replace(worker)
        for place, task in enumerate(reversed(tasks)):
            blamed = task.deaths + (place == len(tasks) - 1)
            if blamed >= _DEATHS:
                raise self._deadly(task, status)
            for at, item in zip(task.places, task.items, strict=True):
                self._pending.appendleft(_Task(task.frame, [item], [at], -1, blamed))

    def _deadly(self, task: _Task, status: int) -> DataError:
        names = ", ".join(self._stock.name(int(task.frame.rows[place])) for place in task.places)
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return DataError(
            f"{_DEATHS} decoding processes in a row ended ({how}) while they had this image",
            where=names,
            next_step="mend or remove the image; if all of them end so, look at their messages on "
            "stderr and at the memory that is left",
        )

    def check_hung(self) -> None:
        """End processes that have not answered for long; their images are tried again."""
        for worker in self._pool.workers:
            if worker.tasks and time.monotonic() - worker.heard > _HANGS:
                worker.process.kill()

    def finished(self) -> Iterator[Frame]:
        """Yield the frames that are whole, in the order in which they were begun."""
        while self._open and not self._open[0].missing:
            yield self._open.popleft()

    def drain(self) -> None:
        """Wait until no process has work, so that none writes into a frame of a later walk."""
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
