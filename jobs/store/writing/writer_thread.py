"""A thread for writes that the training loop need not wait for."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

_log = logging.getLogger(__name__)


class WriterThread:
    """Runs one task at a time; its error is raised by the next call.

    A second task waits until the first is over. Dropping it would lose more than one interval of
    work to a kill, and queueing it would need memory for a second snapshot.
    """

    def __init__(self) -> None:
        # A pool of one, not a Thread: a Future carries the task's error to the caller.
        self._pool = ThreadPoolExecutor(1, "checkpoint")
        self._task: Future[None] | None = None

    def start(self, task: Callable[[], None]) -> None:
        """Begin a task, once the one before it is over; raises what that one raised."""
        self.wait()
        self._task = self._pool.submit(task)

    @property
    def idle(self) -> bool:
        """Whether no task is running; an error may still have to be raised."""
        return self._task is None or self._task.done()

    def check(self) -> None:
        """Raise what the task raised, if it is over by now."""
        if self.idle:
            self.wait()

    def wait(self) -> None:
        """Wait for the task, and raise what it raised, once."""
        task, self._task = self._task, None
        if task:
            task.result()

    def close(self) -> None:
        """Wait for the task and end the thread; what the task raised is only logged."""
        try:
            self.wait()
        except Exception as error:
            _log.warning("the last checkpoint was not written: %s", error)
        finally:
            self._pool.shutdown()
