"""What a gang's workers do: take one job after another, and show that they live."""

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
from compound.cluster.worker_group.coordinator import Ending, Message, epoch_message
from compound.cluster.worker_group.heartbeat import BEAT_S, Heartbeat
from compound.jobs.gpu.memory_share import keep_to_share
from compound.jobs.parallel.failure import has_lost_gpu
from compound.jobs.run_job import Process, run
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import RunError
from compound.schemas.job import Cause, JobRequest, JobResult

_PATIENCE = timedelta(minutes=30)
_FAILED_PATIENCE = timedelta(minutes=1)
"""How long a rank waits at the end of a job for the others, who may be writing a checkpoint."""


def work(config: dict[str, Any]) -> None:
    """Train jobs from the mailbox until there are no more; runs on every rank."""
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
    with _HeartbeatThread(config, process) as heart:
        worker = _Worker(config, process, heart)
        while (taken := worker.take()) is not None:
            worker.train(*taken)


class _HeartbeatThread:
    """Tells the mailbox every few seconds that this worker lives, and where it is."""

    def __init__(self, config: dict[str, Any], process: Process) -> None:
        self._gang, self._group = config["gang"], config["group"]
        self._mailbox = ray.get_actor(config["mailbox"])
        self._process = process
        self._host = ray.util.get_node_ip_address()
        self._node = ray.get_runtime_context().get_node_id()
        self._still = threading.Event()
        self.wanted: Ending = ""
        """What the driver's side wants of the workers before the running epoch is over."""
        self._thread = threading.Thread(target=self._beat_on, name="heart", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        """Fall silent, and say so first where nothing is wrong."""
        self._still.set()
        if kind is None:
            self._thread.join()
            ray.get(self._mailbox.leave.remote(self._gang, self._group, self._process.rank))

    def _beat_on(self) -> None:
        while True:
            beat = self._mailbox.beat.remote(self._gang, self._group, self._beat())
            self.wanted = ray.get(beat)
            if self._still.wait(BEAT_S):
                return

    def _beat(self) -> Heartbeat:
        now = self._process.progress.read()
        return Heartbeat(
            rank=self._process.rank,
            host=self._host,
            node=self._node,
            pid=os.getpid(),
            steps=now.steps,
            place=now.location,
            trace=now.trace,
            waits=now.waits,
            collectives=now.collectives,
        )


class _Worker:
    """One rank of the gang."""

    def __init__(self, config: dict[str, Any], process: Process, heart: _HeartbeatThread) -> None:
        self._gang, self._heart = config["gang"], heart
        self._mailbox = ray.get_actor(config["mailbox"])
        self._store = ArtifactStore.open(config["store"], patient=True)
        self._process = process
        self._data = DataCache(elsewhere=decoding(config["decode_cpus"]))
        # Ranks wait here for as long as the study has no job for them.
        self._control = dist.new_group(backend="gloo", timeout=timedelta(days=30))

    def take(self) -> tuple[int, JobRequest] | None:
        """Return the next job, the same on every rank; None to go home."""
        mine = None
        if self._process.rank == 0:
            mine = ray.get(self._mailbox.take.remote(self._gang, self._process.world_size))
        taken = self._share(mine)
        return taken and (taken[0], JobRequest.model_validate_json(taken[1]))

    def train(self, number: int, request: JobRequest) -> None:
        """Train one job; rank 0 tells of every epoch and of the end."""
        self._process.progress.begin()
        splits, continues = request.splits, request.continues
        rows = run(
            request.job,
            self._store,
            replace(self._process, parallel=request.resources.parallel),
            self._data,
            splits,
            continues,
            self._called,
            profile=request.profile,
        )
        last = request.job.recipe.epochs
        while True:
            try:
                row = next(rows)
            except StopIteration as end:
                return self._returned(number, end.value)
            ending = self._tell(number, epoch_message(row), waits=request.prunable)
            ending = self._share(ending)
            if ending and row.epoch < last:
                rows.close()
                return self._leave(number, request, ending)

    def _called(self) -> bool:
        """Whether to leave the job at the next checkpoint, be it within an epoch."""
        return bool(self._heart.wanted)

    def _returned(self, number: int, result: JobResult) -> None:
        """Tell how a job ended by itself, unless it was left within an epoch for another group."""
        if result.status == "stopped" and self._share(self._wanted()) == "regroup":
            return
        self._end(number, result)

    def _wanted(self) -> Ending:
        """Ask anew, for the first rank: another one may have heard it before."""
        if self._process.rank:
            return ""
        wanted: Ending = ray.get(self._mailbox.wanted.remote(self._gang))
        return wanted

    def _leave(self, number: int, request: JobRequest, ending: Ending) -> None:
        """Close a job after an epoch, which is checkpointed: for good, or for another group."""
        if ending == "stop":
            self._end(number, self._store.result(request.job.id))

    def _end(self, number: int, result: JobResult | None) -> None:
        """Tell how the job ended, and see that every rank is free for the next one.

        A rank that fails alone leaves the others waiting in a collective of the job: the error
        raised here ends the group, and another one is started.
        """
        failure = result.cause if result and result.status == "failed" else None
        if failure and failure.kind == "worker lost":
            # Ends the group, and with it the process of whoever has lost its device.
            whose = "" if has_lost_gpu(failure) else "another worker is gone: "
            raise RunError(f"{whose}{in_a_line(failure)}")
        if failure and self._process.rank:
            self._give_up(number, failure)
        elif result:
            self._tell(number, {"result": result.model_dump_json()})
        patience = _FAILED_PATIENCE if failure else _PATIENCE
        dist.monitored_barrier(self._control, timeout=patience)

    def _give_up(self, number: int, failure: Cause) -> None:
        """Say why this rank has failed. RunError: it alone has, so the group must be restarted.

        A monitored barrier would not do: on all ranks but the first it knows no timeout of its own.
        """
        patience = _FAILED_PATIENCE.total_seconds()
        told = self._mailbox.note.remote(self._gang, number, failure.model_dump_json(), patience)
        if not ray.get(told):
            raise RunError(f"the others cannot go on without this worker: {failure.message}")

    def _tell(self, number: int, message: Message, *, waits: bool = False) -> Ending:
        if self._process.rank:
            return ""
        told: Ending = ray.get(self._mailbox.put.remote(self._gang, number, message, waits=waits))
        return told

    def _share(self, value: Any) -> Any:
        """Return rank 0's value on every rank."""
        shared = [value]
        dist.broadcast_object_list(shared, src=0, group=self._control, device=torch.device("cpu"))
        return shared[0]
