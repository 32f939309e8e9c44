"""A gang: DDP workers that Ray Train starts once and that then train one job after another.

Starting a worker group takes Ray Train tens of seconds, handing the group another job takes
milliseconds. The trial actor holds the gang: `fit()` runs in a thread of it, jobs and rows pass
through the mailbox. Train restarts the whole group when a worker dies; the new group takes the
unfinished job again, which resumes from its last checkpoint in the store.
"""

import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import ray
import torch
import torch.distributed as dist
from ray import train
from ray.train.torch import TorchConfig, TorchTrainer, get_device

from cluster.capacity import gpus_of
from cluster.mailbox import Message, epoch_message
from cluster.network import bind_collectives
from jobs.data.cache import DataCache
from jobs.run import Process, run
from jobs.store.artifacts import ArtifactStore
from schemas.errors import RunError
from schemas.job import Cause, JobRequest, JobResult, Resources

_CONTROLLER_FAILURES = 2
_RESTARTS = 1_000
"""Worker deaths that Train forgives in a gang's life; the mailbox counts them for each job."""

_PATIENCE = timedelta(minutes=30)
_FAILED_PATIENCE = timedelta(minutes=1)
"""How long a rank waits at the end of a job for the others, who may be writing a checkpoint."""

_LATE_S = 60.0
"""Seconds after which workers that are not up yet are thought to wait for resources."""

_ENVIRONMENT = {
    # Rows do not go through Train's report(), so its polls only find dead workers; each one costs
    # the training threads time.
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "1.0",
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "3600",  # a shared cluster may be busy
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # a drained worker is restarted like a lost one
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}
_PASSED_ON = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME", "NCCL_DEBUG")


class Gang:
    """The trial actor's side: starts the workers, posts jobs, receives what they say."""

    def __init__(
        self, mailbox: Any, trial: Mapping[str, Any], store: str, first: JobRequest
    ) -> None:
        self._mailbox = mailbox
        self._id = f"gang-{secrets.token_hex(4)}"
        self._error: BaseException | None = None
        self._up = False
        self._folder = tempfile.mkdtemp(prefix="compound-gang-")
        os.environ.update(_ENVIRONMENT)
        taken = {name: trial[name] for name in ("mailbox", "imports")}
        config = {**taken, "gang": self._id, "store": store}
        trainer = _trainer(config, first.resources, self._folder)
        self._thread = threading.Thread(target=self._fit, args=(trainer,), daemon=True)
        self._thread.start()

    def _fit(self, trainer: TorchTrainer) -> None:
        try:
            trainer.fit()
        except Exception as error:  # told to the trial, which waits in `next`
            self._error = error

    def post(self, request: JobRequest) -> None:
        """Give the workers their next job."""
        ray.get(self._mailbox.post.remote(self._id, request.job.id, request.model_dump_json()))

    def next(self) -> Message:
        """Wait for the next message of the job; say now and then that the workers are not up yet.

        Raises:
            RunError: the gang has ended, with what Ray Train says about it.
        """
        begun = time.monotonic()
        while True:
            message: Message | None = ray.get(self._mailbox.next.remote(self._id, timeout=5.0))
            if message is not None:
                self._up = True
                return message
            if not self._thread.is_alive():
                raise RunError(f"the group of workers ended: {self._error}") from self._error
            if not self._up and time.monotonic() - begun > _LATE_S:
                return {"late": True}

    def close(self) -> None:
        """Let the workers return, wait until Train has given their resources back."""
        ray.get(self._mailbox.close.remote(self._id))
        self._thread.join(timeout=60)
        shutil.rmtree(self._folder, ignore_errors=True)


