"""The small actor between a driver, its trials and their worker groups.

It hands out jobs by index, passes a group's rows to the trial that waits for them, receives the
heartbeats of its workers, counts the retries of its jobs, and remembers that the driver wants to
stop. It never trains, and ends with its driver.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from compound.cluster.event_writer import site_of
from compound.cluster.retries import InterruptionKind, RetryBudget
from compound.cluster.worker_group.heartbeat import Heartbeat, HeartbeatMonitor, StalledWorker
from compound.schemas.job import EpochRow, JobResult
from compound.schemas.retries import RetryLimits

Message = dict[str, Any]
"""What a trial's step returns to Tune: `late`, a `notice` for people, `started`, a `row`,
a `result`, or the cause of a `failure` that no worker was left to record; rows, results and
causes as JSON. `at`: when it happened, by the clock of the process that noticed. With `started`
come the attempt and the fields of a Site."""

_STARTS = 3
"""How often Ray is asked for a coordinator."""

Ending = Literal["", "stop", "regroup"]
"""Whether a worker group continues its job, ends it, or leaves it to the next generation."""


@dataclass
class _GroupState:
    retries: RetryBudget
    monitor: HeartbeatMonitor = field(default_factory=HeartbeatMonitor)
    regroup: bool = False
    """The workers end after the running epoch: the next generation takes the job over."""
    at_next_checkpoint: bool = False
    """They end at the next checkpoint already, even within the epoch."""
    why: str = ""
    """Why they end, to be told once they have: until then the job trains on."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    job: str | None = None
    number: int = 0
    starts: int = 0
    failure: str | None = None
    closed: bool = False
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    def tell(self, **message: str) -> None:
        """Pass on what the coordinator itself has noticed."""
        self.messages.put_nowait({**message, "at": time.time()})


class Coordinator:
    """Jobs in, messages out; runs as an asynchronous Ray actor."""

    def __init__(self, requests: list[str], limits: RetryLimits) -> None:
        self._requests = requests
        self._limits = limits
        self._groups: dict[str, _GroupState] = {}
        self._stopping = False
        self._last_words: dict[str, str] = {}

    async def request(self, index: int) -> str:
        """Return the JSON of the request with this index."""
        return self._requests[index]

    async def stop(self) -> None:
        """Let every job end after the running epoch."""
        self._stopping = True
        for state in self._groups.values():
            async with state.changed:
                state.changed.notify_all()

    async def stopping(self) -> bool:
        """Return whether the driver wants every job to end."""
        return self._stopping

    async def record_last_words(self, job: str, text: str) -> None:
        """Record why a single worker is about to end its process."""
        self._last_words[job] = text

    async def pop_last_words(self, job: str) -> str:
        """Return why a job's worker ended its process, once; "" where it died without a word."""
        return self._last_words.pop(job, "")

    def _state(self, group_id: str) -> _GroupState:
        return self._groups.setdefault(group_id, _GroupState(RetryBudget(self._limits)))

    async def post(self, group_id: str, job: str, request: str) -> None:
        """Give a worker group its next job."""
        state = self._state(group_id)
        async with state.changed:
            state.retries = RetryBudget(self._limits)
            state.monitor.mark_idle()
            state.job, state.failure = request, None
            state.number, state.starts, state.why = state.number + 1, 0, ""
            state.changed.notify_all()

    async def close(self, group_id: str) -> None:
        """Let a group's workers end."""
        state = self._state(group_id)
        async with state.changed:
            state.closed = True
            state.changed.notify_all()

    async def take(self, group_id: str) -> tuple[int, str] | None:
        """Wait for the group's unfinished job; return its number and JSON, None to end.

        A new generation of workers gets the job that the one before had not finished, unless the
        retry limit was reached.
        """
        state = self._state(group_id)
        async with state.changed:
            await state.changed.wait_for(
                lambda: state.closed or state.regroup or state.job is not None
            )
            if state.closed or state.regroup or state.job is None:
                return None
            state.starts += 1
            state.monitor.mark_idle()
            return state.number, state.job

    async def wait_until_needed(self, group_id: str) -> None:
        """Wait until a group has a job or is closed: no workers need be started before."""
        state = self._state(group_id)
        async with state.changed:
            await state.changed.wait_for(lambda: state.closed or state.job is not None)

    async def begin_generation(self, group_id: str, generation: int) -> None:
        """Expect new workers; where those before have left an unfinished job, say why."""
        state = self._state(group_id)
        if state.why and state.job is not None:
            state.tell(notice=state.why)
        state.why = ""
        state.regroup = state.at_next_checkpoint = False
        state.monitor.begin(generation)

    async def beat(self, group_id: str, generation: int, beat: Heartbeat) -> Ending:
        """Record a worker's heartbeat; return how it is to end before its epoch is over."""
        self._state(group_id).monitor.record(generation, beat)
        return await self.requested_ending(group_id)

    async def requested_ending(self, group_id: str) -> Ending:
        """Return how a group's workers are to end before their epoch is over."""
        if self._stopping:
            return "stop"
        return "regroup" if self._state(group_id).at_next_checkpoint else ""

    async def leave(self, group_id: str, generation: int, rank: int) -> None:
        """Expect no more heartbeats of a worker: it has ended as planned."""
        self._state(group_id).monitor.leave(generation, rank)

    async def notice(self, group_id: str, text: str) -> None:
        """Pass a text about the group on to people."""
        state = self._state(group_id)
        if state.job is not None:
            state.tell(notice=text)

    async def check_workers(
        self, group_id: str, patience: float
    ) -> tuple[tuple[Heartbeat, ...], tuple[StalledWorker, ...]]:
        """Return the newest heartbeats, and the workers stalled for longer than `patience` s."""
        state = self._state(group_id)
        if state.job is None:
            state.monitor.mark_idle()
        return state.monitor.beats, state.monitor.stalled(patience)

    async def regroup(self, group_id: str, why: str, kind: InterruptionKind | None = None) -> None:
        """Let the workers end after the running epoch, which is checkpointed.

        With a `kind` it counts as an interruption of the running job, and the workers end at the
        next checkpoint, even within the epoch.
        """
        state = self._state(group_id)
        async with state.changed:
            if state.regroup or state.closed:
                return
            state.regroup, state.at_next_checkpoint = True, bool(kind)
            if state.job is not None:
                state.why = state.retries.count(kind, why) if kind else why
            state.changed.notify_all()

    async def interrupted(self, group_id: str, kind: InterruptionKind, text: str) -> None:
        """Count what has ended the workers; give their job up at the retry limit."""
        state = self._state(group_id)
        async with state.changed:
            if state.job is None:
                return
            message, state.why = state.retries.count(kind, text), ""
            cause = state.retries.cause()
            failure = state.failure or (cause.model_dump_json() if cause else None)
            state.job = None if failure else state.job
            state.tell(**({"failure": failure} if failure else {"notice": message}))
            state.changed.notify_all()

    async def record_failure(self, group_id: str, number: int, cause: str, patience: float) -> bool:
        """Record why a rank gave job `number` up, in case the first rank never does.

        Return whether the first rank ends the job as well, within `patience` seconds.
        """
        state = self._groups[group_id]
        async with state.changed:
            if number == state.number:
                state.failure = cause
            ended = state.changed.wait_for(lambda: state.job is None or number != state.number)
            try:
                return await asyncio.wait_for(ended, patience)
            except TimeoutError:
                return False

    async def put(self, group_id: str, number: int, message: Message) -> Ending:
        """Deliver what happened to job `number`; return how to continue.

        Of a job that has `started` the coordinator says how often.
        """
        state = self._groups[group_id]
        async with state.changed:
            if state.job is None or number != state.number:
                return "stop"
            state.job = None if "result" in message else state.job
            state.changed.notify_all()
            count = {"started": state.starts} if "started" in message else {}
            state.messages.put_nowait(message | count)
            ends = self._stopping or state.closed
            return "stop" if ends else "regroup" if state.regroup else ""

    async def next(self, group_id: str, timeout: float) -> Message | None:
        """Wait up to `timeout` seconds for the group's next message."""
        state = self._state(group_id)
        try:
            return await asyncio.wait_for(state.messages.get(), timeout)
        except TimeoutError:
            return None


