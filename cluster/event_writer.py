"""The events of one job of the local runner."""

from collections.abc import Sequence

from compound.cluster.runner import OnEvent
from compound.schemas.job import EpochRow, Event, JobRequest


class EventWriter:
    """Reports one job, each epoch once."""

    def __init__(self, request: JobRequest, on_event: OnEvent) -> None:
        self._request, self._on_event = request, on_event
        self.passed = 0

    def started(self, workers: int) -> None:
        """The job has begun with so many workers."""
        job, label = self._request.job.id, self._request.label
        self._on_event(Event(kind="started", job=job, label=label, workers=workers))

    def waiting(self, message: str) -> None:
        """The job continues in another process."""
        job, label = self._request.job.id, self._request.label
        self._on_event(Event(kind="waiting", job=job, label=label, message=message))

    def epoch(self, row: EpochRow) -> None:
        """An epoch has ended."""
        job, label = self._request.job.id, self._request.label
        self._on_event(Event(kind="epoch", job=job, label=label, row=row))

    def new_rows(self, rows: Sequence[EpochRow]) -> None:
        """Report the rows after those that were reported before."""
        for row in rows[self.passed :]:
            self.epoch(row)
        self.passed = max(self.passed, len(rows))
