"""The mailbox between a gang, its trial and the driver: plain asyncio, so no Ray is needed."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from compound.cluster.worker_group.coordinator import Coordinator
from compound.cluster.worker_group.heartbeat import Heartbeat
from compound.schemas.retries import RetryLimits

GANG = "gang"
BEAT = Heartbeat(0, "10.0.0.1", "node0", 100, 1, "batches.py:7, in load", 0, waits=False)


def mailbox() -> Coordinator:
    return Coordinator([], RetryLimits(lost_worker=1, preemption=2))


def play(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 10))


async def said(box: Coordinator) -> dict[str, Any]:
    message = await box.next(GANG, timeout=1.0)
    assert message is not None
    return message


async def begun(box: Coordinator, group: int = 1, size: int = 2) -> None:
    await box.muster(GANG, group)
    assert await box.take(GANG, size) == (1, "job")
    assert await said(box) == {"started": group, "size": size}


def test_a_job_is_given_up_when_its_budget_is_spent_and_the_gang_lives_on() -> None:
    async def scene() -> None:
        box = mailbox()
        await box.post(GANG, "id", "job")
        await begun(box)
        await box.setback(GANG, "worker lost", "worker 1 died")
        told = (await said(box))["notice"]
        assert told.startswith("worker 1 died (worker lost: retry 1 of 1)")
        await begun(box, 2, size=1)
        await box.setback(GANG, "worker lost", "host b was lost")
        failure = (await said(box))["failure"]
        assert "retry limit reached: worker lost 2 times; the last: host b was lost" in failure
        await box.setback(GANG, "worker lost", "nobody misses an idle worker")
        await box.post(GANG, "other", "next job")
        await box.muster(GANG, 3)
        assert await box.take(GANG, 2) == (2, "next job")

    play(scene())


def test_the_cause_that_a_rank_gave_comes_before_the_lost_group() -> None:
    async def scene() -> None:
        box = mailbox()
        await box.post(GANG, "id", "job")
        await begun(box)
        assert not await box.note(GANG, 1, "its own cause", 0.01)
        await box.setback(GANG, "worker lost", "worker 1 died")
        assert await said(box) == {"failure": "its own cause"}

    play(scene())


def test_workers_make_way_after_the_epoch_and_hurry_only_when_their_host_goes() -> None:
    async def scene() -> None:
        box = mailbox()
        await box.post(GANG, "id", "job")
        await begun(box)
        await box.regroup(GANG, "there is room for 1 more worker")
        assert await said(box) == {"notice": "there is room for 1 more worker"}
        assert await box.beat(GANG, 1, BEAT) == ""
        assert await box.put(GANG, 1, {"row": "{}"}) == "regroup"
        assert await box.take(GANG, 2) is None
        await said(box)
        await begun(box, 2, size=3)
        assert await box.put(GANG, 1, {"row": "{}"}) == ""
        await said(box)
        await box.regroup(GANG, "host a was taken away", "preempted")
        assert "(preempted: retry 1 of 2)" in (await said(box))["notice"]
        assert await box.beat(GANG, 2, BEAT) == "regroup"

    play(scene())


def test_a_stop_is_heard_with_the_next_sign_of_life() -> None:
    async def scene() -> None:
        box = mailbox()
        await box.post(GANG, "id", "job")
        await begun(box)
        await box.stop()
        assert await box.beat(GANG, 1, BEAT) == "stop"
        assert await box.put(GANG, 1, {"row": "{}"}) == "stop"

    play(scene())
