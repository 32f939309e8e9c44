"""What a study has spent so far, counted as it runs, and the stop at its spending limit."""

import time
from collections.abc import Callable, Sequence

from compound.cluster.resources import Node, gpus_of, resolve
from compound.cluster.runner import OnEvent, Runner, Take, in_order, unfinished
from compound.orchestrator.forecast.budget_check import exceeded
from compound.schemas.job import Event, JobRequest, JobResult, Resources
from compound.schemas.metrics import SECONDS
from compound.schemas.spending import Spending, Spent

_EVERY_S = 1.0
"""Seconds between two writings of what was spent; a killed driver loses at most that much."""
_HOUR = 3600


class SpendingLimit:
    """A runner that counts the hours of its jobs, and stops the runner behind it at the limit.

    Hours are those of the epochs, and of evaluations on the test part, as their workers timed them;
    an epoch that was trained twice counts twice. Jobs finish their epoch, so the limit is exceeded
    by up to that. A limit on epochs does not stop evaluations, which have none.
    """

    def __init__(
        self,
        runner: Runner,
        budget: Spending,
        nodes: Sequence[Node],
        spent: Spent,
        keep: Callable[[Spent], None],
        limit: Node | None = None,
    ) -> None:
        """`spent`: what the study spent in earlier calls; `keep` saves what it has spent.

        `limit`: what an autoscaler may grow the nodes to.
        """
        self._runner, self.budget, self._nodes, self._most = runner, budget, nodes, limit
        self._keep, self._saved_at = keep, 0.0
        self._sizes: dict[str, Resources] = {}
        self._open: set[str] = set()
        self.spent = spent
        self.limit = self._reached(training=True)
        """Which limit is reached, as a text; empty while none is."""

    def request_stop(self) -> None:
        """End after the running epochs; see `Runner.request_stop`."""
        self._runner.request_stop()

    @property
    def stopping(self) -> bool:
        """Whether the runner was asked to stop, or the budget is spent."""
        return self._runner.stopping or bool(self._reached(training=True))

    def run(
        self,
        requests: Sequence[JobRequest],
        store: str,
        on_event: OnEvent,
        take: Take = in_order,
    ) -> list[JobResult]:
        """Train every request as long as the budget lasts; see `Runner.run`."""
        evaluated = {request.job.id for request in requests if request.evaluates is not None}
        if self._reached(training=len(evaluated) < len(requests)):
            return [unfinished(request) for request in requests]
        self._sizes = {r.job.id: r.resources for r in resolve(requests, self._nodes, self._most)}
        self._open = {*self._sizes}
        epochs = {request.job.id: request.job.recipe.epochs for request in requests}

        def count(event: Event) -> None:
            if event.workers is not None:
                self._sizes[event.job] = self._sizes[event.job].sized(event.workers)
            if event.kind == "started":
                self._open.add(event.job)
            if event.kind == "epoch" and event.row is not None:
                if event.row.epoch == epochs[event.job]:
                    self._open.discard(event.job)
                self._count(event.job, event.row.metrics.get(SECONDS, 0.0), epochs=1)
            if event.kind == "ended" and event.result is not None:
                self._open.discard(event.job)
                if event.job in evaluated:
                    self._count(event.job, event.result.seconds, epochs=0)
            on_event(event)

        try:
            return self._runner.run(requests, store, count, take)
        finally:
            self._keep(self.spent)

    def _reached(self, *, training: bool) -> str:
        """Return which limit is reached, as a text; that on epochs is one of training only."""
        reached = exceeded(self.budget, self.spent)
        return next((text for name, text in reached if training or name != "epochs"), "")

    def _count(self, job: str, seconds: float, epochs: int) -> None:
        spent = _spent_on(seconds, epochs, self._sizes[job], self.budget)
        self.spent = self.spent.plus(spent)
        self.limit = self.limit or self._reached(training=True)
        # A runner that was stopped starts nothing more, and the test part may follow.
        if self._open and self._reached(training=epochs > 0):
            self._runner.request_stop()
        if time.monotonic() - self._saved_at > _EVERY_S:
            self._keep(self.spent)
            self._saved_at = time.monotonic()


def _spent_on(seconds: float, epochs: int, size: Resources, budget: Spending) -> Spent:
    hours = seconds * size.most_workers / _HOUR
    gpu_hours, cpu_hours = hours * gpus_of(size), hours * (size.cpus + size.decode_cpus)
    money = budget.money_for(gpu_hours, cpu_hours)
    return Spent(epochs=epochs, gpu_hours=gpu_hours, cpu_hours=cpu_hours, money=money)
