"""The one small actor between a driver, its trials and their gangs.

It hands out jobs by index, carries a gang's rows to the trial that waits for them, and holds
the driver's wish to stop. It never trains, and dies with its driver.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from schemas.job import Cause

Message = dict[str, Any]
"""What a trial's step returns to Tune: `late`, `started`, a `row`, a `result`, or the cause of a
`failure` that no worker was left to record; rows, results and causes as JSON."""


@dataclass
class _Box:
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    job: str | None = None
    number: int = 0
    taken: int = 0
    failure: str | None = None
    closed: bool = False
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)


class Mailbox:
    """Jobs in, messages out; runs as an asynchronous Ray actor."""

    def __init__(self, requests: list[str], tries: int) -> None:
        self._requests = requests
        self._tries = tries
        self._boxes: dict[str, _Box] = {}
        self._stopping = False

    async def request(self, index: int) -> str:
        """Return the JSON of the request with this index."""
        return self._requests[index]

    async def stop(self) -> None:
        """Let everybody end after the running epoch."""
        self._stopping = True

    async def stopping(self) -> bool:
        """Tell whether the driver wants to stop."""
        return self._stopping

    async def post(self, gang: str, request: str) -> None:
        """Give a gang its next job."""
        box = self._boxes.setdefault(gang, _Box())
        async with box.changed:
            box.job, box.number, box.taken, box.failure = request, box.number + 1, 0, None
            box.changed.notify_all()

    async def close(self, gang: str) -> None:
        """Send a gang home."""
        box = self._boxes.setdefault(gang, _Box())
        async with box.changed:
            box.closed = True
            box.changed.notify_all()

    async def take(self, gang: str) -> tuple[int, str] | None:
        """Wait for the gang's unfinished job and return its number and JSON; None to go home.

        A group of workers that was restarted gets the job that it had not finished again; one
        that has cost too many groups is given up as lost.
        """
        box = self._boxes.setdefault(gang, _Box())
        async with box.changed:
            while True:
                await box.changed.wait_for(lambda: box.closed or box.job is not None)
                if box.closed or box.job is None:
                    return None
                box.taken += 1
                if box.taken <= self._tries and box.failure is None:
                    box.messages.put_nowait({"started": box.taken})
                    return box.number, box.job
                box.job = None
                box.messages.put_nowait({"failure": box.failure or _died(self._tries)})

    async def note(self, gang: str, number: int, cause: str) -> None:
        """Remember why a rank gave job `number` up, should the first rank never say so."""
        box = self._boxes[gang]
        if number == box.number:
            box.failure = cause

    async def put(self, gang: str, number: int, message: Message) -> bool:
        """Deliver what happened to job `number`; return whether to stop."""
        box = self._boxes[gang]
        if box.job is not None and number == box.number:
            box.job = None if "result" in message else box.job
            box.messages.put_nowait(message)
        return self._stopping

    async def next(self, gang: str, timeout: float) -> Message | None:
        """Wait up to `timeout` seconds for the gang's next message."""
        box = self._boxes.setdefault(gang, _Box())
        try:
            return await asyncio.wait_for(box.messages.get(), timeout)
        except TimeoutError:
            return None


def _died(times: int) -> str:
    return Cause(kind="worker lost", message=f"its workers died {times} times").model_dump_json()


def open_mailbox(name: str, requests: list[str], tries: int) -> Any:
    """Start a mailbox beside the driver, to be found by its name; returns the actor's handle."""
    here = ray.get_runtime_context().get_node_id()
    options = {
        "name": name,
        "num_cpus": 0,
        "max_concurrency": 10_000,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False),
    }
    return ray.remote(Mailbox).options(**options).remote(requests, tries)
