"""Which jobs are stopped early, and how their worker group is told; without any cluster."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from compound.cluster.driver_results import record_pruned
from compound.cluster.local_runner import LocalRunner
from compound.cluster.runner import unfinished
from compound.cluster.trials.asha import Brackets, Pruning
from compound.cluster.worker_group.coordinator import EPOCH, Coordinator
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import JobRequest
from compound.schemas.metrics import ACCURACY
from compound.schemas.promotion import Asha
from compound.schemas.retries import RetryLimits
from tests.support.requests import MakeRequest

ASHA = Asha(kind="asha", grace=1, factor=4)


class Rule:
    """The scheduler as Tune drives it, and whom it has stopped."""

    def __init__(self, requests: list[JobRequest], brackets: Brackets | None = None) -> None:
        self.stopped: list[tuple[str, str]] = []
        self._scheduler = Pruning(requests, brackets or Brackets(ASHA), self._prune)
        self._trials = [
            SimpleNamespace(trial_id=f"{id(self)}-{i}", config={"index": i})
            for i in range(len(requests))
        ]
        for trial in self._trials:
            self._scheduler.on_trial_add(None, trial)

    def _prune(self, request: JobRequest, why: str) -> None:
        self.stopped.append((request.label, why))

    def tell(self, index: int, epoch: int, score: float) -> None:
        message = {EPOCH: epoch, ACCURACY: score}
        decision = self._scheduler.on_trial_result(None, self._trials[index], message)
        assert decision == "CONTINUE", "a job ends itself, with its checkpoint written"

    def end(self, index: int, message: dict[str, Any]) -> None:
        self._scheduler.on_trial_complete(None, self._trials[index], message)


def test_who_falls_behind_at_a_rung_is_stopped(make_request: MakeRequest) -> None:
    rule = Rule([make_request(seed, epochs=12, prunable=True) for seed in range(4)])
    rule.tell(0, 1, 0.5)
    rule.tell(1, 1, 0.6)
    rule.tell(2, 1, 0.4)
    assert rule.stopped == [("tiny, seed 2", "not in the best 1 of 4 at epoch 1")]
    for epoch in (2, 3):
        rule.tell(0, epoch, 0.0)
    assert len(rule.stopped) == 1, "between two rungs nobody decides"
    rule.tell(1, 4, 0.7)
    rule.tell(0, 4, 0.6)
    assert rule.stopped[1:] == [("tiny, seed 0", "not in the best 1 of 4 at epoch 4")]


def test_the_exempt_neither_stop_nor_count(make_request: MakeRequest) -> None:
    exempt = [make_request(seed, epochs=12) for seed in range(3)]
    rule = Rule([*exempt, make_request(3, epochs=12, prunable=True)])
    for index, score in enumerate((0.9, 0.8, 0.1)):
        rule.tell(index, 1, score)
    rule.tell(3, 1, 0.2)
    assert rule.stopped == []


def test_the_last_epoch_ends_a_job_by_itself(make_request: MakeRequest) -> None:
    rule = Rule([make_request(seed, epochs=4, prunable=True) for seed in range(2)])
    for index, score in ((0, 0.9), (1, 0.1)):
        for epoch in (2, 3, 4):
            rule.tell(index, epoch, score if epoch > 2 else 0.5)
        rule.end(index, {EPOCH: 4, ACCURACY: score})
    assert rule.stopped == []


def test_only_equal_schedules_compare(make_request: MakeRequest) -> None:
    long, short = make_request(0, epochs=12, prunable=True), make_request(1, prunable=True)
    rule = Rule([long, short])
    rule.tell(0, 1, 0.9)
    rule.tell(1, 1, 0.1)
    assert rule.stopped == []


def test_rungs_outlast_a_run_and_a_short_schedule_has_none(make_request: MakeRequest) -> None:
    brackets = Brackets(ASHA)
    Rule([make_request(0, epochs=12, prunable=True)], brackets).tell(0, 1, 0.9)
    later = Rule([make_request(1, epochs=12, prunable=True)], brackets)
    later.tell(0, 1, 0.1)
    assert len(later.stopped) == 1
    assert brackets.of(make_request(2, epochs=1, prunable=True)) is None


def test_a_job_that_resumes_above_a_rung_does_not_count_below_it(make_request: MakeRequest) -> None:
    rule = Rule([make_request(seed, epochs=12, prunable=True) for seed in range(2)])
    rule.tell(0, 6, 0.9)
    rule.tell(0, 7, 0.9)
    rule.tell(1, 1, 0.1)
    assert rule.stopped == []


GROUP = "workers-1"


@pytest.fixture
def coordinator() -> Coordinator:
    return Coordinator([], RetryLimits())


async def waiting(coordinator: Coordinator) -> tuple[int, asyncio.Task[str]]:
    """A group that has reported an epoch, and waits for the driver's decision."""
    await coordinator.post(GROUP, "job", "{}")
    job = await coordinator.take(GROUP, size=1)
    assert job is not None
    assert await coordinator.next(GROUP, 1.0) == {"started": 1, "size": 1}
    answer = asyncio.create_task(coordinator.put(GROUP, job[0], {"row": "1"}, waits=True))
    assert await coordinator.next(GROUP, 1.0) == {"row": "1"}
    await asyncio.sleep(0)
    assert not answer.done(), "Tune's scheduler has not decided yet"
    return job[0], answer


