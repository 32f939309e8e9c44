"""What the workers of a group do: train one job after another, and send heartbeats."""

import os
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any, Self

import ray
import torch
import torch.distributed as dist
from ray import train
from ray.train.torch import get_device

from compound.cluster.driver_results import in_a_line
from compound.cluster.ray_data import decoding
from compound.cluster.worker_group.coordinator import (
    Ending,
    Message,
    end_message,
    epoch_message,
    started_message,
)
from compound.cluster.worker_group.heartbeat import BEAT_S, Heartbeat
from compound.jobs.gpu.memory_share import keep_to_share
from compound.jobs.parallel.failure import has_lost_gpu
from compound.jobs.run_job import Process, run_request
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import RunError
from compound.schemas.job import Cause, JobRequest, JobResult

_PATIENCE = timedelta(minutes=30)
_FAILED_PATIENCE = timedelta(minutes=1)
"""How long a rank waits at the end of a job for the other ranks, which may write a checkpoint."""


def work(config: dict[str, Any]) -> None:
    """Train jobs from the coordinator until there are no more; runs on every rank."""
    rank = train.get_context().get_world_rank()
    process = Process(
        rank=rank,
        world_size=train.get_context().get_world_size(),
        device=get_device(),
        threads=config["cpus"],
        planned=config["planned"],
        imports=tuple(config["imports"]),
    )
    keep_to_share(process.device, config["gpus"])
    with _HeartbeatThread(config, process) as heartbeat:
        worker = _Worker(config, process, heartbeat)
        while (job := worker.take()) is not None:
            worker.train(*job)


