"""Which images are used: by class and seed, independent of machine and time."""

import numpy as np

from compound.jobs.data.sources.dataset import Indices, Labels
from compound.jobs.seeds import Purpose, derive


def limited(labels: Labels, limit: int | None, seed: int) -> Indices:
    """Return the indices of `limit` images, ascending, taken in turn from every class.

    A class with too few images gives all of them, and the other classes give more. A larger limit
    only adds images.
    """
    if limit is None or limit >= len(labels):
        return np.arange(len(labels), dtype=np.int64)
    shuffled = _shuffled(len(labels), derive(Purpose.LIMIT, seed))
    rank = _rank_within_class(labels[shuffled])
    return np.sort(shuffled[np.argsort(rank, kind="stable")[:limit]])


def split(labels: Labels, fraction: float, seed: int) -> tuple[Indices, Indices]:
    """Return the indices of training and validation images, each class split by `fraction`."""
    shuffled = _shuffled(len(labels), derive(Purpose.SPLIT, seed))
    ordered = labels[shuffled]
    sizes = np.bincount(ordered)
    quantile = (_rank_within_class(ordered) + 0.5) / sizes[ordered]
    by_quantile = shuffled[np.argsort(quantile, kind="stable")]
    held_out = round(fraction * len(labels))
    return np.sort(by_quantile[held_out:]), np.sort(by_quantile[:held_out])


def _shuffled(count: int, seed: int) -> Indices:
    return np.random.default_rng(seed).permutation(count).astype(np.int64)


def _rank_within_class(labels: Labels) -> Indices:
    """Return for each image how many of its class come before it."""
    grouped = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))])[:-1]
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[grouped] = np.arange(len(labels)) - starts[labels[grouped]]
    return ranks
