"""What jobs will take, from exact counts and a model of the device: pure arithmetic."""

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from compound.cluster.resources import Node, at_once, expected, gpus_of, resolve
from compound.jobs.data.sources.encoded import streams
from compound.jobs.device_model import (
    IMAGES_PART,
    NCCL_BYTES,
    PROCESS_BYTES,
    bound_of,
    evaluation_seconds,
    largest_batch,
    own_bytes,
    peak_bytes,
)
from compound.jobs.networks.workload import workload
from compound.jobs.parallel.strategy_table import STRATEGIES
from compound.jobs.training.optimiser.schedule import Steps, steps
from compound.orchestrator.design.budget_cost import training_state
from compound.orchestrator.forecast.placement import sharing
from compound.orchestrator.plan.step_time import Pace
from compound.schemas.architecture import Network
from compound.schemas.data import DataInfo
from compound.schemas.forecast import GIB, Basis, Demand, Total
from compound.schemas.job import JobRequest, Resources, TrainJob
from compound.schemas.machine.device import DeviceProfile, Workload
from compound.schemas.recipe import Recipe
from compound.schemas.spending import Hosts, Spending

ALL_REDUCE: Mapping[str, float] = {"cpu": 4e8, "cuda": 5e10}
"""Bytes a second at which one worker passes gradients on: gloo over a socket, NCCL in a host."""
EPOCH_SECONDS = 0.05
"""What ends an epoch beside evaluation: its row, its checkpoint."""
SOLO_SECONDS = 6.0
"""Starting Ray and the first trial actors; later jobs find them warm."""
SPARE = 0.85
"""The part of a worker's memory that is planned for: probes ran some ten percent low."""
STREAMED_BYTES = 2**28
"""Decoded images that wait where they do not fit into memory as a whole."""
GROUP_START_SECONDS = 20.0
"""Starting the first worker group of several workers; later jobs find it warm."""