class _HeartbeatThread:
    """Reports to the coordinator every few seconds that this worker lives, and where it is."""

    def __init__(self, config: dict[str, Any], process: Process) -> None:
        self._group_id, self._generation = config["group_id"], config["generation"]
        self._coordinator = ray.get_actor(config["coordinator"])
        self._process = process
        self.host = ray.util.get_node_ip_address()
        self._node = ray.get_runtime_context().get_node_id()
        self._stopped = threading.Event()
        self.ending: Ending = ""
        """How the workers are to end before the running epoch is over."""
        self._thread = threading.Thread(target=self._send_heartbeats, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Stop the heartbeats; announce it where nothing is wrong."""
        self._stopped.set()
        if kind is None:
            self._thread.join()
            rank = self._process.rank
            ray.get(self._coordinator.leave.remote(self._group_id, self._generation, rank))

    def _send_heartbeats(self) -> None:
        while True:
            beat = self._coordinator.beat.remote(self._group_id, self._generation, self._beat())
            self.ending = ray.get(beat)
            if self._stopped.wait(BEAT_S):
                return

    def _beat(self) -> Heartbeat:
        now = self._process.progress.read()
        return Heartbeat(
            rank=self._process.rank,
            host=self.host,
            node=self._node,
            pid=os.getpid(),
            steps=now.steps,
            position=now.location,
            trace=now.trace,
            waits=now.waits,
            collectives=now.collectives,
        )


class _Worker:
    """One rank of the worker group."""

    def __init__(
        self, config: dict[str, Any], process: Process, heartbeat: _HeartbeatThread
    ) -> None:
        self._group_id, self._heartbeat = config["group_id"], heartbeat
        self._coordinator = ray.get_actor(config["coordinator"])
        self._store = ArtifactStore.open(config["store"], patient=True)
        self._process = process
        self._data = DataCache(elsewhere=decoding(config["decode_cpus"]))
        # Idle ranks wait in this group. gloo's default timeout of 30 minutes would end them, and
        # NCCL would keep their GPUs busy.
        self._control = dist.new_group(backend="gloo", timeout=timedelta(days=30))
        self._hosts = [""] * process.world_size
        dist.all_gather_object(self._hosts, heartbeat.host, group=self._control)

    def take(self) -> tuple[int, JobRequest] | None:
        """Return the next job, the same on every rank; None to end."""
        from_driver = None
        if self._process.rank == 0:
            from_driver = ray.get(self._coordinator.take.remote(self._group_id))
        job = self._share(from_driver)
        return job and (job[0], JobRequest.model_validate_json(job[1]))

    def train(self, number: int, request: JobRequest) -> None:
        """Train one job; rank 0 reports every epoch and the end."""
        self._process.progress.begin()
        self._begin(number, request)
        process = replace(self._process, parallel=request.resources.parallel)
        rows = run_request(request, self._store, process, self._data, self._should_leave)
        last = request.job.recipe.epochs
        while True:
            try:
                row = next(rows)
            except StopIteration as end:
                return self._ended(number, end.value)
            ending = self._report(number, epoch_message(row))
            ending = self._share(ending)
            if ending and row.epoch < last:
                rows.close()
                return self._leave(number, request, ending)

    def _begin(self, number: int, request: JobRequest) -> None:
        if self._process.rank == 0:
            attempt = self._store.next_attempt(request.job.id)
            self._report(number, started_message(attempt, self._hosts))

    def _should_leave(self) -> bool:
        """Whether to leave the job at the next checkpoint, even within an epoch."""
        return bool(self._heartbeat.ending)

    def _ended(self, number: int, result: JobResult) -> None:
        """Report how a job ended, unless it was left within an epoch for the next generation."""
        if result.status == "stopped" and self._share(self._requested_ending()) == "regroup":
            return
        self._end(number, result)

    def _requested_ending(self) -> Ending:
        """Ask again, for the first rank: another rank may have got the answer earlier."""
        if self._process.rank:
            return ""
        ending: Ending = ray.get(self._coordinator.requested_ending.remote(self._group_id))
        return ending

    def _leave(self, number: int, request: JobRequest, ending: Ending) -> None:
        """Close a job after an epoch, which is checkpointed: for good, or for new workers."""
        if ending == "stop":
            self._end(number, self._store.result(request.job.id))

    def _end(self, number: int, result: JobResult | None) -> None:
        """Report how the job ended, and wait until every rank is free for the next one.

        A rank that fails alone leaves the other ranks waiting in a collective of the job: the error
        raised here ends this generation of workers, and the next one is started.
        """
        failure = result.cause if result and result.status == "failed" else None
        if failure and failure.kind == "worker lost":
            # Ends all workers, and with them the process of the one that has lost its device.
            whose = "" if has_lost_gpu(failure) else "another worker is gone: "
            raise RunError(f"{whose}{in_a_line(failure)}")
        if failure and self._process.rank:
            self._give_up(number, failure)
        elif result:
            self._report(number, end_message(result))
        patience = _FAILED_PATIENCE if failure else _PATIENCE
        # gloo alone has this barrier, and it names the ranks that did not come (torch 2.13).
        dist.monitored_barrier(self._control, timeout=patience)

    def _give_up(self, number: int, failure: Cause) -> None:
        """Report why this rank failed. RunError: no other did, so the workers must be restarted.

        gloo's monitored barrier would not do: only its first rank takes the timeout into account.
        """
        patience = _FAILED_PATIENCE.total_seconds()
        cause = failure.model_dump_json()
        ended = self._coordinator.record_failure.remote(self._group_id, number, cause, patience)
        if not ray.get(ended):
            raise RunError(f"the other workers cannot continue without this one: {failure.message}")

    def _report(self, number: int, message: Message) -> Ending:
        if self._process.rank:
            return ""
        sent = self._coordinator.put.remote(self._group_id, number, message)
        ending: Ending = ray.get(sent)
        return ending

    def _share(self, value: Any) -> Any:
        """Return rank 0's value on every rank."""
        shared = [value]
        # Without a device torch takes the one of the default group, a GPU under NCCL.
        dist.broadcast_object_list(shared, src=0, group=self._control, device=torch.device("cpu"))
        return shared[0]
