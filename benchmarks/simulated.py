"""A runner that trains nothing: it writes what a rule says that training would have brought."""

from collections.abc import Callable, Mapping, Sequence

from cluster.runner import OnEvent
from jobs.store.artifacts import ArtifactStore
from schemas.job import Event, JobRequest, JobResult

Rule = Callable[[JobRequest], Mapping[str, float]]
"""The metrics that a job ends with."""


class SimulatedRunner:
    """Ends every job at once, in a real store, with the metrics of a rule."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.jobs = 0
        """Jobs trained so far."""
        self.epochs = 0
        """Epochs that they took."""

    def run(self, requests: Sequence[JobRequest], store: str, on_event: OnEvent) -> list[JobResult]:
        """Write the result of every request, one after another."""
        opened = ArtifactStore.open(store)
        return [self._train(request, opened, on_event) for request in requests]

    def request_stop(self) -> None:
        """Nothing to do: every job ends at once."""

    def _train(self, request: JobRequest, store: ArtifactStore, on_event: OnEvent) -> JobResult:
        assert request.continues is None, "a schedule that goes on from a shorter one costs less"
        job, epochs = request.job, request.job.recipe.epochs
        with store.writer(job) as writer:
            result = JobResult(
                job=job.id,
                status="done",
                attempt=writer.attempt,
                epochs=epochs,
                metrics=dict(self._rule(request)),
                seconds=1.0,
                device="simulated",
            )
            writer.finish(result)
        self.jobs += 1
        self.epochs += epochs
        on_event(Event(kind="ended", job=job.id, label=request.label, result=result))
        return result
