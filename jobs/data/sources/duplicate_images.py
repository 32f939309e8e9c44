"""Images of the same content, within a part and between parts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from compound.jobs.data.listing.left_out import EXAMPLES
from compound.jobs.data.sources.catalogue import Part
from compound.jobs.data.sources.dataset import Hashes, Indices
from compound.schemas.data_ledger import Duplicates, PartName


@dataclass(frozen=True)
class HashedPart:
    """The images of a part, with a hash of each, (N,)."""

    part: Part
    hashes: Hashes


def duplicates(parts: Mapping[PartName, HashedPart]) -> tuple[Duplicates, ...]:
    """Return the repeated images in each part, and those that two parts share."""
    return tuple(_within(parts)) + tuple(_between(parts))


def _within(parts: Mapping[PartName, HashedPart]) -> Iterator[Duplicates]:
    for name, images in parts.items():
        _, first = np.unique(images.hashes, return_index=True)
        is_repeated = np.ones(len(images.hashes), dtype=bool)
        is_repeated[first] = False
        repeated = np.flatnonzero(is_repeated)
        if len(repeated):
            yield _entry((name, name), images, repeated)


def _between(parts: Mapping[PartName, HashedPart]) -> Iterator[Duplicates]:
    """Count, for each pair of parts, the images of the later that the earlier has too."""
    names = list(parts)
    for number, later in enumerate(names):
        for earlier in names[:number]:
            shared = np.flatnonzero(np.isin(parts[later].hashes, parts[earlier].hashes))
            if len(shared):
                yield _entry((earlier, later), parts[later], shared)


def _entry(pair: tuple[PartName, PartName], images: HashedPart, positions: Indices) -> Duplicates:
    examples = images.part.indices[positions[:EXAMPLES]].tolist()
    names = tuple(images.part.listing.name(index) for index in examples)
    return Duplicates(parts=pair, images=len(positions), examples=names)


def contradictions(parts: Mapping[PartName, HashedPart]) -> tuple[int, tuple[str, ...]]:
    """Count the images whose content has several labels; return a few of their names too."""
    if not parts:
        return 0, ()
    hashes = np.concatenate([images.hashes for images in parts.values()])
    labels = np.concatenate([images.part.labels for images in parts.values()])
    order = np.lexsort((labels, hashes))
    same = hashes[order][1:] == hashes[order][:-1]
    differ = labels[order][1:] != labels[order][:-1]
    contents = np.unique(hashes[order][1:][same & differ])
    positions = np.flatnonzero(np.isin(hashes, contents))
    return len(positions), tuple(_names(parts, positions[:EXAMPLES]))


def _names(parts: Mapping[PartName, HashedPart], positions: Indices) -> Iterator[str]:
    """Yield the names of images by their positions in all parts together."""
    ends = np.cumsum([len(images.hashes) for images in parts.values()])
    for position in positions.tolist():
        number = int(np.searchsorted(ends, position, side="right"))
        images = list(parts.values())[number]
        start = int(ends[number]) - len(images.hashes)
        yield images.part.listing.name(int(images.part.indices[position - start]))
