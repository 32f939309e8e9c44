"""A pass over rows: decoded ahead of the training loop, frame by frame."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, Pipe, wait
from queue import SimpleQueue

import numpy as np

from compound.jobs.data.sources.dataset import Indices, Pixels
from compound.jobs.data.stream.dispatch import Dispatch, Frame
from compound.jobs.data.stream.encoded_rows import EncodedRows
from compound.jobs.data.stream.pool import Pool

_PATIENCE = 5.0


class LocalReader:
    """Yields the pixels, uint8 (B, C, R, R), and the rows of one frame after another.

    A thread of this process sends tasks to the decoding processes and collects their answers while
    the caller trains. Pixels are valid until the next frame is requested.
    """

    def __init__(
        self, rows: EncodedRows, pool: Pool, frames: Sequence[Indices], size: int, replace: bool
    ) -> None:
        """Read `frames` of at most `size` rows. Bad images are replaced, or else left out."""
        self._rows, self._pool, self._frames = rows, pool, frames
        self._dispatch = Dispatch(rows, pool, replace)
        self._free = deque(range(0, len(pool.slots) - size + 1, size))
        self._ready: SimpleQueue[Frame | BaseException] = SimpleQueue()
        self._stopping, self._over = False, threading.Event()
        # A pipe, not an event: the thread waits for it and for the decoders' sockets in one call.
        self._listen, self._wake = Pipe(duplex=False)
        self.waited = 0.0
        """Seconds that the caller had to wait for a frame."""
        # A daemon: a process that ends because of an error must not wait for it.
        threading.Thread(target=self._run, name="compound-decode", daemon=True).start()

    def __iter__(self) -> Iterator[tuple[Pixels, Indices]]:
        """Yield the frames. DataError: an image cannot be read, or too many are bad."""
        try:
            for _ in self._frames:
                frame = self._next()
                yield frame.pixels, frame.rows
                self._free.append(frame.start)
                self._wake.send_bytes(b"free")
        finally:
            self.close()

    def close(self) -> None:
        """End the pass; images that are being decoded are waited for and dropped."""
        self._stopping = True
        if not self._over.is_set():
            self._wake.send_bytes(b"stop")
            self._over.wait()

    def _next(self) -> Frame:
        started = time.perf_counter()
        frame = self._ready.get()
        self.waited += time.perf_counter() - started
        if isinstance(frame, BaseException):
            raise frame
        return frame

    def _run(self) -> None:
        try:
            self._rows.begin(np.concatenate([np.empty(0, dtype=np.int64), *self._frames]))
            self._pump()
        except BaseException as error:  # raised again where the frame is requested
            self._ready.put(error)
            self._dispatch.abandon()
        finally:
            self._over.set()
        self._rows.seal()

    def _pump(self) -> None:
        coming = iter(self._frames)
        begun = 0
        while begun < len(self._frames) or self._dispatch.busy:
            if self._stopping:
                self._dispatch.drain()
                return
            while self._free and begun < len(self._frames) and self._dispatch.needs_tasks:
                self._dispatch.begin(self._free.popleft(), next(coming))
                begun += 1
            self._dispatch.send()
            for frame in self._dispatch.finished():
                self._ready.put(frame)
            if self._dispatch.waiting or not self._free:
                self._await()

    def _await(self) -> None:
        channels: list[Connection] = [worker.channel for worker in self._pool.workers]
        for channel in wait([*channels, self._listen], _PATIENCE):
            if channel is self._listen:
                self._listen.recv_bytes()
            else:
                self._dispatch.receive(channel)  # type: ignore[arg-type]
        self._dispatch.check_hung()