def _trainer(config: Mapping[str, Any], resources: Resources, folder: str) -> TorchTrainer:
    gpus = gpus_of(resources)
    given = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return TorchTrainer(
        work,
        train_loop_config={**config, "cpus": resources.cpus},
        torch_config=GangTorchConfig(backend="nccl" if gpus >= 1 else "gloo"),
        scaling_config=train.ScalingConfig(
            num_workers=resources.workers,
            use_gpu=gpus > 0,
            resources_per_worker={"CPU": resources.cpus, **({"GPU": gpus} if gpus else {})},
        ),
        run_config=train.RunConfig(
            name=config["gang"],
            storage_path=folder,
            failure_config=train.FailureConfig(
                max_failures=_RESTARTS, controller_failure_limit=_CONTROLLER_FAILURES
            ),
            worker_runtime_env={"env_vars": given},
        ),
    )


class _BoundBackend(TorchConfig().backend_cls):  # type: ignore[misc]
    """Torch's process group, joined over the network by which Ray knows each host."""

    def on_start(self, worker_group: Any, backend_config: Any) -> None:
        """Choose the interface on every worker before gloo or NCCL looks for one."""
        worker_group.execute(bind_collectives)
        super().on_start(worker_group, backend_config)


class GangTorchConfig(TorchConfig):  # type: ignore[misc]
    """Ray Train's torch setup with the interface chosen."""

    @property
    def backend_cls(self) -> type:
        """The class that Ray Train starts on every group of workers."""
        return _BoundBackend


def work(config: dict[str, Any]) -> None:
    """Train jobs from the mailbox until there are no more; runs on every rank."""
    rank = train.get_context().get_world_rank()
    process = Process(
        rank=rank,
        world_size=train.get_context().get_world_size(),
        device=get_device(),
        threads=config["cpus"],
        imports=tuple(config["imports"]),
    )
    worker = _Worker(config, process)
    while (taken := worker.take()) is not None:
        worker.train(*taken)


class _Worker:
    """One rank of the gang."""

    def __init__(self, config: dict[str, Any], process: Process) -> None:
        self._gang = config["gang"]
        self._mailbox = ray.get_actor(config["mailbox"])
        self._store = ArtifactStore.open(config["store"])
        self._process = process
        self._data = DataCache()
        # Ranks wait here for as long as the study has no job for them.
        self._control = dist.new_group(backend="gloo", timeout=timedelta(days=30))

    def take(self) -> tuple[int, JobRequest] | None:
        """Return the next job, the same on every rank; None to go home."""
        mine = None
        if self._process.rank == 0:
            mine = ray.get(self._mailbox.take.remote(self._gang))
        taken = self._share(mine)
        return taken and (taken[0], JobRequest.model_validate_json(taken[1]))

    def train(self, number: int, request: JobRequest) -> None:
        """Train one job; rank 0 tells of every epoch and of the end."""
        splits, continues = request.splits, request.continues
        rows = run(request.job, self._store, self._process, self._data, splits, continues)
        last = request.job.recipe.epochs
        while True:
            try:
                row = next(rows)
            except StopIteration as end:
                return self._end(number, end.value)
            ending = self._tell(number, epoch_message(row), waits=request.prunable)
            if self._share(ending) and row.epoch < last:
                rows.close()
                return self._end(number, self._store.result(request.job.id))

    def _end(self, number: int, result: JobResult | None) -> None:
        """Tell how the job ended, and see that every rank is free for the next one.

        A rank that fails alone leaves the others waiting in a collective of the job: the error
        raised here makes Ray Train restart the group.
        """
        failure = result.cause if result and result.status == "failed" else None
        if failure and failure.kind == "worker lost":
            raise RunError(f"another worker is gone: {failure.message}")
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

    def _tell(self, number: int, message: Message, *, waits: bool = False) -> bool:
        if self._process.rank:
            return False
        told = self._mailbox.put.remote(self._gang, number, message, waits=waits)
        return bool(ray.get(told))

    def _share(self, value: Any) -> Any:
        """Return rank 0's value on every rank."""
        shared = [value]
        dist.broadcast_object_list(shared, src=0, group=self._control, device=torch.device("cpu"))
        return shared[0]
