"""The seam between a study and the machines: jobs in, results out."""

from collections.abc import Callable, Sequence
from typing import Protocol

from compound.schemas.job import Event, JobRequest, JobResult

OnEvent = Callable[[Event], None]
Take = Callable[[Sequence[JobRequest]], JobRequest | None]
"""Chooses which of the requests left starts next; None: others train them, or have."""


def in_order(requests: Sequence[JobRequest]) -> JobRequest | None:
    """Start the requests in their order."""
    return requests[0] if requests else None


class Runner(Protocol):
    """Trains jobs. `LocalRunner` and `RayRunner` are the two."""

    def run(
        self,
        requests: Sequence[JobRequest],
        store: str,
        on_event: OnEvent,
        take: Take = in_order,
    ) -> list[JobResult]:
        """Train every request and report events; return results in the same order.

        `take` is asked, in the calling thread, when a job is about to start. What it does not
        return is not begun, and its result is `unfinished`.

        A job that fails is a result with status `failed`; a job that is done in the store
        already is not trained again. `on_event` is called in the calling thread.

        Raises:
            ClusterError: a request can never fit where this runner runs.
            StoreError: the store cannot be opened.
        """
        ...

    def request_stop(self) -> None:
        """End after the running epochs, with checkpoints; safe to call from a signal handler.

        Running jobs, and jobs that had not begun, end with status `stopped`. The runner starts no
        job afterwards.
        """
        ...

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop, and starts no more jobs."""
        ...


def unfinished(request: JobRequest, epochs: int = 0) -> JobResult:
    """Return the result of a job that was stopped before its attempt began."""
    return JobResult(job=request.job.id, status="stopped", attempt=0, epochs=epochs)
