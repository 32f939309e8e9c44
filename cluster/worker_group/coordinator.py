"""The one small actor between a driver, its trials and their gangs.

It hands out jobs by index, carries a gang's rows to the trial that waits for them, listens to its
workers' signs of life, counts what its jobs have been forgiven, and holds the driver's wish to
stop. It never trains, and dies with its driver.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from compound.cluster.retries import InterruptionKind, RetryBudget
from compound.cluster.worker_group.heartbeat import Heartbeat, HeartbeatMonitor, StalledWorker
from compound.schemas.job import EpochRow
from compound.schemas.metrics import ACCURACY
from compound.schemas.retries import RetryLimits

Message = dict[str, Any]
"""What a trial's step returns to Tune: `late`, a `notice` for people, `started`, a `row`,
a `result`, or the cause of a `failure` that no worker was left to record; rows, results and
causes as JSON. With a row come its epoch and its score as plain numbers, for Tune's schedulers."""

EPOCH = "epoch"

Ending = Literal["", "stop", "regroup"]
"""Whether a gang goes on with its job, ends it, or leaves it to a new group of workers."""


@dataclass
class _GroupState:
    retries: RetryBudget
    vigil: HeartbeatMonitor = field(default_factory=HeartbeatMonitor)
    regroup: bool = False
    """The workers are to go home after the running epoch: others will take the job over."""
    hurries: bool = False
    """They are to go home at the next checkpoint, be it within the epoch."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    job: str | None = None
    id: str = ""
    number: int = 0
    taken: int = 0
    failure: str | None = None
    closed: bool = False
    undecided: bool = False
    """The driver has not yet said whether to go on after the newest message."""
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)


class Coordinator:
    """Jobs in, messages out; runs as an asynchronous Ray actor."""

    def __init__(self, requests: list[str], limits: RetryLimits) -> None:
        self._requests = requests
        self._limits = limits
        self._boxes: dict[str, _GroupState] = {}
        self._stopping = False
        self._pruned: set[str] = set()
        self._words: dict[str, str] = {}

    async def request(self, index: int) -> str:
        """Return the JSON of the request with this index."""
        return self._requests[index]

    async def stop(self) -> None:
        """Let everybody end after the running epoch."""
        self._stopping = True
        for box in self._boxes.values():
            async with box.changed:
                box.changed.notify_all()

    async def prune(self, job: str) -> None:
        """Let a job end before its next epoch, for good."""
        self._pruned.add(job)

    async def stopping(self, job: str) -> bool:
        """Tell whether the driver wants this job to end."""
        return self._stopping or job in self._pruned

    async def last_words(self, job: str, words: str) -> None:
        """Hear from a lone worker why it ends its process, before it does."""
        self._words[job] = words

    async def heard(self, job: str) -> str:
        """Return the last words of a job's worker once; "" where it died without any."""
        return self._words.pop(job, "")

    def _box(self, gang: str) -> _GroupState:
        return self._boxes.setdefault(gang, _GroupState(RetryBudget(self._limits)))

    async def post(self, gang: str, job: str, request: str) -> None:
        """Give a gang its next job."""
        box = self._box(gang)
        async with box.changed:
            box.id, box.undecided = job, False
            box.retries = RetryBudget(self._limits)
            box.vigil.rest()
            box.job, box.number, box.taken, box.failure = request, box.number + 1, 0, None
            box.changed.notify_all()

    async def close(self, gang: str) -> None:
        """Send a gang home."""
        box = self._box(gang)
        async with box.changed:
            box.closed = True
            box.changed.notify_all()

    async def take(self, gang: str, size: int) -> tuple[int, str] | None:
        """Wait for the gang's unfinished job and return its number and JSON; None to go home.

        A new group of `size` workers gets the job that the one before had not finished; a job
        that has cost too many groups was given up by then.
        """
        box = self._box(gang)
        async with box.changed:
            await box.changed.wait_for(lambda: box.closed or box.regroup or box.job is not None)
            if box.closed or box.regroup or box.job is None:
                return None
            box.taken += 1
            box.vigil.rest()
            box.messages.put_nowait({"started": box.taken, "size": size})
            return box.number, box.job

    async def needed(self, gang: str) -> None:
        """Wait until a gang has a job, or is to go home: before that nobody need start workers."""
        box = self._box(gang)
        async with box.changed:
            await box.changed.wait_for(lambda: box.closed or box.job is not None)

    async def muster(self, gang: str, group: int) -> None:
        """Expect a new group of workers."""
        box = self._box(gang)
        box.regroup = box.hurries = False
        box.vigil.begin(group)

    async def beat(self, gang: str, group: int, beat: Heartbeat) -> Ending:
        """Hear from a worker; return what is wanted of it before its epoch is over."""
        self._box(gang).vigil.hear(group, beat)
        return await self.wanted(gang)

    async def wanted(self, gang: str) -> Ending:
        """Return what is wanted of a gang's workers before their epoch is over."""
        return "stop" if self._stopping else "regroup" if self._box(gang).hurries else ""

    async def leave(self, gang: str, group: int, rank: int) -> None:
        """Hear from a worker for the last time."""
        self._box(gang).vigil.leave(group, rank)

    async def notice(self, gang: str, text: str) -> None:
        """Tell people something about the gang."""
        box = self._box(gang)
        if box.job is not None:
            box.messages.put_nowait({"notice": text})

    async def watch(
        self, gang: str, patience: float
    ) -> tuple[tuple[Heartbeat, ...], tuple[StalledWorker, ...]]:
        """Return who has been heard of, and who is to be given up after so many seconds."""
        box = self._box(gang)
        if box.job is None or box.undecided:
            box.vigil.rest()
        return box.vigil.beats, box.vigil.suspects(patience)

    async def regroup(self, gang: str, why: str, kind: InterruptionKind | None = None) -> None:
        """Send the workers home after the running epoch, which is checkpointed.

        With a `kind` it counts as a setback of the running job, and hurries: they go at the next
        checkpoint, be it within the epoch.
        """
        box = self._box(gang)
        async with box.changed:
            if box.regroup or box.closed:
                return
            box.regroup, box.hurries = True, bool(kind)
            if box.job is not None:
                told = box.retries.count(kind, why) if kind else why
                box.messages.put_nowait({"notice": told})
            box.changed.notify_all()

    async def setback(self, gang: str, kind: InterruptionKind, text: str) -> None:
        """Count what has ended a group; give its job up when that is too much."""
        box = self._box(gang)
        async with box.changed:
            if box.job is None:
                return
            told = box.retries.count(kind, text)
            cause = box.retries.cause()
            failure = box.failure or (cause.model_dump_json() if cause else None)
            box.job = None if failure else box.job
            box.messages.put_nowait({"failure": failure} if failure else {"notice": told})
            box.changed.notify_all()

    async def note(self, gang: str, number: int, cause: str, patience: float) -> bool:
        """Remember why a rank gave job `number` up, should the first rank never say so.

        Return whether the first rank ends the job as well, within so many seconds.
        """
        box = self._boxes[gang]
        async with box.changed:
            if number == box.number:
                box.failure = cause
            ended = box.changed.wait_for(lambda: box.job is None or number != box.number)
            try:
                return await asyncio.wait_for(ended, patience)
            except TimeoutError:
                return False

    async def put(self, gang: str, number: int, message: Message, waits: bool = False) -> Ending:
        """Deliver what happened to job `number`; return how to go on.

        With `waits` it returns once the driver has decided on the message, which is when the
        trial asks for the next one.
        """
        box = self._boxes[gang]
        async with box.changed:
            if box.job is None or number != box.number:
                return "stop"
            box.job = None if "result" in message else box.job
            box.changed.notify_all()
            box.messages.put_nowait(message)
            box.undecided = waits
            await box.changed.wait_for(lambda: not box.undecided or self._ends(box, number))
            return "stop" if self._ends(box, number) else "regroup" if box.regroup else ""

    def _ends(self, box: _GroupState, number: int) -> bool:
        superseded = box.closed or number != box.number
        return self._stopping or superseded or box.id in self._pruned

    async def next(self, gang: str, timeout: float) -> Message | None:
        """Wait up to `timeout` seconds for the gang's next message."""
        box = self._box(gang)
        if box.undecided and box.messages.empty():
            async with box.changed:
                box.undecided = False
                box.changed.notify_all()
        try:
            return await asyncio.wait_for(box.messages.get(), timeout)
        except TimeoutError:
            return None


def epoch_message(row: EpochRow) -> Message:
    """Return the message that tells of an epoch."""
    return {"row": row.model_dump_json(), EPOCH: row.epoch, ACCURACY: row.metrics[ACCURACY]}


def beside() -> str:
    """Return the name of the resource that only the driver's host has."""
    here = ray.get_runtime_context().get_node_id()
    address = next(node["NodeManagerAddress"] for node in ray.nodes() if node["NodeID"] == here)
    return f"node:{address}"


def open_mailbox(name: str, requests: list[str], limits: RetryLimits) -> Any:
    """Start a mailbox beside the driver, to be found by its name; returns the actor's handle."""
    here = ray.get_runtime_context().get_node_id()
    options = {
        "name": name,
        "num_cpus": 0,
        "max_concurrency": 10_000,
        "scheduling_strategy": NodeAffinitySchedulingStrategy(here, soft=False),
    }
    return ray.remote(Coordinator).options(**options).remote(requests, limits)
