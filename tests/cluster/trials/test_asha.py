"""Successive halving on Ray: who is stopped, what is left of them, and that the rest is as ever."""

import time

import pytest

from compound.cluster.local_runner import LocalRunner
from compound.cluster.ray_session import Session
from compound.cluster.trials.ray_runner import RayRunner
from compound.jobs.store.artifacts import ArtifactStore
from compound.schemas.job import Event
from compound.schemas.promotion import Asha
from compound.schemas.retries import RetryLimits
from tests.support.ray_state import kill_actor
from tests.support.requests import MakeRequest
from tests.support.stored_rows import assert_pruned, numbers

pytestmark = [pytest.mark.ray, pytest.mark.slow]

ASHA = Asha(kind="asha", grace=1, factor=4)
AHEAD, BEHIND, WORST = (0, 7), (3, 4, 8, 9), 1
"""Seeds by their score after the first epoch; who is behind is so whoever else came before."""


def test_jobs_that_fall_behind_are_stopped_and_exempt_ones_are_not(
    ray_session: Session, make_request: MakeRequest, store: str
) -> None:
    """Without the rule they go on later."""
    requests = [make_request(seed, epochs=6, prunable=True) for seed in AHEAD]
    requests += [make_request(WORST, epochs=6)]
    requests += [make_request(seed, epochs=6, prunable=True) for seed in BEHIND]
    events: list[Event] = []
    results = RayRunner(ray_session, asha=ASHA).run(requests, store, events.append)
    assert [result.job for result in results] == [request.job.id for request in requests]
    assert any(result.status == "done" for result in results[:2])
    assert results[2].status == "done"
    for request, result in zip(requests[3:], results[3:], strict=True):
        assert_pruned(result, store, 6)
        kinds = [event.kind for event in events if event.job == request.job.id]
        assert kinds == ["waiting", "started", "epoch", "ended"]
    again: list[Event] = []
    assert RayRunner(ray_session, asha=ASHA).run(requests, store, again.append) == results
    assert {event.kind for event in again} == {"ended"}
    continued = RayRunner(ray_session).run(requests, store, lambda event: None)
    assert {result.status for result in continued} == {"done"}
    LocalRunner().run(requests, f"{store}-local", lambda event: None)
    for request in requests:
        assert numbers(store, request) == numbers(f"{store}-local", request)


@pytest.mark.parametrize("retries", [0, 1])
def test_a_worker_that_dies_after_the_decision_changes_nothing(
    ray_session: Session, make_request: MakeRequest, store: str, retries: int
) -> None:
    """Whether another actor takes the job up or nobody does."""
    requests = [make_request(seed, epochs=6, cpus=2, prunable=True) for seed in (0, 3)]
    job = requests[1].job.id

    def on_event(event: Event) -> None:
        if event.kind == "epoch" and event.job == job:
            while ArtifactStore.open(store).checkpoint(job) is None:
                time.sleep(0.05)  # it is written in the background, and what is not is lost
            kill_actor("SingleWorkerTrial")

    runner = RayRunner(ray_session, limits=RetryLimits(lost_worker=retries), asha=ASHA)
    first, second = runner.run(requests, store, on_event)
    assert first.status == "done"
    assert_pruned(second, store, 6)
