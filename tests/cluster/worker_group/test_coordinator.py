"""The coordinator between a driver, its trials and their workers: plain asyncio, no Ray needed."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from compound.cluster.worker_group.coordinator import Coordinator, started_message
from compound.cluster.worker_group.heartbeat import Heartbeat
from compound.schemas.retries import RetryLimits

GROUP = "workers-1"
BEAT = Heartbeat(0, "10.0.0.1", "node0", 100, 1, "batches.py:7, in load", 0, waits=False)


def new_coordinator() -> Coordinator:
    return Coordinator([], RetryLimits(lost_worker=1, preemption=2))


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 10))


async def next_message(coordinator: Coordinator) -> dict[str, Any]:
    message = await coordinator.next(GROUP, timeout=1.0)
    assert message is not None
    return message


async def start_workers(coordinator: Coordinator, generation: int = 1, size: int = 2) -> None:
    await coordinator.begin_generation(GROUP, generation)
    assert await coordinator.take(GROUP) == (1, "job")
    told = started_message(generation, ["10.0.0.1"] * size)
    await coordinator.put(GROUP, 1, told)
    assert await next_message(coordinator) == {**told, "started": generation, "size": size}


def test_a_job_is_given_up_when_its_retry_limit_is_reached_and_the_group_lives_on() -> None:
    async def scene() -> None:
        coordinator = new_coordinator()
        await coordinator.post(GROUP, "id", "job")
        await start_workers(coordinator)
        await coordinator.interrupted(GROUP, "worker lost", "worker 1 died")
        text = (await next_message(coordinator))["notice"]
        assert text.startswith("worker 1 died (worker lost: retry 1 of 1)")
        await start_workers(coordinator, 2, size=1)
        await coordinator.interrupted(GROUP, "worker lost", "host b was lost")
        failure = (await next_message(coordinator))["failure"]
        assert "retry limit reached: worker lost 2 times; the last: host b was lost" in failure
        await coordinator.interrupted(GROUP, "worker lost", "an idle worker died")
        await coordinator.post(GROUP, "other", "next job")
        await coordinator.begin_generation(GROUP, 3)
        assert await coordinator.take(GROUP) == (2, "next job")

    play(scene())


def test_the_cause_that_a_rank_gave_comes_before_the_lost_group() -> None:
    async def scene() -> None:
        coordinator = new_coordinator()
        await coordinator.post(GROUP, "id", "job")
        await start_workers(coordinator)
        assert not await coordinator.record_failure(GROUP, 1, "its own cause", 0.01)
        await coordinator.interrupted(GROUP, "worker lost", "worker 1 died")
        assert (await next_message(coordinator))["failure"] == "its own cause"

    play(scene())


def test_workers_end_after_the_epoch_and_within_it_only_when_their_host_goes() -> None:
    async def scene() -> None:
        coordinator = new_coordinator()
        await coordinator.post(GROUP, "id", "job")
        await start_workers(coordinator)
        await coordinator.regroup(GROUP, "there is room for 1 more worker")
        assert await coordinator.beat(GROUP, 1, BEAT) == ""
        assert await coordinator.put(GROUP, 1, {"row": "{}"}) == "regroup"
        assert await coordinator.take(GROUP) is None
        assert (await next_message(coordinator))["row"] == "{}"
        await coordinator.begin_generation(GROUP, 2)
        assert (await next_message(coordinator))["notice"] == "there is room for 1 more worker"
        await start_workers(coordinator, 2, size=3)
        assert await coordinator.put(GROUP, 1, {"row": "{}"}) == ""
        await next_message(coordinator)
        await coordinator.regroup(GROUP, "host a was taken away", "preempted")
        assert await coordinator.beat(GROUP, 2, BEAT) == "regroup"
        await coordinator.begin_generation(GROUP, 3)
        assert "(preempted: retry 1 of 2)" in (await next_message(coordinator))["notice"]

    play(scene())


def test_a_stop_comes_with_the_next_heartbeat() -> None:
    async def scene() -> None:
        coordinator = new_coordinator()
        await coordinator.post(GROUP, "id", "job")
        await start_workers(coordinator)
        await coordinator.stop()
        assert await coordinator.beat(GROUP, 1, BEAT) == "stop"
        assert await coordinator.put(GROUP, 1, {"row": "{}"}) == "stop"

    play(scene())
