"""`--profile`: a trace of a few steps of the first job of every phase."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compound.cluster.runner import OnEvent, Runner, Take, in_order
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest, JobResult


@dataclass(frozen=True)
class Traced:
    """A runner whose first job of each call is traced."""

    runner: Runner
    store: ArtifactStore
    say: Callable[[str], None]

    def run(
        self,
        requests: Sequence[JobRequest],
        store: str,
        on_event: OnEvent,
        take: Take = in_order,
    ) -> list[JobResult]:
        """Train every request; see `Runner.run`. Prints the path of the trace."""
        first = [request for request in requests[:1] if request.evaluates is None]
        traced = [request.model_copy(update={"profile": True}) for request in first]
        results = self.runner.run([*traced, *requests[len(traced) :]], store, on_event, take)
        for request, result in zip(traced, results, strict=False):
            if result.attempt:  # another study may train the first job
                self._report(request, result)
        return results

    def _report(self, request: JobRequest, result: JobResult) -> None:
        label, path = request.label or result.job, self.store.trace(result.job)
        if path is None:
            self.say(f"no profile of {label}: its epochs are shorter than the steps to be traced")
            return
        waited = result.metrics.get("data_wait", 0.0)
        self.say(
            f"profile of {label}: {path} (open it in https://ui.perfetto.dev); "
            f"it waited for data for {waited:.1%} of its last epoch's training"
        )

    @property
    def stopping(self) -> bool:
        """Whether the runner was asked to stop."""
        return self.runner.stopping

    def request_stop(self) -> None:
        """Stop the runner."""
        self.runner.request_stop()
