"""The time of a step on a device and its memory: models of a network's exact counts.

Time on a CPU is a sum: an overhead for each layer; multiplications; passes over the tensors that
autograd keeps; and two costs of small maps, where kernels read weights more than pixels: ungrouped
convolutions once a batch, and grouped ones once an image. On a GPU the host and the device work at
the same time: the host launches about ten kernels a layer, of any size, and the device runs them.
The host may be a thousand launches ahead, so a step takes the larger of both times, not their sum.
Memory: a constant, the parameters a few times, the tensors that autograd keeps, and the workspace
of convolutions. jobs/probe/probe.py fits the coefficients; docs/decisions.md says how the features
were chosen.
"""

import os
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from compound.schemas.machine.device import DeviceProfile, Part, Precision, Workload

Kind = Literal["cpu", "cuda"]

PROCESS_BYTES = 400 * 2**20
"""Memory of a worker before it builds a network: Python and torch, or the GPU's context."""
NCCL_BYTES = 688 * 2**20
"""Memory of NCCL on each of several GPUs: 544 MiB for two, 688 for more, on A100 with NVLink
(NVIDIA/nccl#964)."""
IMAGES_PART = 4
"""Images are kept on a GPU where they take at most 1 / IMAGES_PART of the memory for tensors."""
_WORD = 4
"""Bytes of a float32."""
GATHERED = 0.3
"""Where workers divide a network's weights: the part that a worker holds besides its own rows.
It is weights, gradients and communication buffers of one or two blocks."""

TIMED: Mapping[Kind, tuple[str, ...]] = {
    "cpu": ("layer", "mac", "saved", "parameter", "spatial", "cramped"),
    "cuda": ("layer", "matrix", "depthwise", "moved"),
}
"""Features of the device's time. A GPU's `layer`: the smallest kernel takes some microseconds."""
LAUNCHED = ("step", "layer")
"""Features of the time that a GPU's host takes to launch a step."""

_UPDATE = 4
"""How often a GPU moves a weight for each time that it moves a number kept for backward: eight
passes of zeroing, gathering and updating flat buffers, over about six by layers and norms."""

_GUESSED_CPU = {
    "layer": 4.5e-4,
    "mac": 6.5e-11,
    "saved": 1.8e-9,
    "parameter": 5e-9,
    "spatial": 1e-8,
    "cramped": 3e-8,
}
"""One thread of an EPYC of 2021, by a probe."""
_GUESSED_LAUNCH = {"step": 5e-4, "layer": 1e-4}
"""A GPU's host: ten operations a layer, 5 to 25 microseconds each from Python to the driver."""
_GUESSED_GPU: Mapping[Precision, Mapping[str, float]] = {
    "float32": {"layer": 3e-5, "matrix": 2.5e-13, "depthwise": 2e-12, "moved": 2.6e-11},
    "tf32": {"layer": 3e-5, "matrix": 6e-14, "depthwise": 2e-12, "moved": 2.6e-11},
    "bfloat16": {"layer": 3e-5, "matrix": 1.5e-14, "depthwise": 1e-12, "moved": 9.5e-12},
}
"""A GPU between an A100 and an H100, by what was published for A100 under PyTorch, over 1.3 (TF32)
and 1.5 (bfloat16): NVIDIA's DeepLearningExamples, EfficientNet and ResNet-50. In float32, whose
multiplications no matrix unit takes: 60 % of the 40 TFLOP/s between both data sheets. The smallest
kernel takes 3 microseconds. tests/jobs/test_device_model.py has the figures."""
_GUESSED_BYTES: dict[Kind, dict[str, float]] = {
    "cpu": {"base": 10e6, "state": 1.0, "saved": 0.75, "activation": 1.6, "spatial": 8.0},
    "cuda": {"base": 10e6, "state": 1.0, "saved": 1.0, "activation": 0.3},
}
_GUESSED_MEMORY = 16 * 2**30
"""Bytes of a GPU that was not measured."""


def describe(kind: Kind, threads: int = 1) -> str:
    """Return the name of the device of a worker on this machine."""
    if kind == "cuda":
        return f"cuda {_gpu_name()}"
    return f"cpu {_cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"


def guess(kind: Kind, threads: int = 1, precision: Precision = "float32") -> DeviceProfile:
    """Return a profile from constants: a rough guide that shows a factor of ten."""
    seconds = {n: v if n == "layer" else v / threads for n, v in _GUESSED_CPU.items()}
    if kind == "cuda":
        seconds = dict(_GUESSED_GPU[precision])
    return DeviceProfile(
        device=describe(kind, threads),
        kind=kind,
        threads=threads,
        memory=worker_memory(threads) if kind == "cpu" else _GUESSED_MEMORY,
        source="guess",
        seconds=seconds,
        launch=dict(_GUESSED_LAUNCH) if kind == "cuda" else {},
        bytes=dict(_GUESSED_BYTES[kind]),
        precision=precision,
    )


