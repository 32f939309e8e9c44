"""Trains the jobs of one phase of a study: those that are not done yet, again where that helps."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from compound.cluster.retries import INTERRUPTIONS, Decision, decide, tried_by_next_run
from compound.cluster.runner import Runner, Take
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.store.folders.done_jobs import DoneJobs, Ended
from compound.jobs.training.optimiser.schedule import Steps, steps
from compound.orchestrator.records.history import History
from compound.orchestrator.run.phase_start import Phase, by_studies
from compound.orchestrator.run.shared_jobs import SharedJobs
from compound.orchestrator.wording.numbers import counted
from compound.schemas.job import Event, JobRequest, JobResult
from compound.schemas.plan import PlannedJob
from compound.schemas.retries import RetryLimits

Ending = Literal["done", "stopped"]

_TRAINED_ELSEWHERE = Decision("retry", "another driver trains it now, and its result is taken")
"""What follows an attempt that another one has taken over."""


class Observer(Protocol):
    """What observes a study while it runs: the terminal, the gauges, the log of events."""

    def phase(self, phase: Phase) -> None:
        """A phase begins."""

    def event(self, event: Event) -> None:
        """A runner reports an event."""

    def note(self, text: str) -> None:
        """The study has decided something: a sentence for people."""


@dataclass(frozen=True)
class PhaseRunner:
    """A runner with the rules by which a study gives it jobs."""

    store: ArtifactStore
    runner: Runner
    observer: Observer
    images: int
    """Training images of the data: micro-batches are computed from them."""
    history: History
    index: DoneJobs
    """Of the study's jobs that are done: readers of the study need not open them."""
    limits: RetryLimits = field(default_factory=RetryLimits)
    """`error`: how often a job that raised an error is tried again in a call of `train`."""
    retry_failed: bool = False
    """Train jobs anew that failed for good in an earlier call."""

    def train(self, title: str, jobs: Sequence[PlannedJob]) -> Ending:
        """Train what is not done yet; say whether the runner was told to stop.

        A job out of memory is given again with micro-batches half as large, down to one image;
        one that raised an error as it is, at most `limits.error` times. See `retries.decide`.
        """
        self.shared.sweep()
        requests = {job.request.job.id: job.request for job in jobs}
        results = self.store.results(requests)
        self.index.add(self._ended(results))
        pending = [r for id_, r in requests.items() if self._is_pending(r, results.get(id_))]
        pending += self._retried_elsewhere(requests, results)
        ended = requests.keys() - {request.job.id for request in pending}
        done = {job for job in ended if results[job].status != "failed"}
        reused = self.history.origins(done)
        failed = len(ended) - len(done)
        self.observer.phase(Phase(title, len(requests), len(pending), failed, reused, pending))
        first_attempts = [
            self._first_attempt(request, results.get(request.job.id)) for request in pending
        ]
        self.history.learn(requests.values())
        try:
            ending = self._run_with_retries(first_attempts)
        finally:
            self.shared.clear()
            self.index.write()
        self._name_trainers(title, requests.keys())
        return ending

    def keep_known(self, jobs: Collection[str]) -> bool:
        """Keep jobs of a phase that has ended in the study's index; False: some are gone.

        So the study still knows of them when it trains only later phases.
        """
        results = self.store.results(jobs)
        self.index.add(self._ended(results))
        return len(results) == len({*jobs})

    def _retried_elsewhere(
        self, requests: Mapping[str, JobRequest], results: Mapping[str, JobResult]
    ) -> list[JobRequest]:
        """Return jobs that have failed for good, and that another driver trains again now."""
        final = [
            job
            for job, result in results.items()
            if result.status == "failed" and not self._is_pending(requests[job], result)
        ]
        return [requests[job] for job in self.shared.trained_elsewhere(final)]

    def _name_trainers(self, title: str, jobs: Collection[str]) -> None:
        """Say how many of a phase's jobs other studies have ended while it ran."""
        if ended := self.shared.ended & {*jobs}:
            studies = by_studies(self.history.planned_by_others(ended))
            number = (
                f"{counted(len(jobs), 'job')}, {len(ended)} of them trained meanwhile by others"
            )
            self.observer.note(f"{title}: {number}" + (f" ({studies})" if studies else ""))

    @cached_property
    def shared(self) -> SharedJobs:
        """Which jobs this driver may start, beside the drivers of other studies."""
        return SharedJobs(self.store.reservations(self.history.study), self.observer.note)

    def _ended(self, results: Mapping[str, JobResult]) -> Iterator[Ended]:
        done = [job for job, result in results.items() if result.status == "done"]
        return (ended for job in done if (ended := self.store.ended(job)))

    def _run_with_retries(self, pending: list[JobRequest]) -> Ending:
        errors: Counter[str] = Counter()
        while pending:
            forward = self._forwarder(pending, errors)
            self.shared.begin_round()
            results = self.runner.run(pending, self.store.uri, forward, self._taker(pending))
            left = {result.job for result in results if self._is_left(result)}
            stopped = any(_stopped(result) for result in results if result.job not in left)
            if stopped or (left and self.runner.stopping):
                return "stopped"
            revisited = self._revisited_all([r for r in pending if r.job.id in left])
            following = [
                revisited[request.job.id]
                if request.job.id in left
                else self._after(request, result, errors)
                for request, result in zip(pending, results, strict=True)
            ]
            errors.update(result.job for result in results if _kind(result) == "error")
            pending = [request for request in following if request]
            if left and pending and not self.shared.started:
                self.shared.wait(pending, lambda: self.runner.stopping)
        return "done"

    def _taker(self, pending: list[JobRequest]) -> Take:
        """Return what chooses the next job: one that no other driver trains, and none has ended."""
        by_id = {request.job.id: request for request in pending}

        def may_start(request: JobRequest) -> bool:
            request = by_id[request.job.id]
            return self._revisited(request) == request

        return lambda requests: self.shared.take(requests, may_start)

    def _is_left(self, result: JobResult) -> bool:
        """Whether a job was not begun: others train it or have ended it, or the runner stopped."""
        begun = result.job in self.shared.started or result.attempt
        return result.status == "stopped" and not begun

    def _revisited_all(self, requests: Sequence[JobRequest]) -> dict[str, JobRequest | None]:
        """Return how jobs that were not begun would start now; see `_revisited`."""
        busy = self.shared.trained_elsewhere([request.job.id for request in requests])
        return {r.job.id: r if r.job.id in busy else self._revisited(r) for r in requests}

    def _revisited(self, request: JobRequest) -> JobRequest | None:
        """Return how a job would start now; None, and report it, where others have ended it."""
        result = self.store.result(request.job.id)
        if self._is_pending(request, result):
            return self._first_attempt(request, result)
        if result and result.job not in self.shared.ended:
            self.shared.ended.add(result.job)
            self.index.add(self._ended({result.job: result}))
            message = f"by {self.shared.trainer(result.job)}"
            ended = Event(kind="ended", job=result.job, label=request.label, result=result)
            update = {"message": message, "attempt": result.attempt}
            self.observer.event(ended.model_copy(update=update))
        return None

    def _forwarder(
        self, pending: list[JobRequest], errors: Counter[str]
    ) -> Callable[[Event], None]:
        """Return what passes events on; an attempt's end with the decision on what follows."""
        by_id = {request.job.id: request for request in pending}

        def forward(event: Event) -> None:
            result = event.result if event.kind == "ended" else None
            if result:
                decision = self._decide(by_id[event.job], result, errors)
                over = decision is None or decision.action == "give_up"
                if over or decision == _TRAINED_ELSEWHERE:
                    self.shared.release(event.job)
                event = self._with_decision(event, by_id[event.job], result, decision)
                if result.status == "done":
                    self.index.add(self._ended({result.job: result}))
            self.observer.event(event)

        return forward

    def _with_decision(
        self, event: Event, request: JobRequest, result: JobResult, decision: Decision | None
    ) -> Event:
        """Return the event of an attempt's end, with its reason; `again` where another follows."""
        if decision is None:
            return event
        if decision.action == "give_up":
            return event.model_copy(update={"message": decision.reason})
        message = self._retry_text(request, result, decision)
        return event.model_copy(update={"kind": "again", "result": None, "message": message})

    def _decide(
        self, request: JobRequest, result: JobResult, errors: Counter[str]
    ) -> Decision | None:
        """Decide on a job whose attempt has failed; None for any other end.

        A runner has counted interruptions while the job ran: their cause says what was decided.
        """
        cause = result.cause
        if cause is None or result.status != "failed" or cause.kind in INTERRUPTIONS:
            return None
        if self.shared.is_overtaken(result):
            return _TRAINED_ELSEWHERE
        divisible = self._steps(request).halved() is not None
        return decide(cause, errors[result.job] + 1, self.limits, divisible=divisible)

    def _after(
        self, request: JobRequest, result: JobResult, errors: Counter[str]
    ) -> JobRequest | None:
        """Return what to try after an attempt; None where the job has ended."""
        decision = self._decide(request, result, errors)
        if decision is None or decision.action == "give_up":
            return None
        return self._smaller(request) if decision.action == "retry_smaller" else request

    def _retry_text(self, request: JobRequest, result: JobResult, decision: Decision) -> str:
        if decision == _TRAINED_ELSEWHERE:
            return decision.reason
        if decision.action == "retry_smaller":
            sizes = self._steps(self._smaller(request)).micro, self._steps(request).micro
            return f"{decision.reason} ({sizes[0]} instead of {sizes[1]})"
        assert result.cause is not None
        return f"{_first_line(result.cause.message)} ({decision.reason})"

    def _smaller(self, request: JobRequest) -> JobRequest:
        """Return the request with micro-batches half as large."""
        return request.model_copy(update={"splits": 2 * request.splits})

    def _steps(self, request: JobRequest) -> Steps:
        recipe, workers = request.job.recipe, request.resources.most_workers
        return steps(recipe, self.images, workers, request.splits)

    def _is_pending(self, request: JobRequest, result: JobResult | None) -> bool:
        """Whether to train a job in this call, by how it ended in an earlier one."""
        if request.settled(result):
            return False
        if result is None or result.status == "stopped" or self.retry_failed:
            return True
        if result.cause is None:
            return False
        return tried_by_next_run(result.cause) or self._halves(request, result)

    def _halves(self, request: JobRequest, result: JobResult) -> bool:
        """Whether a job ran out of memory with micro-batches that can still be halved."""
        if _kind(result) != "out of memory":
            return False
        return self._steps(self._with_splits(request, result.splits)).halved() is not None

    def _first_attempt(self, request: JobRequest, result: JobResult | None) -> JobRequest:
        """Return a request as its first attempt in this call, with the splits of an earlier one."""
        continued = self.history.continued(request, self._steps(request))
        if result is None:
            return continued
        split = self._with_splits(continued, result.splits)
        return self._smaller(split) if self._halves(continued, result) else split

    def _with_splits(self, request: JobRequest, splits: int) -> JobRequest:
        """Return a request with as many splits as it had, whole if these do not fit any longer."""
        recipe, workers = request.job.recipe, request.resources.most_workers
        whole = steps(recipe, self.images, workers).micro
        return request.model_copy(update={"splits": splits if whole % splits == 0 else 1})


def _stopped(result: JobResult) -> bool:
    return result.status == "stopped" and _kind(result) != "pruned"


def _kind(result: JobResult) -> str:
    return result.cause.kind if result.cause and result.status != "done" else ""


def _first_line(message: str) -> str:
    return message.partition("\n")[0][:120]
