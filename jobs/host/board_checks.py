"""What is wrong with single GPUs, and who shares them: pure functions from facts to findings."""

from collections.abc import Iterator

from compound.jobs.host.host_findings import gpus_of, noted, wrong
from compound.schemas.host import Finding, Gpu, HostFacts

GIB = 2**30
_LEAST_FREE = 0.1
"""The part of a GPU's memory without which no job will fit."""


def boards(facts: HostFacts) -> Iterator[Finding]:
    """Look at what the driver says of each GPU."""
    if facts.driver is None:
        text = "nvidia-smi is not here, so memory, ECC, MIG and other processes are not looked at"
        yield noted(text, "in a container: -e NVIDIA_DRIVER_CAPABILITIES=compute,utility")
    for index, gpu in enumerate(gpus_of(facts)):
        name = f"GPU {index} {gpu.name}"
        if gpu.uncorrected_errors:
            text = f"{name}: {gpu.uncorrected_errors} memory errors that ECC could not correct"
            yield wrong(text, f"end what runs on it, then sudo nvidia-smi -r -i {index}")
        if gpu.failed_rows:
            yield wrong(f"{name}: rows of its memory cannot be replaced any more", "replace it")
        elif gpu.pending_rows:
            yield noted(
                f"{name}: rows of its memory wait to be replaced", f"nvidia-smi -r -i {index}"
            )
        if gpu.compute_mode == "Prohibited":
            yield wrong(f"{name} is closed to CUDA", f"sudo nvidia-smi -i {index} -c DEFAULT")
        elif gpu.compute_mode.startswith("Exclusive"):
            text = f"{name} takes one process at a time: fractions such as gpus: 0.5 fail"
            yield noted(text, f"sudo nvidia-smi -i {index} -c DEFAULT")
        if gpu.mig:
            yield _partitioned(index, gpu)


def _partitioned(index: int, gpu: Gpu) -> Finding:
    name = f"GPU {index} {gpu.name}"
    if not gpu.instances:
        text = f"{name} is in MIG mode and has no instances, so it has no device"
        return wrong(text, f"sudo nvidia-smi mig -i {index} -lgip, or -mig 0 to leave the mode")
    profiles = ", ".join(part.profile or f"{part.memory / GIB:.0f} GiB" for part in gpu.instances)
    text = f"{name} is {len(gpu.instances)} MIG instances ({profiles}); a process sees one of them"
    first = gpu.instances[0].uuid or "MIG-..."
    return noted(
        text, f"one worker for each, without NCCL among them: CUDA_VISIBLE_DEVICES={first}"
    )


def sharing(facts: HostFacts) -> Iterator[Finding]:
    """Look at who else is on the devices, and whether they reach each other."""
    for index, gpu in enumerate(gpus_of(facts)):
        busy = [user for user in gpu.users if user.name]
        part = 1 - (gpu.used or 0) / gpu.memory if gpu.memory else 1.0
        if not busy and part >= 0.5:
            continue
        names = ", ".join(f"{user.name.split('/')[-1]} ({user.pid})" for user in busy[:3])
        who = names or "processes that this host does not show"
        used = f"{(gpu.used or 0) / GIB:.1f} of {gpu.memory / GIB:.1f} GiB"
        used = (
            used if gpu.memory and gpu.used is not None else "parts that the driver does not tell"
        )
        make = wrong if part < _LEAST_FREE else noted
        yield make(f"GPU {index}: {used} are taken by {who}", f"nvidia-smi -i {index}")
    build = facts.torch
    if build and len({device.name for device in build.devices}) > 1:
        names = ", ".join(f"cuda:{d.index} {d.name}" for d in build.devices)
        yield noted(f"GPUs differ, and a job's workers wait for the slowest: {names}")
    if build and build.peers:
        pairs = ", ".join(f"{first}-{second}" for first, second in build.peers if first < second)
        text = f"no direct access between GPUs {pairs}: gradients go through the host's memory"
        yield noted(text, "nvidia-smi topo -p2p r")
