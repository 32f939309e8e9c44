"""Trains the jobs of one phase of a study: those that are not done yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from cluster.runner import Runner
from jobs.store.artifacts import ArtifactStore
from schemas.job import Event, JobRequest, JobResult
from schemas.plan import PlannedJob

RETRIED = ("storage", "worker lost", "interrupted")
"""Causes outside the job itself: running the study again tries these jobs anew."""

Ending = Literal["done", "stopped"]


class Observer(Protocol):
    """Whoever watches a study at work: the terminal, the gauges, the log of events."""

    def phase(self, title: str, jobs: int, pending: int) -> None:
        """A phase begins, with this many jobs, of which `pending` are yet to be trained."""

    def event(self, event: Event) -> None:
        """A runner tells what happens."""


@dataclass(frozen=True)
class Crew:
    """A runner with the rules by which a study gives it jobs."""

    store: ArtifactStore
    runner: Runner
    observer: Observer
    retry_failed: bool = False

    def train(self, title: str, jobs: Sequence[PlannedJob]) -> Ending:
        """Train what is not done yet; say whether the runner was told to stop."""
        requests = {job.request.job.id: job.request for job in jobs}
        results = self.store.results(requests)
        pending = [one for id_, one in requests.items() if self._wanted(one, results.get(id_))]
        self.observer.phase(title, len(requests), len(pending))
        if not pending:
            return "done"
        ended = self.runner.run(pending, self.store.uri, self.observer.event)
        stopped = any(result.status == "stopped" and not result.pruned for result in ended)
        return "stopped" if stopped else "done"

    def _wanted(self, request: JobRequest, result: JobResult | None) -> bool:
        if request.settled(result):
            return False
        if result is None or result.status == "stopped":
            return True
        assert result.cause is not None
        return self.retry_failed or result.cause.kind in RETRIED
