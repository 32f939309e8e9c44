"""How long a step takes on a device and what it holds in memory: linear models of exact counts.

A step costs a constant, an overhead for each layer that is launched, work for each image, and a
pass over the parameters. What a training worker holds is a constant, its parameters a few times
over, and for each image what autograd keeps and a few of the largest maps as workspace.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Literal

from schemas.device import DeviceProfile, Workload

Kind = Literal["cpu", "cuda"]

FORWARD = 0.3
"""The part of a step's work that evaluation does: no backward, and nothing kept for it."""
_WORD = 4
"""Bytes of a float32."""

_GUESSED_SECONDS: dict[Kind, dict[str, float]] = {
    "cpu": {
        "step": 1e-3,
        "layer": 8e-5,
        "dense": 6e-11,
        "pointwise": 6e-11,
        "depthwise": 3e-10,
        "saved": 1e-9,
        "parameter": 4e-9,
    },
    "cuda": {
        "step": 1e-3,
        "layer": 8e-5,
        "dense": 1e-13,
        "pointwise": 2e-13,
        "depthwise": 1e-12,
        "saved": 8e-12,
        "parameter": 3e-11,
    },
}
_GUESSED_BYTES: dict[Kind, dict[str, float]] = {
    "cpu": {"base": 40e6, "state": 1.1, "saved": 1.1, "largest": 2.0},
    "cuda": {"base": 100e6, "state": 1.1, "saved": 1.1, "largest": 4.0},
}
_GUESSED_MEMORY = 16 * 2**30
"""Bytes of a GPU that nobody has asked yet."""


def describe(kind: Kind, threads: int = 1) -> str:
    """Return what people call the device that a worker on this machine has."""
    if kind == "cuda":
        return f"cuda {_gpu_name()}"
    return f"cpu {_cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"


def guess(kind: Kind, threads: int = 1) -> DeviceProfile:
    """Return a profile from constants: a rough guide to spot a factor of ten, no more."""
    seconds = _GUESSED_SECONDS[kind]
    if kind == "cpu":
        alone = {"step", "layer"}
        seconds = {name: v if name in alone else v / threads for name, v in seconds.items()}
    return DeviceProfile(
        device=describe(kind, threads),
        kind=kind,
        threads=threads,
        memory=worker_memory(threads) if kind == "cpu" else _GUESSED_MEMORY,
        source="guess",
        seconds=dict(seconds),
        bytes=dict(_GUESSED_BYTES[kind]),
    )


def worker_memory(threads: int) -> int:
    """Return the bytes that one CPU worker may use: all workers that fit the cores share alike."""
    cores = len(os.sched_getaffinity(0))
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return total // max(1, cores // threads)


def step_features(work: Workload, images: int, accumulate: int = 1) -> dict[str, float]:
    """Return how often each feature of the time model counts in one optimiser step."""
    batch = images * accumulate
    return {
        "step": 1,
        "layer": work.layers * accumulate,
        "dense": work.dense * batch,
        "pointwise": work.pointwise * batch,
        "depthwise": work.depthwise * batch,
        "saved": work.saved * batch,
        "parameter": work.params,
    }


def memory_features(
    work: Workload, images: int, *, averaged: bool = False, slots: int = 1, shared: bool = False
) -> dict[str, float]:
    """Return the bytes of each feature of the memory model; jobs/training says what is held."""
    copies = 2 + slots + averaged + shared
    return {
        "base": 1,
        "state": _WORD * copies * work.params,
        "saved": _WORD * work.saved * images,
        "largest": _WORD * work.largest * images,
    }


def step_seconds(profile: DeviceProfile, work: Workload, images: int, accumulate: int = 1) -> float:
    """Return the seconds of one optimiser step of one worker on micro-batches of `images`."""
    return _sum(profile.seconds, step_features(work, images, accumulate))


def evaluation_seconds(profile: DeviceProfile, work: Workload, images: int) -> float:
    """Return the seconds in which one worker evaluates one batch of `images`."""
    features = step_features(work, images)
    return FORWARD * _sum(profile.seconds, {**features, "parameter": 0})


def peak_bytes(
    profile: DeviceProfile,
    work: Workload,
    images: int,
    *,
    averaged: bool = False,
    slots: int = 1,
    shared: bool = False,
) -> int:
    """Return the most bytes that one worker holds while it trains on micro-batches of `images`.

    `averaged`: the recipe keeps an average of the weights; `slots`: numbers that the optimiser
    keeps for each parameter (SGD 1, RMSProp 2); `shared`: several workers share gradients.
    """
    features = memory_features(work, images, averaged=averaged, slots=slots, shared=shared)
    return round(_sum(profile.bytes, features))


def largest_batch(
    profile: DeviceProfile,
    work: Workload,
    bytes: int,
    *,
    averaged: bool = False,
    slots: int = 1,
    shared: bool = False,
) -> int:
    """Return the images of the largest micro-batch that fits into so many bytes; 0 for none."""
    fixed = peak_bytes(profile, work, 0, averaged=averaged, slots=slots, shared=shared)
    features = memory_features(work, 1)
    image = sum(profile.bytes.get(name, 0.0) * features[name] for name in ("saved", "largest"))
    return max(0, int((bytes - fixed) // max(1.0, image)))


def _sum(coefficients: Mapping[str, float], features: Mapping[str, float]) -> float:
    return sum(coefficients.get(name, 0.0) * count for name, count in features.items())


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
            return next(names, "").strip() or os.uname().machine
    except OSError:
        return os.uname().machine


def _gpu_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "GPU"


def corrected(profile: DeviceProfile, pairs: Iterable[tuple[float, float]]) -> DeviceProfile:
    return profile
