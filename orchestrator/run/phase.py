"""Trains the jobs of one phase of a study: those that are not done yet, again where that helps."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from compound.cluster.runner import Runner
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.done_jobs import DoneJobs, Ended
from compound.jobs.training.optimiser.schedule import Steps, steps
from compound.orchestrator.records.history import History
from compound.orchestrator.run.progress import Phase
from compound.schemas.job import Event, JobRequest, JobResult
from compound.schemas.plan import PlannedJob

RETRIED = ("storage", "worker lost", "preempted", "interrupted")
"""Causes outside the job itself: running the study again tries these jobs anew."""

Ending = Literal["done", "stopped"]
Again = tuple[JobRequest, str]
"""What is tried after an attempt that failed, and why in a line."""


class Observer(Protocol):
    """Whoever watches a study at work: the terminal, the gauges, the log of events."""

    def phase(self, phase: Phase) -> None:
        """A phase begins."""

    def event(self, event: Event) -> None:
        """A runner tells what happens."""

    def note(self, text: str) -> None:
        """The study has decided something: a sentence for people."""


@dataclass(frozen=True)
class PhaseRunner:
    """A runner with the rules by which a study gives it jobs."""

    store: ArtifactStore
    runner: Runner
    observer: Observer
    images: int
    """Training images of the data: what micro-batches are reckoned from."""
    history: History
    index: DoneJobs
    """Of the study's jobs that are done: whoever reads the study need not open them."""
    retries: int = 1
    """How often a job that raised an error is tried again in a call of `train`."""
    retry_failed: bool = False
    """Train jobs anew that failed for good in an earlier call."""

    def train(self, title: str, jobs: Sequence[PlannedJob]) -> Ending:
        """Train what is not done yet; say whether the runner was told to stop.

        A job out of memory is given again with micro-batches half as large, down to one image;
        one that raised an error as it is, at most `retries` times. What has failed then stays so.
        """
        requests = {job.request.job.id: job.request for job in jobs}
        results = self.store.results(requests)
        self.index.add(self._ended(results))
        pending = [one for id_, one in requests.items() if self._wanted(one, results.get(id_))]
        ended = requests.keys() - {request.job.id for request in pending}
        done = {job for job in ended if results[job].status != "failed"}
        reused = self.history.origins(done)
        failed = len(ended) - len(done)
        self.observer.phase(Phase(title, len(requests), len(pending), failed, reused))
        fresh = [self._begun(request, results.get(request.job.id)) for request in pending]
        self.history.learn(requests.values())
        try:
            return self._carry_through(fresh)
        finally:
            self.index.write()

    def _ended(self, results: Mapping[str, JobResult]) -> Iterator[Ended]:
        done = [job for job, result in results.items() if result.status == "done"]
        return (ended for job in done if (ended := self.store.ended(job)))

    def _carry_through(self, pending: list[JobRequest]) -> Ending:
        tries: Counter[str] = Counter()
        while pending:
            ended = self.runner.run(pending, self.store.uri, self._teller(pending, tries))
            if any(map(_stopped, ended)):
                return "stopped"
            following = [self._again(*pair, tries) for pair in zip(pending, ended, strict=True)]
            tries.update(result.job for result in ended if _kind(result) == "error")
            pending = [again[0] for again in following if again]
        return "done"

    def _teller(self, pending: list[JobRequest], tries: Counter[str]) -> Callable[[Event], None]:
        """Return what passes events on; the end of an attempt that is not the job's says so."""
        by_id = {request.job.id: request for request in pending}

        def tell(event: Event) -> None:
            ended = event.result if event.kind == "ended" else None
            again = self._again(by_id[event.job], ended, tries) if ended else None
            if again:
                event = event.model_copy(
                    update={"kind": "again", "result": None, "message": again[1]}
                )
            elif ended and ended.status == "done":
                self.index.add(self._ended({ended.job: ended}))
            self.observer.event(event)

        return tell

    def _again(self, request: JobRequest, result: JobResult, tries: Counter[str]) -> Again | None:
        """Return what to try after an attempt; None where the job has ended."""
        if _kind(result) == "out of memory":
            return self._smaller(request)
        if _kind(result) == "error" and tries[result.job] < self.retries:
            assert result.cause is not None
            if result.cause.fix:  # the host's fault: it is mended first, then the study goes on
                return None
            which = f"{tries[result.job] + 1} of {self.retries}"
            return request, f"error: {_line(result.cause.message)}; trying again ({which})"
        return None

    def _smaller(self, request: JobRequest) -> Again | None:
        """Return the request with micro-batches half as large; None where they do not halve."""
        now = self._steps(request)
        half = now.halved()
        if half is None:
            return None
        told = f"out of memory: trying micro-batches of {half.micro} instead of {now.micro}"
        return request.model_copy(update={"splits": 2 * request.splits}), told

    def _steps(self, request: JobRequest) -> Steps:
        recipe, workers = request.job.recipe, request.resources.most_workers
        return steps(recipe, self.images, workers, request.splits)

    def _wanted(self, request: JobRequest, result: JobResult | None) -> bool:
        if request.settled(result):
            return False
        if (
            result is None
            or result.status == "stopped"
            or self.retry_failed
            or _kind(result) in RETRIED
            or (result.cause and result.cause.fix)
        ):
            return True
        at_fault = self._with(request, result.splits)
        return _kind(result) == "out of memory" and self._smaller(at_fault) is not None

    def _begun(self, request: JobRequest, result: JobResult | None) -> JobRequest:
        """Return a request as its first try in this call: what the store knows is not relearnt."""
        known = self.history.continued(request, self._steps(request))
        if result is None:
            return known
        known = self._with(known, result.splits)
        again = self._smaller(known) if _kind(result) == "out of memory" else None
        return again[0] if again else known

    def _with(self, request: JobRequest, splits: int) -> JobRequest:
        """Return a request with as many splits as it had, whole if these do not fit any longer."""
        recipe, workers = request.job.recipe, request.resources.most_workers
        whole = steps(recipe, self.images, workers).micro
        return request.model_copy(update={"splits": splits if whole % splits == 0 else 1})


def _stopped(result: JobResult) -> bool:
    return result.status == "stopped" and _kind(result) != "pruned"


def _kind(result: JobResult) -> str:
    return result.cause.kind if result.cause and result.status != "done" else ""


def _line(message: str) -> str:
    return message.partition("\n")[0][:120]