@dataclass(frozen=True)
class CostModel:
    """Turns jobs into what they take, on one kind of device and one cluster."""

    profile: DeviceProfile
    hosts: Hosts
    spending: Spending
    data: DataInfo

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The hosts of the cluster."""
        node = Node(cpus=self.hosts.cpus, gpus=self.hosts.gpus, host="")
        return (node,) * self.hosts.nodes

    @property
    def worker_memory(self) -> int:
        """Bytes that one worker may use."""
        memory = self.hosts.memory
        return self.profile.memory if memory is None else round(memory * GIB)

    @property
    def basis(self) -> Basis:
        """What the forecast is based on."""
        profile = self.profile
        return Basis(
            device=profile.device,
            source=profile.source,
            time_error=profile.time_error,
            worst_time_error=profile.worst_time_error,
            memory_error=profile.memory_error,
            corrected_by=profile.measured_jobs,
            correction=profile.correction,
            launch_correction=profile.launch_correction,
            precision=profile.precision,
            guessed=profile.guessed,
            untimed=profile.untimed,
            hosts=self.hosts,
            worker_memory=self.worker_memory,
        )

    def demand(self, request: JobRequest) -> Demand:
        """Return what one job takes. PlanError: its batch cannot be shared by its workers."""
        (request,) = resolve([request], self.nodes)
        job, resources = request.job, request.resources
        workers = expected(resources, self.nodes)
        plan = steps(job.recipe, self.data.train, resources.most_workers)
        resources = resources.sized(workers)
        work = workload(job.architecture)
        pieces = math.ceil(plan.batch / workers / plan.micro)
        profile = in_turns(self.profile, sharing(resources))
        pace = Pace(profile, job.architecture, job.recipe, plan.micro, pieces)
        shared = self._sent(work.params, resources) * STRATEGIES[resources.parallel].sent(pieces)
        ending = evaluation_pass(profile, work, plan, workers, self.data.validation) + EPOCH_SECONDS
        seconds = pace.compiling + plan.total * (pace.mean_step + shared)
        seconds += job.recipe.epochs * ending
        gpu_hours, cpu_hours = hours(seconds, resources)
        state = training_state(job.recipe, workers, resources.parallel)
        whole = self.room(resources)
        images, room = self.images(job, resources), int(SPARE * whole)
        return Demand(
            job=job.id,
            architecture=job.architecture.id,
            workers=workers,
            micro_batch=plan.micro,
            fitting_batch=largest_batch(self.profile, work, room - images, **state),
            memory=images + peak_bytes(self.profile, work, plan.micro, **state),
            room=whole,
            sharers=sharing(resources),
            step_seconds=pace.last_step + shared,
            bound=bound_of(profile, work, plan.micro, pieces),
            seconds=seconds,
            gpu_hours=gpu_hours,
            cpu_hours=cpu_hours,
            money=self.spending.money_for(gpu_hours, cpu_hours),
        )

    def room(self, resources: Resources) -> int:
        """Return the bytes that one worker of this size may use on its device.

        A fraction of a GPU is that part of it, less a context; NCCL's buffers are counted where
        workers have whole ones.
        """
        if self.profile.kind == "cpu":
            return self.worker_memory
        if 0 < gpus_of(resources) < 1:
            return own_bytes(self.worker_memory + PROCESS_BYTES, gpus_of(resources))
        # NCCL allocates its buffers at the first collective, outside of torch's allocator.
        nccl = NCCL_BYTES if resources.most_workers > 1 else 0
        return max(0, self.worker_memory - nccl)

    def images(self, job: TrainJob, resources: Resources, held_out: int | None = None) -> int:
        """Return the bytes of decoded images in the memory of a worker's device.

        A CPU worker keeps all of them; a GPU keeps them where they take a small part of it.
        `held_out`: the images that it evaluates, by default those of validation.
        """
        images, on_gpu = self.data.train + self.data.validation, self.profile.kind == "cuda"
        if streams(job.data.spec, images, self.data.in_channels, self.data.size):
            return 0 if on_gpu else STREAMED_BYTES
        images = images if held_out is None else self.data.train + held_out
        bytes = images * job.architecture.in_channels * job.architecture.resolution**2
        gpu = self.worker_memory + PROCESS_BYTES
        fits = bytes <= own_bytes(gpu, gpus_of(resources)) // IMAGES_PART
        return bytes if fits or not on_gpu else 0

    def _sent(self, params: int, resources: Resources) -> float:
        """Return the seconds of a ring all-reduce: every worker passes on 2 (N - 1) / N of it.

        Where they divide a network it is 3 (N - 1) / N for every micro-batch: weights are
        gathered twice, and gradients go to those whose rows they are.
        """
        workers, alone = resources.most_workers, sharing(resources) == 1
        # Workers that share a GPU pass their gradients on through the host, by gloo.
        speed = ALL_REDUCE[self.profile.kind if alone else "cpu"]
        return 4 * params * 2 * (workers - 1) / workers / speed

    def demands(self, requests: Iterable[JobRequest]) -> dict[str, Demand]:
        """Return what jobs take, by id; jobs that differ only in seeds are computed once."""
        reckoned: dict[tuple[Network, Recipe, Resources], Demand] = {}
        demands: dict[str, Demand] = {}
        for request in requests:
            job = request.job
            kind = (job.architecture, job.recipe, request.resources)
            if kind not in reckoned:
                reckoned[kind] = self.demand(request)
            demands[job.id] = reckoned[kind].model_copy(update={"job": job.id})
        return demands

    def total(self, requests: Sequence[JobRequest], demands: Mapping[str, Demand]) -> Total:
        """Sum up jobs by their `demands`, each job once."""
        unique = list({request.job.id: request for request in requests}.values())
        ordered = [demands[request.job.id] for request in unique]
        gpu_hours = sum(demand.gpu_hours for demand in ordered)
        cpu_hours = sum(demand.cpu_hours for demand in ordered)
        return Total(
            jobs=len(ordered),
            epochs=sum(request.job.recipe.epochs for request in unique),
            memory=max((demand.memory for demand in ordered), default=0),
            seconds=sum(demand.seconds for demand in ordered),
            wall_seconds=self._wall(unique, ordered),
            gpu_hours=gpu_hours,
            cpu_hours=cpu_hours,
            money=self.spending.money_for(gpu_hours, cpu_hours),
        )

    def _wall(self, requests: Sequence[JobRequest], demands: Sequence[Demand]) -> float:
        """Return the time on the cluster: jobs of the same resources run side by side."""
        pairs = zip(resolve(requests, self.nodes), demands, strict=True)
        by_size = sorted(pairs, key=lambda pair: _size(pair[0].resources))
        seconds = 0.0
        for _, group in groupby(by_size, key=lambda pair: _size(pair[0].resources)):
            jobs = list(group)
            resources = jobs[0][0].resources
            lanes = at_once(resources, self.nodes)
            start = GROUP_START_SECONDS if resources.most_workers > 1 else SOLO_SECONDS
            seconds += start + makespan([demand.seconds for _, demand in jobs], lanes)
        return seconds


def evaluation_pass(
    profile: DeviceProfile, work: Workload, plan: Steps, workers: int, images: int
) -> float:
    """Return the seconds in which each of so many workers evaluates its part of the images."""
    batches = math.ceil(images / (workers * plan.micro))
    return batches * evaluation_seconds(profile, work, plan.micro)


def in_turns(profile: DeviceProfile, number: int) -> DeviceProfile:
    """Return how a GPU looks to each of so many workers that share it at the same time.

    Processes take turns on a GPU (it runs the kernels of one at a time, unless MPS is set up), so
    what it computes takes `number` times as long. What the host does to launch it overlaps with
    the others' turns. A prediction: never measured on a GPU.
    """
    if number == 1:
        return profile
    seconds = {name: number * value for name, value in profile.seconds.items()}
    return profile.model_copy(update={"seconds": seconds})


def hours(seconds: float, resources: Resources) -> tuple[float, float]:
    """Return the GPU-hours and the CPU-hours that a job occupies."""
    hours = seconds * resources.most_workers / 3600
    return hours * gpus_of(resources), hours * (resources.cpus + resources.decode_cpus)


def _size(resources: Resources) -> tuple[int, int, int, float]:
    least, most = resources.least_workers, resources.most_workers
    return least, most, resources.cpus + resources.decode_cpus, gpus_of(resources)


def makespan(seconds: Sequence[float], lanes: int) -> float:
    """Return when the last of some jobs ends, each taking the first of `lanes` that is free."""
    free = [0.0] * min(lanes, max(1, len(seconds)))
    for duration in seconds:
        heapq.heapreplace(free, free[0] + duration)
    return max(free)
