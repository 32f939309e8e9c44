"""What a study has spent so far, counted as it runs, and the stop at its spending limit."""

import time
from collections.abc import Callable, Sequence

from compound.cluster.resources import Node, gpus_of, resolve
from compound.cluster.runner import OnEvent, Runner, unfinished
from compound.orchestrator.forecast.budget_check import exceeded
from compound.schemas.job import EpochRow, Event, JobRequest, JobResult, Resources
from compound.schemas.metrics import SECONDS
from compound.schemas.spending import Spending, Spent

_EVERY_S = 1.0
"""Seconds between two writings of what was spent; a killed driver loses at most that much."""
_HOUR = 3600


class SpendingLimit:
    """A runner that counts the hours of its jobs, and stops the runner behind it at the limit.

    Hours are those of the epochs as their workers timed them; an epoch that was trained twice
    counts twice. Jobs finish their epoch, so the limit is exceeded by up to that.
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
        self._runner, self._budget, self._nodes, self._most = runner, budget, nodes, limit
        self._keep, self._saved_at = keep, 0.0
        self._sizes: dict[str, Resources] = {}
        self.spent = spent
        self.limit = next((text for _, text in exceeded(budget, spent)), "")
        """Which limit is reached, as a text; empty while none is."""

    def request_stop(self) -> None:
        """End after the running epochs; see `Runner.request_stop`."""
        self._runner.request_stop()

    def run(self, requests: Sequence[JobRequest], store: str, on_event: OnEvent) -> list[JobResult]:
        """Train every request as long as the budget lasts; see `Runner.run`."""
        if self.limit:
            return [unfinished(request) for request in requests]
        self._sizes = {r.job.id: r.resources for r in resolve(requests, self._nodes, self._most)}

        def count(event: Event) -> None:
            if event.workers is not None:
                self._sizes[event.job] = self._sizes[event.job].sized(event.workers)
            if event.kind == "epoch" and event.row is not None:
                self._count(event.row)
            on_event(event)

        try:
            return self._runner.run(requests, store, count)
        finally:
            self._keep(self.spent)

    def _count(self, row: EpochRow) -> None:
        self.spent = self.spent.plus(_spent_on(row, self._sizes[row.job], self._budget))
        if not self.limit:
            self.limit = next((text for _, text in exceeded(self._budget, self.spent)), "")
            if self.limit:
                self._runner.request_stop()
        if time.monotonic() - self._saved_at > _EVERY_S:
            self._keep(self.spent)
            self._saved_at = time.monotonic()


def _spent_on(row: EpochRow, size: Resources, budget: Spending) -> Spent:
    hours = row.metrics.get(SECONDS, 0.0) * size.most_workers / _HOUR
    gpu_hours, cpu_hours = hours * gpus_of(size), hours * (size.cpus + size.decode_cpus)
    money = budget.money_for(gpu_hours, cpu_hours)
    return Spent(epochs=1, gpu_hours=gpu_hours, cpu_hours=cpu_hours, money=money)