def started_message(attempt: int, hosts: Sequence[str]) -> Message:
    """Return the message of the first worker that it begins an attempt; `hosts`: of all, by rank.

    Lists, as Tune keeps what a trial returns as JSON.
    """
    where = {**site_of(hosts, os.getpid()), "hosts": [*hosts]}
    return {"started": 1, "size": len(hosts), "attempt": attempt, "at": time.time(), **where}


def epoch_message(row: EpochRow) -> Message:
    """Return the message that reports an epoch."""
    return {"row": row.model_dump_json(), "at": row.wall_time}


def end_message(result: JobResult) -> Message:
    """Return the message that reports how a job has ended."""
    return {"result": result.model_dump_json(), "at": time.time()}


def driver_resource() -> str:
    """Return the name of the resource that only the driver's host has."""
    node_id = ray.get_runtime_context().get_node_id()
    # Ray gives every host one unit of a resource node:ADDRESS: a share of it pins an actor there.
    nodes = {node["NodeID"]: node for node in ray.nodes()}
    return f"node:{nodes[node_id]['NodeManagerAddress']}"


def open_coordinator(name: str, requests: list[str], limits: RetryLimits) -> Any:
    """Start a coordinator on the driver's host, found by its name; return the actor's handle.

    Raises ray.exceptions.RayError: Ray has started none in _STARTS attempts.
    """
    node_id = ray.get_runtime_context().get_node_id()
    options = {
        "name": name,
        # By default an actor needs a free CPU while it is placed, though none while it runs: on a
        # full host it would never start.
        "num_cpus": 0,
        # Every worker and trial may wait in a call at the same time. Ray's default for an
        # asynchronous actor is 1000: further calls would wait for ever.
        "max_concurrency": 10_000,
        # Ray may place an actor on any host: one that is lost would take the coordinator along.
        "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False),
    }
    for attempt in range(1, _STARTS + 1):
        coordinator = ray.remote(Coordinator).options(**options).remote(requests, limits)
        try:
            # Under load Ray cancels the creation of an actor ("Actor creation cancelled", 2.60),
            # which otherwise only the first call notices.
            ray.get(coordinator.stopping.remote())
        except ray.exceptions.RayActorError:
            if attempt == _STARTS:
                raise
        else:
            return coordinator
    raise AssertionError("the last attempt returns or raises")
