"""What Tune runs: warm actors that take one job after another, an epoch a step."""

from collections.abc import Generator
from typing import Any

import ray
import torch
from ray import tune

from compound.cluster.driver_results import in_a_line, lost
from compound.cluster.ray_data import decoding
from compound.cluster.resources import gpus_of
from compound.cluster.runner import unfinished
from compound.cluster.worker_group.coordinator import (
    Message,
    end_message,
    epoch_message,
    started_message,
)
from compound.cluster.worker_group.group import WorkerGroup
from compound.jobs.gpu.memory_share import keep_to_share
from compound.jobs.parallel.collective import end_process
from compound.jobs.run_job import Process, run_request
from compound.jobs.runtime.malloc import keep_freed
from compound.jobs.store.artifacts import ArtifactStore
from compound.jobs.training.data_cache import DataCache
from compound.schemas.errors import RunError
from compound.schemas.job import EpochRow, JobRequest, JobResult

Config = dict[str, Any]
"""`index` of the request, name of the `coordinator`, URI of the `store`; `beside`, the resource
of the driver's host; `imports`, folders with importable code; `cpus` and `gpus` of a worker."""

_DRIVER_MEMORY = 2**20
"""Bytes that the trial actor of a worker group reserves, and no CPU. Ray refuses an empty request,
and where the CPUs just fit the workers, any fraction of one would keep them waiting for ever.
Workers in the trial's own request would be reserved twice (ray-project/ray#47439)."""

_SHARE = 0.001
"""Of the one unit of the resource with its own name that each host has."""


class Trial(tune.Trainable):  # type: ignore[misc]
    """The common part: find the coordinator and the job, and take the next job when reused."""

    def setup(self, config: Config) -> None:
        """Connect once in the life of the actor, then take the first job."""
        self.coordinator = ray.get_actor(config["coordinator"])
        self.store = ArtifactStore.open(config["store"], patient=True)
        self.request = self._fetch(config)
        self.open()
        self.begin()

    def reset_config(self, new_config: Config) -> bool:
        """Take the next job in the same process."""
        self.request = self._fetch(new_config)
        self.begin()
        return True

    def _fetch(self, config: Config) -> JobRequest:
        text = ray.get(self.coordinator.request.remote(config["index"]))
        return JobRequest.model_validate_json(text)

    def stopping(self) -> bool:
        """Return whether the driver wants the job to end."""
        return bool(ray.get(self.coordinator.stopping.remote()))

    def __repr__(self) -> str:
        """Name the actor in Ray's dashboard, which asks once, after the first job is taken."""
        return f"{type(self).__name__}({self.request.label or self.request.job.id}, and on)"

    def open(self) -> None:
        """Prepare what all jobs of this actor share."""
        raise NotImplementedError

    def begin(self) -> None:
        """Take `self.request` as the job of the next steps."""
        raise NotImplementedError


class SingleWorkerTrial(Trial):
    """Trains one-worker jobs inside the trial's own actor."""

    @classmethod
    def default_resource_request(cls, config: Config) -> tune.PlacementGroupFactory:
        """Ask Tune for the resources of a worker."""
        return tune.PlacementGroupFactory([{"CPU": config["cpus"], "GPU": config["gpus"]}])

    def open(self) -> None:
        """Keep decoded data between jobs, and memory between steps."""
        keep_freed()
        self._data = DataCache(elsewhere=decoding(self.request.resources.decode_cpus))

    def begin(self) -> None:
        """Start the job's generator; nothing runs before the first step."""
        resources = self.request.resources
        device = torch.device("cuda" if gpus_of(resources) else "cpu")
        keep_to_share(device, gpus_of(resources))
        process = Process.single(resources.cpus, device, tuple(self.config["imports"]))
        self._rows = run_request(self.request, self.store, process, self._data)
        self._last: EpochRow | None = None
        self._begun = False

    def step(self) -> Message:
        """Say where the job begins, then train an epoch a step; the last brings the result."""
        if self.stopping():
            return ended(stop(self._rows, self._last, self.request, self.store))
        if not self._begun:
            self._begun = True
            attempt = self.store.next_attempt(self.request.job.id)
            return started_message(attempt, [ray.util.get_node_ip_address()])
        message: Message = {}
        try:
            self._last = next(self._rows)
            message = epoch_message(self._last)
            if self._last.epoch < self.request.job.recipe.epochs:
                return message
            next(self._rows)
        except StopIteration as end:
            return {**message, **ended(self._survived(end.value))}
        raise RunError(f"job {self.request.job.id} continues after its last epoch")

    def _survived(self, result: JobResult) -> JobResult:
        """Return the result of a job after which this process can take another one.

        A single worker is lost where its CUDA context is: Tune gives the job to a new process then.
        """
        if lost(result):
            assert result.cause is not None
            text = in_a_line(result.cause)
            ray.get(self.coordinator.record_last_words.remote(self.request.job.id, text))
            end_process(1)
        return result

    def cleanup(self) -> None:
        """Close a job that was cut off."""
        self._rows.close()


class GroupTrial(Trial):
    """Trains multi-worker jobs in a worker group that it starts once and keeps warm."""

    @classmethod
    def default_resource_request(cls, config: Config) -> tune.PlacementGroupFactory:
        """Ask Tune for next to nothing: Train reserves the resources of the workers.

        The actor runs on the driver's host, so that a lost host costs a group workers only.
        """
        on_driver = {config["beside"]: _SHARE}
        return tune.PlacementGroupFactory([{"memory": _DRIVER_MEMORY, **on_driver}])

    def open(self) -> None:
        """Start the group; it comes up while the first job waits in the coordinator."""
        self._worker_group = WorkerGroup(
            self.coordinator, self.config, self.store.uri, self.request
        )

    def begin(self) -> None:
        """Remember that the job is not posted yet, so that a stop may still come first."""
        self._posted = False

    def step(self) -> Message:
        """Wait for the group's next message, an epoch's row or the end of the job."""
        if not self._posted and self.stopping():
            return ended(unfinished(self.request))
        if not self._posted:
            self._worker_group.post(self.request)
            self._posted = True
        message = self._worker_group.next()
        if "late" in message and self.stopping():
            return ended(unfinished(self.request))
        return {**message, "done": "result" in message or "failure" in message}

    def cleanup(self) -> None:
        """End the workers and give their resources back."""
        self._worker_group.close()


def ended(result: JobResult) -> Message:
    """Return the message that ends a job."""
    return {**end_message(result), "done": True}


def stop(
    rows: Generator[EpochRow, None, JobResult],
    last: EpochRow | None,
    request: JobRequest,
    store: ArtifactStore,
) -> JobResult:
    """End a job between two epochs: it saves a checkpoint and records that it was stopped."""
    rows.close()
    result = store.result(request.job.id) if last else None
    return result or unfinished(request)
