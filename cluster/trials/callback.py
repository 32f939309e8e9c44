"""Tune's callback on the driver: trials become events and results, as they happen."""

import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import ray
from ray import tune
from ray.tune.search import Searcher

from compound.cluster.driver_results import record_failure
from compound.cluster.event_writer import Site
from compound.cluster.retries import Decision, decide
from compound.cluster.runner import OnEvent, Take, unfinished
from compound.cluster.trials.worker_deaths import last_error
from compound.cluster.worker_group import host_health
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Cause, EpochRow, Event, JobRequest, JobResult
from compound.schemas.retries import RetryLimits

_PATIENCE = 15.0
"""Seconds without any running trial before a waiting job says what it waits for."""


NOT_UP = "its workers are not up yet"


class Begun(NamedTuple):
    """The newest attempt of a job, and where it trains."""

    attempt: int
    site: Site


class JobList(Searcher):  # type: ignore[misc]
    """An explicit list, by index; ends early when the driver wants to stop, or takes no more."""

    def __init__(
        self,
        requests: Sequence[JobRequest],
        first: JobRequest,
        take: Take,
        stop: threading.Event,
    ) -> None:
        """`first` starts first; `take` chooses what follows it."""
        super().__init__()
        self._left = {request.job.id: (i, request) for i, request in enumerate(requests)}
        self._first: JobRequest | None = first
        self._take, self._stop = take, stop

    def suggest(self, trial_id: str) -> Any:
        """Return the index of the job that starts next, with its label."""
        request = None if self._stop.is_set() else self._next()
        if request is None:
            return Searcher.FINISHED
        index, _ = self._left.pop(request.job.id)
        return {"index": index, "label": request.label or request.job.id}

    def _next(self) -> JobRequest | None:
        if self._first:
            first, self._first = self._first, None
            return first
        return self._take([request for _, request in self._left.values()])

    def on_trial_complete(self, trial_id: str, result: Any = None, error: bool = False) -> None:
        """Do nothing: the list is fixed."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Save nothing: the store has every result."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class Listener(tune.Callback):  # type: ignore[misc]
    """Turns Tune's callbacks about trials into events for the study and results for the runner."""

    def __init__(
        self,
        requests: Sequence[JobRequest],
        store: ArtifactStore,
        on_event: OnEvent,
        coordinator: Any,
        stop: threading.Event,
        limits: RetryLimits,
    ) -> None:
        self.requests, self.stop, self._limits = requests, stop, limits
        self._store, self._on_event, self._coordinator = store, on_event, coordinator
        self._results: dict[str, JobResult] = {}
        self._begun: dict[str, Begun] = {}
        self._reported: dict[str, str] = {}
        self._stop_sent = False
        self._busy = time.monotonic()

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Tune pickles its callbacks, and ours are never restored."""
        return {}

    def announce(self, most: int) -> None:
        """Report of every job that it waits, and for what."""
        for position, request in enumerate(self.requests):
            self._emit("waiting", request, message=_waiting(request, position, most))

    def finish(self) -> dict[str, JobResult]:
        """Return a result for every job; those that never began were stopped, or not taken."""
        for request in self.requests:
            if request.job.id not in self._results and self.stop.is_set():
                self._end(request, unfinished(request))
            self._results.setdefault(request.job.id, unfinished(request))
        return self._results

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Pass a stop on, outside of any signal handler; report jobs that wait for resources."""
        # A signal handler may interrupt Ray anywhere: a call of Ray from there can hang.
        if self.stop.is_set() and not self._stop_sent:
            self._coordinator.stop.remote()
            self._stop_sent = True
        if any(trial.status == "RUNNING" for trial in trials):
            self._busy = time.monotonic()
        elif time.monotonic() - self._busy > _PATIENCE:
            self._busy = time.monotonic()
            self._starved([trial for trial in trials if trial.status == "PENDING"])

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The trial's actor has died; Tune tries again in a new one."""
        request = self._request(trial)
        why = self._pop_last_words(request) or "its worker was lost"
        reason = self._decision(trial).reason
        self._wait(request, f"{why} ({reason}); continues from the last checkpoint")

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """A job has begun, waits, has ended an epoch, or has ended."""
        request = self._request(trial)
        if "late" in result:
            self._wait(request, lacking_text(request, result["late"], NOT_UP))
        if "notice" in result:
            self._wait(request, result["notice"], wall_time=result["at"])
        if "started" in result:
            self._start(request, result)
        if "row" in result:
            row = EpochRow.model_validate_json(result["row"])
            at = {"wall_time": row.wall_time, "attempt": row.attempt}
            self._emit("epoch", request, row=row, **at, **self._site(request))
        if "result" in result:
            ended = JobResult.model_validate_json(result["result"])
            self._end(request, ended, wall_time=result["at"], **self._site(request))
        if "failure" in result:
            self._give_up(request, Cause.model_validate_json(result["failure"]))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """The trial's actor has died too often."""
        request = self._request(trial)
        error = trial.get_pickled_error() or trial.get_error()
        words = self._pop_last_words(request) or str(error or "").strip() or last_error()
        last = words or "its worker ended without an error message"
        decision = self._decision(trial)
        # Tune gives up at once a trial whose actor never came up: no limit was reached then.
        message = f"{decision.reason}; the last: {last}" if decision.action == "give_up" else last
        self._give_up(request, Cause(kind="worker lost", message=message))

    def _decision(self, trial: Any) -> Decision:
        """Decide as Tune does, whose `max_failures` is the limit, from its count of failures."""
        cause = Cause(kind="worker lost", message="")
        return decide(cause, trial.num_failures, self._limits)

    def _pop_last_words(self, request: JobRequest) -> str:
        text: str = ray.get(self._coordinator.pop_last_words.remote(request.job.id))
        return text

    def _give_up(self, request: JobRequest, cause: Cause) -> None:
        """End a job that has no worker left."""
        self._end(request, record_failure(request, self._store, cause))

    def _start(self, request: JobRequest, message: dict[str, Any]) -> None:
        site = {name: message[name] for name in ("host", "worker", "hosts")}
        self._begun[request.job.id] = Begun(message["attempt"], site)
        self._reported.pop(request.job.id, None)
        at = {"wall_time": message["at"], "attempt": message["attempt"], "workers": message["size"]}
        self._emit("started", request, message=_begins(request, message), **at, **site)

    def _end(self, request: JobRequest, result: JobResult, **where: Any) -> None:
        self._results[request.job.id] = result
        attempt = result.attempt or self._attempt(request)
        self._emit("ended", request, result=result, attempt=attempt, **where)

    def _attempt(self, request: JobRequest) -> int:
        begun = self._begun.get(request.job.id)
        return begun.attempt if begun else 0

    def _site(self, request: JobRequest) -> Site:
        begun = self._begun.get(request.job.id)
        return begun.site if begun else Site()

    def _starved(self, pending: list[Any]) -> None:
        for trial in pending:
            request = self._request(trial)
            size = request.resources
            free = host_health.free_workers(size) >= size.least_workers
            why = NOT_UP if free else "no free resources yet"
            self._wait(request, lacking_text(request, host_health.capacity(size), why))

    def _wait(self, request: JobRequest, message: str, **when: float) -> None:
        """Report that a job waits; what is reported already is not said again."""
        job = request.job.id
        if self._reported.get(job) != message:
            self._reported[job] = message
            attempt = self._attempt(request)
            self._emit("waiting", request, message=message, attempt=attempt, **when)

    def _request(self, trial: Any) -> JobRequest:
        index: int = trial.config["index"]
        return self.requests[index]

    def _emit(self, kind: Any, request: JobRequest, **details: Any) -> None:
        self._on_event(Event(kind=kind, job=request.job.id, label=request.label, **details))


def lacking_text(request: JobRequest, capacity: int, otherwise: str) -> str:
    """Return what a job waits for, and why.

    `capacity`: the workers that the hosts hold when nothing else runs; `otherwise`: the reason
    where these are enough.
    """
    enough = capacity >= request.resources.least_workers
    why = otherwise if enough else f"the hosts have room for {capacity}"
    return f"for {_size(request)}: {why}"


def _begins(request: JobRequest, message: dict[str, Any]) -> str:
    again = "again" if message["started"] > 1 else ""
    size = f"with {message['size']} workers" if request.resources.elastic else ""
    return ", ".join(filter(None, (again, size)))


def _waiting(request: JobRequest, position: int, most: int) -> str:
    if position < most:
        return f"for {_size(request)} to start"
    return f"for {_size(request)}: the cluster holds {most} of these jobs at a time"


def _size(request: JobRequest) -> str:
    resources = request.resources
    worker = f"{resources.cpus:g} CPU" + (f" and {resources.gpus} GPU" if resources.gpus else "")
    if resources.elastic:
        return f"{resources.least_workers} to {resources.most_workers} x {worker}"
    return f"{resources.least_workers} x {worker}" if resources.least_workers > 1 else worker
