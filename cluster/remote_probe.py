"""Measure the device of a cluster's worker, on its host."""

import ray

from compound.cluster.ray_session import Session
from compound.cluster.resources import gpus_of, with_gpus
from compound.jobs.device_model import Kind
from compound.jobs.probe.probe import probe
from compound.schemas.errors import ClusterError
from compound.schemas.job import Resources
from compound.schemas.machine.device import DeviceProfile, Precision

_PATIENCE = 120.0
"""Seconds for a worker to become free and to import torch."""


def probe_on(
    session: Session, resources: Resources, limit: float, precision: Precision = "float32"
) -> DeviceProfile:
    """Run a probe as one worker of this size. ClusterError: no host has one free in time."""
    gpus = gpus_of(with_gpus(resources.sized(1), session.nodes, session.limit))
    kind: Kind = "cuda" if gpus else "cpu"
    # Ray retries a lost task three times by default: the probe would take four times its limit.
    task = ray.remote(_probe).options(num_cpus=resources.cpus, num_gpus=gpus, max_retries=0)
    try:
        probed = task.remote(kind, resources.cpus, limit, precision)
        text = ray.get(probed, timeout=limit + _PATIENCE)
    except ray.exceptions.GetTimeoutError:
        raise ClusterError(
            f"no worker with {resources.cpus} CPUs became free for the probe",
            next_step="ray status",
        ) from None
    return DeviceProfile.model_validate_json(text)


def _probe(kind: Kind, threads: int, limit: float, precision: Precision) -> str:
    return probe(kind, threads, limit, precision=precision).model_dump_json()
