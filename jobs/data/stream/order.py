"""The order of an epoch over images that are read a group at a time, for every world size alike."""

import math

import numpy as np

from compound.jobs.data.batches import order
from compound.jobs.data.sources.dataset import Indices
from compound.jobs.seeds import Purpose, derive

LANES = 8
"""Parts of a global batch; each part reads groups of its own."""


def streamed_order(groups: Indices, seed: int, epoch: int, batch: int, buffer: int) -> Indices:
    """Return the order of the images in an epoch, in whole batches; an incomplete one is left out.

    `groups`: which group each image is read with, int64 (N,). Up to `buffer` images are shuffled
    as if in memory; more go through lanes. A lane is a fixed part of every global batch and goes
    through its own groups, shuffled, in windows of buffer / lanes images, shuffled again. So a
    rank reads the groups of its lanes only, wherever the world size divides the lanes, and the
    order never depends on it.
    """
    steps = len(groups) // batch
    if len(groups) <= buffer or len(np.unique(groups)) == len(groups):
        return order(seed, epoch, len(groups)).numpy()[: steps * batch]
    random = np.random.default_rng(derive(Purpose.ORDER, seed, epoch))
    rank = random.permutation(int(groups.max()) + 1)[groups]
    shuffled = np.lexsort((random.random(len(groups)), rank))
    lanes = lanes_of(groups, batch, buffer)
    lane_batch = batch // lanes
    parts = shuffled[: steps * batch].reshape(lanes, steps * lane_batch)
    windows = np.arange(steps * lane_batch) // max(buffer // lanes, 1)
    mixed = np.argsort(windows + random.random(parts.shape), axis=1)
    lined = np.take_along_axis(parts, mixed, axis=1).reshape(lanes, steps, lane_batch)
    return np.ascontiguousarray(lined.transpose(1, 0, 2).reshape(-1), dtype=np.int64)


def lanes_of(groups: Indices, batch: int, buffer: int) -> int:
    """Return the number of lanes: few enough that a group of each fits into the buffer."""
    lanes, largest = math.gcd(batch, LANES), int(np.bincount(groups).max())
    while lanes > 1 and lanes * largest > buffer:
        lanes //= 2
    return lanes


def sample_order(groups: Indices, count: int, seed: int) -> Indices:
    """Return about `count` images, ascending, from as few groups as still differ enough."""
    random = np.random.default_rng(derive(Purpose.LIMIT, seed))
    rank = random.permutation(int(groups.max()) + 1)[groups]
    shuffled = np.lexsort((random.random(len(groups)), rank))
    starts = np.flatnonzero(np.diff(rank[shuffled], prepend=-1))
    in_group = np.arange(len(groups)) - np.repeat(starts, np.diff(starts, append=len(groups)))
    few = shuffled[in_group < max(1, count // 16)]
    return np.sort(few[:count])