def worker_memory(threads: int) -> int:
    """Return the bytes that one CPU worker may use for its network.

    The memory of the machine, or of its control group where that is less, is divided among as many
    workers as the cores allow, less PROCESS_BYTES each. Other processes are ignored: a plan should
    be the same tomorrow.
    """
    workers = max(1, len(os.sched_getaffinity(0)) // threads)
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(0, min(total, _group_limit() or total) // workers - PROCESS_BYTES)


def own_bytes(total: int, gpus: float) -> int:
    """Return the bytes of a GPU of `total` that the tensors of one worker may take.

    A fraction includes the process's context. On a whole GPU the driver accounts for the context.
    """
    return total if gpus >= 1 else max(0, int(gpus * total) - PROCESS_BYTES)


def _group_limit() -> int | None:
    """Return the memory limit of this process's control group; None without a limit."""
    # The file of cgroup v2, then of v1. v2 writes "max" where there is no limit.
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        path = Path("/sys/fs/cgroup", name)
        text = path.read_text(encoding="ascii").strip() if path.is_file() else ""
        if text.isdigit():
            return int(text)
    return None


def step_features(work: Workload, images: int, accumulate: int = 1) -> dict[str, float]:
    """Return how often each coefficient of any time model counts in one optimiser step."""
    batch = images * accumulate
    return {
        "step": 1,
        "layer": work.layers * accumulate,
        "mac": work.macs * batch,
        "matrix": (work.dense + work.pointwise) * batch,
        "depthwise": work.depthwise * batch,
        "saved": work.saved * batch,
        "moved": work.saved * batch + _UPDATE * work.params * accumulate,
        "parameter": work.params * accumulate,
        "spatial": work.spatial * accumulate,
        "cramped": work.cramped * batch,
    }


def memory_features(
    work: Workload,
    images: int,
    *,
    averaged: bool = False,
    slots: int = 1,
    shared: bool = False,
    divided: int = 1,
    kind: Kind = "cpu",
) -> dict[str, float]:
    """Return how often each coefficient of the memory model counts; see peak_bytes.

    On a GPU backward leaves gradients beside the buffer that takes them in: they count twice.
    """
    copies = (2 + slots + averaged + shared + (kind == "cuda")) / divided
    copies += GATHERED if divided > 1 else 0
    return {
        "base": 1,
        "state": _WORD * copies * work.params,
        "saved": _WORD * work.saved * images,
        "activation": _WORD * work.activations * images,
        "spatial": work.spatial,
    }


def step_seconds(profile: DeviceProfile, work: Workload, images: int, accumulate: int = 1) -> float:
    """Return the seconds of one optimiser step of one worker on micro-batches of `images`."""
    features = step_features(work, images, accumulate)
    return max(_launch_seconds(profile, features), _device_seconds(profile, features))


def bound_of(profile: DeviceProfile, work: Workload, images: int, accumulate: int = 1) -> Part:
    """Return which takes longer in a step: to launch its kernels, or to run them."""
    features = step_features(work, images, accumulate)
    launching = _launch_seconds(profile, features) > _device_seconds(profile, features)
    return "launch" if launching else "device"


def _launch_seconds(profile: DeviceProfile, features: Mapping[str, float]) -> float:
    return profile.launch_correction * combine(profile.launch, features)


def _device_seconds(profile: DeviceProfile, features: Mapping[str, float]) -> float:
    return profile.correction * combine(profile.seconds, features)


def evaluation_seconds(profile: DeviceProfile, work: Workload, images: int) -> float:
    """Return the seconds in which one worker evaluates one batch of `images`."""
    return profile.forward * step_seconds(profile, work, images)


def peak_bytes(
    profile: DeviceProfile,
    work: Workload,
    images: int,
    *,
    averaged: bool = False,
    slots: int = 1,
    shared: bool = False,
    divided: int = 1,
) -> int:
    """Return the most bytes that one worker holds while it trains on micro-batches of `images`.

    `averaged`: the recipe keeps an average of the weights; `slots`: numbers that the optimiser
    keeps for each parameter (SGD 1, RMSProp 2); `shared`: several workers share gradients;
    `divided`: so many workers divide all of that among them.
    """
    features = memory_features(
        work,
        images,
        averaged=averaged,
        slots=slots,
        shared=shared,
        divided=divided,
        kind=profile.kind,
    )
    return round(combine(profile.bytes, features))


def largest_batch(
    profile: DeviceProfile,
    work: Workload,
    bytes: int,
    *,
    averaged: bool = False,
    slots: int = 1,
    shared: bool = False,
    divided: int = 1,
) -> int:
    """Return the images of the largest micro-batch that fits into so many bytes; 0 for none."""
    fixed, more = (
        peak_bytes(profile, work, n, averaged=averaged, slots=slots, shared=shared, divided=divided)
        for n in (0, 1)
    )
    return max(0, (bytes - fixed) // max(1, more - fixed))


def corrected(
    profile: DeviceProfile,
    worked: Iterable[tuple[float, float]],
    launched: Iterable[tuple[float, float]] = (),
) -> DeviceProfile:
    """Scale the time model by the seconds of jobs: (measured, predicted) of each.

    `worked`: jobs whose steps are bound by the device; `launched`: by launching. They are apart,
    since a slow host does not affect large networks. The predictions come from this profile, so a
    correction multiplies the one before.
    """
    ratios = {"correction": _ratios(worked), "launch_correction": _ratios(launched)}
    number = sum(map(len, ratios.values()))
    if not number:
        return profile
    update = {
        name: getattr(profile, name) * statistics.median(values)
        for name, values in ratios.items()
        if values
    }
    return profile.model_copy(update={**update, "measured_jobs": number})


def _ratios(pairs: Iterable[tuple[float, float]]) -> list[float]:
    return [measured / predicted for measured, predicted in pairs]


def combine(coefficients: Mapping[str, float], features: Mapping[str, float]) -> float:
    """Return the sum of features by their coefficients; a coefficient that is missing is 0."""
    return sum(coefficients.get(name, 0.0) * count for name, count in features.items())


def _cpu_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = (line.partition(":")[2] for line in lines if line.startswith("model name"))
            return next(names, "").strip() or os.uname().machine
    except OSError:
        return os.uname().machine


def _gpu_name() -> str:
    if not Path("/proc/driver/nvidia").exists():
        return "GPU"
    # Imported here: torch takes seconds to load, which a machine without a driver does not need.
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "GPU"
