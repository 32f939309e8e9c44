"""What a network needs from a device, and how fast a device was measured to be."""

from operator import not_
from typing import Annotated, Literal

from pydantic import Field

from compound.schemas.base import Model

Precision = Literal["float32", "tf32", "bfloat16"]
Part = Literal["launch", "device"]
"""What bounds a step on a GPU: the host that launches it, or the device that computes it."""


class Workload(Model):
    """What one network needs from a device: exact counts, for one image and one forward pass."""

    params: int
    dense: int
    """MACs of matrix products and of ungrouped convolutions with a kernel above 1x1."""
    pointwise: int
    """MACs of ungrouped 1x1 convolutions."""
    depthwise: int
    """MACs of grouped convolutions."""
    activations: int
    """Elements of all convolution outputs."""
    saved: int
    """Elements that autograd keeps for backward, images included, weights not."""
    largest: int
    """Elements of the largest single feature map."""
    layers: int
    """Convolutions and matrix products."""
    spatial: int = 0
    """Weights of ungrouped convolutions with a kernel above 1x1."""
    cramped: int = 0
    """Weights of grouped convolutions whose kernel is larger than the map that they make."""

    linear: int = 0
    """Of `dense`: MACs of products of an image's numbers, or of others as many, with weights."""
    attention: int = 0
    """Of `dense`: MACs of products of two results of an image, as in attention."""
    folded: int = 0
    """Of `dense`: MACs that are the same for any batch, such as those of products of weights."""
    uncounted: Annotated[tuple[tuple[str, int], ...], Field(exclude_if=not_)] = ()
    """Operations that multiply and are in no count, and how often a pass calls them."""

    @property
    def macs(self) -> int:
        """All multiplications."""
        return self.dense + self.pointwise + self.depthwise

    @property
    def macs_by_kind(self) -> dict[str, int]:
        """All multiplications by what makes them; they add up to `macs`."""
        products = {"linear": self.linear, "attention": self.attention, "weights": self.folded}
        return {"convolution": self.macs - sum(products.values()), **products}


class ProbePoint(Model):
    """One network that was timed, and what the fitted model predicts for it."""

    network: str
    resolution: int
    images: int
    """Images of the micro-batch."""
    seconds: float
    """Measured: forward and backward of the micro-batch and one step of the optimiser."""
    predicted_seconds: float
    bytes: int
    """Measured: peak memory of the worker above what it holds before a network is built."""
    predicted_bytes: int


class DeviceProfile(Model):
    """How fast one worker on one kind of device is, as guessed or as measured by a probe."""

    device: str
    """Its name, threads included: `cpu Intel Xeon, 1 thread`, `cuda NVIDIA H100`."""
    kind: Literal["cpu", "cuda"]
    threads: int = 1
    memory: int
    """Bytes that one worker on it may use."""
    source: Literal["guess", "probe"]
    seconds: dict[str, float]
    """Coefficients of the device's time by feature, in seconds."""
    launch: dict[str, float] = Field(default_factory=dict)
    """Coefficients of the time in which the host of a GPU launches a step. It runs ahead of the
    device, so that a step takes the larger of both. Empty: the device's time is all."""
    bytes: dict[str, float]
    """Coefficients of the memory model by feature, in bytes."""
    precision: Precision = "float32"
    """The arithmetic of the steps that were timed."""
    guessed: tuple[Part, ...] = ()
    """Parts of the time model that no timed network could show; a guess stands in for them."""
    untimed: int = 0
    """Networks of the probe that did not fit into the device's memory, or into its time."""
    time_error: float | None = None
    """Median relative error of step time over the points, each predicted without itself; on a GPU
    without all points of its family."""
    memory_error: float | None = None
    """The same of peak memory."""
    worst_time_error: float | None = None
    """The largest of those errors of step time."""
    forward: float = 0.3
    """Seconds of evaluating a batch over those of a training step on it."""
    correction: float = 1.0
    """Measured times of real jobs over the predicted ones; part of every prediction. On a
    GPU, jobs that the device bounds."""
    launch_correction: float = 1.0
    """The same of jobs that launching bounds."""
    measured_jobs: int = 0
    """Jobs that the corrections come from."""
    points: tuple[ProbePoint, ...] = ()
