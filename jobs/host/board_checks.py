"""Checks of single GPUs and of the processes on them: pure functions from facts to findings."""

from collections.abc import Iterator

from compound.jobs.host.host_findings import gpus_of, note, wrong
from compound.schemas.machine.host import Finding, Gpu, HostFacts

GIB = 2**30
_LEAST_FREE = 0.1
"""The part of a GPU's memory that a job needs at least to be free."""


def boards(facts: HostFacts) -> Iterator[Finding]:
    """Check what the driver reports about each GPU."""
    if facts.driver is None:
        text = "nvidia-smi is not installed, so memory, ECC, MIG and processes are not checked"
        yield note(text, "in a container: -e NVIDIA_DRIVER_CAPABILITIES=compute,utility")
    for index, gpu in enumerate(gpus_of(facts)):
        name = f"GPU {index} {gpu.name}"
        if gpu.uncorrected_errors:
            text = f"{name}: {gpu.uncorrected_errors} memory errors that ECC could not correct"
            yield wrong(text, f"end what runs on it, then sudo nvidia-smi -r -i {index}")
        if gpu.failed_rows:
            yield wrong(f"{name}: rows of its memory cannot be replaced any more", "replace it")
        elif gpu.pending_rows:
            yield note(
                f"{name}: rows of its memory will be replaced at its next reset",
                f"nvidia-smi -r -i {index}",
            )
        if gpu.compute_mode == "Prohibited":
            yield wrong(
                f"{name} refuses CUDA (Prohibited)",
                f"sudo nvidia-smi -i {index} -c DEFAULT",
            )
        elif gpu.compute_mode.startswith("Exclusive"):
            text = f"{name} takes one process at a time: fractions such as gpus: 0.5 fail"
            yield note(text, f"sudo nvidia-smi -i {index} -c DEFAULT")
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
    return note(text, f"one worker for each, without NCCL among them: CUDA_VISIBLE_DEVICES={first}")


def sharing(facts: HostFacts) -> Iterator[Finding]:
    """Check which processes use the devices, and whether the devices reach each other."""
    for index, gpu in enumerate(gpus_of(facts)):
        busy = [user for user in gpu.users if user.name]
        free = 1 - (gpu.used or 0) / gpu.memory if gpu.memory else 1.0
        if not busy and free >= 0.5:
            continue
        names = ", ".join(f"{user.name.split('/')[-1]} ({user.pid})" for user in busy[:3])
        users = names or "processes that this host does not show"
        known_use = gpu.memory and gpu.used is not None
        used = f"{(gpu.used or 0) / GIB:.1f} of {gpu.memory / GIB:.1f} GiB are"
        used = used if known_use else "an unknown part is"
        make = wrong if free < _LEAST_FREE else note
        yield make(f"GPU {index}: {used} used by {users}", f"nvidia-smi -i {index}")
    build = facts.torch
    if build and len({device.name for device in build.devices}) > 1:
        names = ", ".join(f"cuda:{d.index} {d.name}" for d in build.devices)
        yield note(f"GPUs differ, and a job's workers wait for the slowest: {names}")
    if build and build.peers:
        pairs = ", ".join(f"{first}-{second}" for first, second in build.peers if first < second)
        text = f"no direct access between GPUs {pairs}: gradients go through the host's memory"
        yield note(text, "nvidia-smi topo -p2p r")
