"""What jobs will take, from counts alone: a rough guide to spot a factor of ten, no more."""

import math
from collections.abc import Iterable

from jobs.complexity import count
from schemas.architecture import Network
from schemas.data import DataInfo
from schemas.factory import FactoryNetwork
from schemas.job import JobRequest
from schemas.plan import Prediction

BACKWARD = 2
"""Backward takes about twice the multiplications of forward."""
CPU_RATE = 8e9
"""MACs a second that one CPU core sustains on small mobile networks in float32."""
GPU_RATE = 1.5e12
"""The same for one data-centre GPU: these networks are bound by bandwidth, not arithmetic."""
BLOCK_SECONDS = 8e-4
"""Launching one block forward and backward, however small."""


def predict(requests: Iterable[JobRequest], data: DataInfo) -> Prediction:
    """Sum up what jobs take on workers like the ones that they ask for."""
    found = list(requests)
    seconds = [_seconds(request, data) for request in found]
    pairs = zip(found, seconds, strict=True)
    return Prediction(
        jobs=len(found),
        memory=max((_memory(request) for request in found), default=0),
        seconds=sum(seconds),
        gpu_hours=sum(_gpus(request) * time for request, time in pairs) / 3600,
    )


def _gpus(request: JobRequest) -> float:
    gpus = request.resources.gpus
    return 0.0 if gpus == "auto" else gpus * request.resources.workers


def _memory(request: JobRequest) -> int:
    """Return the peak bytes of one worker: weights, optimiser, and one micro-batch's outputs."""
    cost, recipe = count(request.job.architecture), request.job.recipe
    images = math.ceil(recipe.batch / (recipe.accumulate * request.resources.workers))
    return cost.state_bytes + images * cost.image_bytes


def _seconds(request: JobRequest, data: DataInfo) -> float:
    job, resources = request.job, request.resources
    macs = count(job.architecture).macs
    work = macs * ((1 + BACKWARD) * data.train + data.validation) * job.recipe.epochs
    steps = math.ceil(data.train / job.recipe.batch) * job.recipe.epochs
    rate = GPU_RATE if _gpus(request) else CPU_RATE * resources.cpus
    return work / (rate * resources.workers) + steps * BLOCK_SECONDS * _blocks(job.architecture)


def _blocks(network: Network) -> float:
    """Return the number of blocks; three layers of a user's own network count as one."""
    return network.workload.layers / 3 if isinstance(network, FactoryNetwork) else network.depth
