"""The events of one job of the local runner."""

import os
import socket
from collections.abc import Sequence
from typing import Any

from compound.cluster.runner import OnEvent
from compound.schemas.job import EpochRow, Event, JobRequest, JobResult

Site = dict[str, Any]
"""Where a job trains: the fields `host`, `worker` and `hosts` of an event."""


def site_of(hosts: Sequence[str], pid: int) -> Site:
    """Return where a job trains by its workers' hosts and the process of the first worker."""
    return {"host": hosts[0], "worker": f"{hosts[0]}/{pid}", "hosts": tuple(hosts)}


class EventWriter:
    """Reports one job, each epoch once."""

    def __init__(self, request: JobRequest, on_event: OnEvent) -> None:
        self._request, self._on_event = request, on_event
        self._site, self._attempt = Site(), 0
        self.passed = 0

    def started(self, workers: int, attempt: int, pid: int | None = None) -> None:
        """An attempt has begun with so many workers, in a process of this machine."""
        hosts = [socket.gethostname()] * workers
        self._site, self._attempt = site_of(hosts, pid or os.getpid()), attempt
        self._report("started", workers=workers, attempt=attempt, **self._site)

    def waiting(self, message: str) -> None:
        """The job continues in another process."""
        self._report("waiting", message=message, attempt=self._attempt)

    def epoch(self, row: EpochRow) -> None:
        """An epoch has ended."""
        times = {"attempt": row.attempt, "wall_time": row.wall_time}
        self._report("epoch", row=row, **times, **self._site)

    def ended(self, result: JobResult) -> None:
        """The job has ended."""
        attempt = result.attempt or self._attempt
        site = self._site if attempt == self._attempt else Site()  # else the driver recorded it
        self._report("ended", result=result, attempt=attempt, **site)

    def _report(self, kind: Any, **details: Any) -> None:
        job, label = self._request.job.id, self._request.label
        self._on_event(Event(kind=kind, job=job, label=label, **details))

    def new_rows(self, rows: Sequence[EpochRow]) -> None:
        """Report the rows after those that were reported before."""
        for row in rows[self.passed :]:
            self.epoch(row)
        self.passed = max(self.passed, len(rows))
