"""What happens to jobs that fail: tried again where that helps, and listed where it does not."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compound.cluster.local_runner import LocalRunner
from compound.cluster.runner import OnEvent, Take, in_order
from compound.jobs.store.artifacts import ArtifactStore
from compound.orchestrator.records.history import History
from compound.orchestrator.run.phase import PhaseRunner
from compound.orchestrator.run.phase_start import Phase
from compound.orchestrator.timeline.intervals import intervals
from compound.schemas.job import Cause, Event, JobRequest, JobResult, Resources
from compound.schemas.retries import RetryLimits
from tests.support.failing_networks import hungry_request
from tests.support.phase_log import IMAGES, SMALLER, PhaseLog, planned
from tests.support.requests import MakeRequest
from tests.support.small_jobs import small_job


class Recorder:
    """The plain runner, with a record of what it was given."""

    def __init__(self, folder: Path) -> None:
        self.given: list[list[JobRequest]] = []
        self._runner = LocalRunner((str(folder),))

    def run(
        self, requests: Sequence[JobRequest], store: str, on_event: OnEvent, take: Take = in_order
    ) -> list[JobResult]:
        self.given.append(list(requests))
        return self._runner.run(requests, store, on_event, take)

    @property
    def stopping(self) -> bool:
        return self._runner.stopping

    def request_stop(self) -> None:
        self._runner.request_stop()


class Rig:
    """A store with a phase runner that trains in this process."""

    def __init__(self, store: str, folder: Path) -> None:
        self.store, self.folder = ArtifactStore.open(store), folder

    def train(self, *requests: JobRequest, **rules: object) -> tuple[str, PhaseLog, Recorder]:
        """Let a new phase runner, as of a new run, train requests."""
        log, runner = PhaseLog(), Recorder(self.folder)
        return self.ending(log, runner, requests, **rules), log, runner

    def ending(self, log: PhaseLog, runner: Recorder, requests, **rules) -> str:
        history = History(self.store, "small")
        shared = {"history": history, "index": self.store.study("small").done_jobs}
        phase_runner = PhaseRunner(self.store, runner, log, images=IMAGES, **shared, **rules)
        return phase_runner.train("search", [planned(request) for request in requests])

    def result(self, request: JobRequest) -> JobResult:
        result = self.store.result(request.job.id)
        assert result is not None
        return result


@pytest.fixture
def rig(store: str, tmp_path: Path) -> Rig:
    return Rig(store, tmp_path)


def test_micro_batches_are_halved_until_they_fit(rig: Rig) -> None:
    request = hungry_request(rig.folder, "hungry_8", 8)
    fine = JobRequest(job=small_job(), resources=Resources(gpus=0), label="fine")
    ending, log, runner = rig.train(request, fine)
    assert ending == "done"
    assert log.again == [
        f"{SMALLER} (16 instead of 32)",
        f"{SMALLER} (8 instead of 16)",
    ]
    assert [[request.splits for request in requests] for requests in runner.given] == [
        [1, 1],
        [2],
        [4],
    ]
    ended = [event.job for event in log.events if event.kind == "ended"]
    assert sorted(ended) == sorted([request.job.id, fine.job.id]), "each job ends once"
    told = [event for event in log.events if event.job == request.job.id and event.kind != "epoch"]
    kinds = [(event.kind, event.attempt) for event in told]
    assert kinds == [
        *(pair for n in (1, 2) for pair in (("started", n), ("again", n))),
        ("started", 3),
        ("ended", 3),
    ]
    doing = [(i.doing, i.attempt, i.workers) for i in intervals(told) if i.doing == "training"]
    assert doing == [("training", n, 1) for n in (1, 2, 3)]
    assert (rig.result(request).status, rig.result(request).splits) == ("done", 4)
    assert rig.result(fine).splits == 1
    assert rig.train(request, fine)[1].phases == [Phase("search", 2, 0)]


def test_one_image_at_a_time_is_the_least(rig: Rig) -> None:
    request = hungry_request(rig.folder, "hungry_0", 0)
    ending, log, runner = rig.train(request)
    assert ending == "done"
    assert len(runner.given) == 6, "32, 16, 8, 4, 2, 1"
    result = rig.result(request)
    assert result.cause is not None
    assert result.cause.kind == "out of memory"
    assert result.cause.message.startswith("even with one image at a time: ")
    assert [event.kind for event in log.events][-1] == "ended"
    assert rig.train(request)[1].phases == [Phase("search", 1, 0, 1)], (
        "running again does not try again"
    )
    _, _, retried = rig.train(request, retry_failed=True)
    assert [requests[0].splits for requests in retried.given] == [32], (
        "what is known is not relearnt"
    )


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (3, 4)])
def test_a_job_that_raises_is_tried_again_within_its_bound(
    rig: Rig, retries: int, attempts: int
) -> None:
    fails = 'raise ValueError("layer 7 is missing")'
    request = hungry_request(rig.folder, f"raising_{retries}", 0, fails=fails)
    ending, log, runner = rig.train(request, limits=RetryLimits(error=retries))
    assert (ending, len(runner.given)) == ("done", attempts)
    again = f"ValueError: layer 7 is missing (error: retry 1 of {retries})"
    assert log.again[:1] == [again] * min(retries, 1)
    assert rig.result(request).attempt == attempts
    assert rig.train(request)[2].given == []
    assert len(rig.train(request, retry_failed=True, limits=RetryLimits(error=0))[2].given) == 1


def test_what_would_fail_again_is_tried_once(rig: Rig, make_request: MakeRequest) -> None:
    other_data = make_request(0, fingerprint="0" * 16)
    diverging = hungry_request(rig.folder, "diverging", 0, fails='x = x * float("nan")')
    _, log, runner = rig.train(other_data, diverging, limits=RetryLimits(error=5))
    assert len(runner.given) == 1
    assert not log.again
    kinds = [rig.result(request).cause.kind for request in (other_data, diverging)]
    assert kinds == ["data", "diverged"]


def test_a_host_at_fault_is_mended_before_its_jobs_are_tried_again(rig: Rig) -> None:
    fails = 'raise RuntimeError("CUDA error: no kernel image is available for execution")'
    request = hungry_request(rig.folder, "no_kernel", 0, fails=fails)
    _, log, runner = rig.train(request, limits=RetryLimits(error=5))
    assert (len(runner.given), log.again) == (1, [])
    cause = rig.result(request).cause
    assert cause is not None
    assert cause.kind == "error"
    assert f"\nTo fix it: {cause.fix}.\n" in cause.message
    assert "no_kernel.py:13, in forward" in cause.message.splitlines()[-1]
    assert len(rig.train(request)[2].given) == 1, "it may be mended by now"


def test_a_stop_is_honoured_between_two_tries(rig: Rig) -> None:
    request = hungry_request(rig.folder, "hungry_stop", 8)
    log, runner = PhaseLog(), Recorder(rig.folder)
    log.event = lambda event: runner.request_stop() if event.kind == "again" else None
    assert rig.ending(log, runner, [request]) == "stopped"
    assert [requests[0].splits for requests in runner.given] == [1, 2]
    assert rig.result(request).splits == 1, "the second try never began"
    _, log, runner = rig.train(request)
    assert [requests[0].splits for requests in runner.given] == [2, 4]


def test_a_pruned_job_has_ended_while_it_may_be_pruned(rig: Rig) -> None:
    request = JobRequest(job=small_job(), resources=Resources(gpus=0), prunable=True)
    job, cause = request.job.id, Cause(kind="pruned", message="not among the best third")
    with rig.store.writer(request.job) as writer:
        attempt = writer.attempt
        writer.finish(JobResult(job=job, status="stopped", attempt=attempt, epochs=1, cause=cause))
    ending, log, runner = rig.train(request, retry_failed=True)
    assert (ending, runner.given, log.phases) == ("done", [], [Phase("search", 1, 0)])
    whole = request.model_copy(update={"prunable": False})
    assert rig.train(whole)[0] == "done"
    assert rig.result(whole).status == "done"


class Scripted:
    """A runner whose jobs end as a script says, one word an attempt; then they are done."""

    def __init__(self, scripts: dict[str, list[str]]) -> None:
        self.scripts, self.attempts = scripts, Counter()

    def run(self, requests, store, on_event, take=in_order) -> list[JobResult]:
        return [self._end(request, on_event) for request in requests]

    def request_stop(self) -> None:
        raise AssertionError

    def _end(self, request: JobRequest, on_event: Callable[[Event], None]) -> JobResult:
        job = request.job.id
        words = self.scripts[job]
        word = words.pop(0) if words else "done"
        self.attempts[job] += 1
        cause = None if word == "done" else Cause.model_validate({"kind": word, "message": "x"})
        status = "failed" if cause else "done"
        result = JobResult(
            job=job, status=status, attempt=self.attempts[job], epochs=0, cause=cause
        )
        on_event(Event(kind="ended", job=job, result=result))
        return result


WORDS = ["done", "error", "out of memory", "diverged", "data", "worker lost", "storage"]


@given(
    scripts=st.lists(st.lists(st.sampled_from(WORDS), max_size=12), min_size=1, max_size=4),
    retries=st.integers(0, 3),
)
def test_every_job_ends_once_and_within_its_bounds(
    tmp_path_factory: pytest.TempPathFactory, scripts: list[list[str]], retries: int
) -> None:
    store = ArtifactStore.open(str(tmp_path_factory.mktemp("store")))
    requests = [JobRequest(job=small_job(seed=seed)) for seed in range(len(scripts))]
    ids = [request.job.id for request in requests]
    runner, log = Scripted(dict(zip(ids, map(list, scripts), strict=True))), PhaseLog()
    history = History(store, "small")
    shared = {"history": history, "index": store.study("small").done_jobs}
    phase_runner = PhaseRunner(
        store, runner, log, images=IMAGES, limits=RetryLimits(error=retries), **shared
    )
    assert phase_runner.train("search", [planned(request) for request in requests]) == "done"
    ended = [event.job for event in log.events if event.kind == "ended"]
    assert sorted(ended) == sorted(ids)
    assert max(runner.attempts.values()) <= 1 + retries + 5, "32 images halve five times"
