"""What a source of encoded images lists before any image is decoded."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from compound.jobs.data.listing.left_out import FoundPart
from compound.jobs.data.sources.dataset import Hashes, Indices, Labels
from compound.schemas.data_ledger import LeftOut


class Listing(Protocol):
    """Images that are listed with their labels and not decoded yet."""

    @property
    def labels(self) -> Labels:
        """The label of every image, int64 (N,)."""
        ...

    @property
    def hashes(self) -> Hashes | None:
        """A hash of every image's content, (N,); None where they are not read for the listing."""
        ...

    @property
    def empty(self) -> Indices:
        """The indices of the images that are known to have 0 bytes."""
        ...

    def name(self, index: int) -> str:
        """Return the name of an image in messages."""
        ...

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield name and encoded bytes of the images at ascending indices."""
        ...


@dataclass(frozen=True)
class Catalogue:
    """All images of a source, listed before any is decoded."""

    classes: tuple[str, ...]
    train: Listing
    validation: Listing | None
    """None: validation is split off from `train`."""
    content: str
    """A hash of all listed images."""
    largest: int | None = None
    """Pixels a side that images are shrunk to where they are larger; None: they keep their size."""
    test: Listing | None = None
    """None: the source has no test part of its own."""
    test_content: str = ""
    """A hash of the listed images of the test part, which is no part of `content`."""
    parts: tuple[FoundPart, ...] = ()
    """What was found in every listing, in the order train, validation, test."""
    unused: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """The images of one split: a listing, and the indices of those that are used."""

    listing: Listing
    indices: Indices
    available: int
    """How many images the part had before `limit` was applied."""

    @property
    def labels(self) -> Labels:
        """The labels of the chosen images, int64 (N,)."""
        return self.listing.labels[self.indices]

    def without(self, positions: Sequence[int]) -> "Part":
        """Return the part without the images at these positions in it."""
        # Some may lie behind the end: the data have changed, which the fingerprint will say.
        present = [position for position in positions if position < len(self.indices)]
        return replace(self, indices=np.delete(self.indices, present))
