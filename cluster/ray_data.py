"""Images decoded on any hosts of the cluster with free CPUs, by Ray Data."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from compound.jobs.data.stream.remote_decoding import (
    CHUNK,
    Encoded,
    Part,
    RemoteDecoder,
    RemoteSettings,
    decoded,
    encoded,
)

_READ_CPUS = 0.5
"""CPUs of a process that reads row groups. Not 1: Ray Data fuses stages with equal resources, and
one process would read and decode a whole stretch while training waits for its first images."""
_AHEAD = 4
"""Parts that are prefetched on the trainer's host."""
_BLOCK = 2**23
"""Bytes after which a task passes on what it has: a few chunks, so that the first come soon."""


def decoding(cpus: int) -> RemoteDecoder | None:
    """Return what decodes for one worker with `cpus` CPUs; None where the worker decodes."""
    return RayData(cpus) if cpus else None


class RayData:
    """Decodes with at most `cpus` CPUs at a time, in tasks that Ray places on any host."""

    def __init__(self, cpus: int) -> None:
        self._cpus = cpus

    def parts(self, spots: pa.Table, terms: RemoteSettings) -> Iterator[Part]:
        """Yield the images of `spots` in their order; see `RemoteDecoder.parts`."""
        with ray.data.DataContext.current(_context(self._cpus)):
            dataset = _dataset(ray.put(spots), len(spots), terms)
            batches = dataset.iter_batches(
                batch_size=None, batch_format="numpy", prefetch_batches=_AHEAD
            )
            for batch in batches:
                yield batch["pixels"], batch["reason"].tolist()


def _context(cpus: int) -> "ray.data.DataContext":
    """Return settings under which order is kept, and nothing is printed."""
    # A copy: the current one belongs to the process, where a user's code may use Ray Data too.
    context = ray.data.DataContext.get_current().copy()
    # By default blocks come as they are done, and the order of the images is part of the science.
    context.execution_options.preserve_order = True
    context.execution_options.resource_limits = ray.data.ExecutionResources(cpu=cpus)
    context.enable_progress_bars = context.print_on_execution_start = False
    context.target_max_block_size = _BLOCK
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return context


def _dataset(spots: ray.ObjectRef, count: int, terms: RemoteSettings) -> "ray.data.Dataset":
    stretches = -(-count // terms.stretch)
    # One block for each stretch: by default Ray Data chooses their number by the cluster's CPUs.
    numbers = ray.data.range(stretches, override_num_blocks=stretches)
    shares = terms.stretch > CHUNK
    read = numbers.map_batches(
        _read,
        batch_size=1,
        fn_args=(spots, terms),
        num_cpus=_READ_CPUS if shares else 1,
    )
    return read.map_batches(
        _decode, batch_size=CHUNK, fn_args=(terms,), num_cpus=1, zero_copy_batch=True
    )


def _read(
    batch: dict[str, np.ndarray[Any, Any]], spots: ray.ObjectRef, terms: RemoteSettings
) -> Iterator[dict[str, Any]]:
    """Read one stretch."""
    (number,) = batch["id"].tolist()
    stretch = ray.get(spots).slice(number * terms.stretch, terms.stretch)
    for images in encoded(stretch, terms.column):
        data = [image if isinstance(image, bytes) else b"" for image in images]
        yield {"data": np.array(data, object), "reason": [_reason(image) for image in images]}


def _reason(image: Encoded) -> str:
    return image if isinstance(image, str) else ""


def _decode(batch: dict[str, np.ndarray[Any, Any]], terms: RemoteSettings) -> dict[str, Any]:
    """Decode one chunk."""
    pairs = zip(batch["reason"].tolist(), batch["data"].tolist(), strict=True)
    pixels, reasons = decoded([reason or data for reason, data in pairs], terms)
    return {"pixels": pixels, "reason": reasons}