def test_a_group_continues_when_the_next_epoch_is_asked_for(coordinator: Coordinator) -> None:
    async def continued() -> str:
        _, answer = await waiting(coordinator)
        assert await coordinator.next(GROUP, 0.01) is None
        return await answer

    assert asyncio.run(continued()) == ""


def test_a_pruned_job_ends_in_its_group_and_the_next_job_is_another(
    coordinator: Coordinator,
) -> None:
    async def pruned() -> tuple[str, str, str]:
        number, answer = await waiting(coordinator)
        await coordinator.prune("job")
        assert await coordinator.stopping("job")
        await coordinator.next(GROUP, 0.01)
        await coordinator.put(GROUP, number, {"result": "stopped"})
        await coordinator.post(GROUP, "other", "{}")
        late = await coordinator.put(GROUP, number, {"row": "2"})
        job = await coordinator.take(GROUP, size=1)
        assert job is not None
        return await answer, late, await coordinator.put(GROUP, job[0], {"row": "1"})

    assert asyncio.run(pruned()) == ("stop", "stop", "")


@pytest.mark.parametrize("by", ["stop", "close"])
def test_a_stop_or_a_close_wakes_a_waiting_group(coordinator: Coordinator, by: str) -> None:
    async def woken() -> bool:
        _, answer = await waiting(coordinator)
        await (coordinator.stop() if by == "stop" else coordinator.close(GROUP))
        return await asyncio.wait_for(answer, 5)

    assert asyncio.run(woken())


def test_a_pruned_job_keeps_its_rows_and_can_go_on_later(
    make_request: MakeRequest, store: str
) -> None:
    request = make_request(0, epochs=4, prunable=True)
    runner = LocalRunner()
    (stopped,) = runner.run([request], store, lambda event: event.row and runner.request_stop())
    ledger = ArtifactStore.open(store)
    result = record_pruned(request, ledger, "not in the best 1 of 4 at epoch 1", stopped)
    assert ledger.result(request.job.id) == result
    assert (result.status, result.epochs, result.attempt) == ("stopped", 1, 2)
    assert result.cause is not None
    message = "stopped after epoch 1 of 4: not in the best 1 of 4 at epoch 1"
    assert (result.cause.kind, result.cause.message) == ("pruned", message)
    assert (result.seconds, result.device) == (stopped.seconds, stopped.device)
    assert [row.epoch for row in ledger.rows(request.job.id)] == [1]
    assert request.settled(result)
    exempt = request.model_copy(update={"prunable": False})
    assert not exempt.settled(result)
    (done,) = LocalRunner().run([exempt], store, lambda event: None)
    assert (done.status, done.epochs, done.attempt) == ("done", 4, 3)


def test_only_what_promotion_stopped_is_settled(make_request: MakeRequest) -> None:
    request = make_request(0, prunable=True)
    assert not request.settled(None)
    assert not request.settled(unfinished(request))
    assert request.job.id == make_request(0).job.id
