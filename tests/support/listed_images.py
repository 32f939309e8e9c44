"""Encoded images in memory, listed as sources list theirs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from compound.jobs.data.listing.left_out import FoundPart
from compound.jobs.data.sources.catalogue import Catalogue
from compound.jobs.data.sources.dataset import Indices, Labels
from compound.schemas.data import ParquetData
from tests.support.images_on_disk import jpeg


@dataclass(frozen=True)
class ListedImages:
    """Names are numbers; reading one is recorded."""

    labels: Labels
    encoded: tuple[bytes, ...]
    read: list[int]
    hashes: None = None

    @property
    def empty(self) -> Indices:
        return np.array([], dtype=np.int64)

    def name(self, index: int) -> str:
        return str(index)

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        for index in indices:
            self.read.append(int(index))
            yield str(index), self.encoded[index]


def listed(labels: Sequence[int], first: int = 0) -> ListedImages:
    """List JPEGs that differ from each other, numbered from `first`."""
    encoded = tuple(jpeg(first + number, side=8) for number in range(len(labels)))
    return ListedImages(np.array(labels, dtype=np.int64), encoded, [])


def catalogue_of(
    train: ListedImages,
    validation: ListedImages | None = None,
    test: ListedImages | None = None,
    classes: int = 3,
) -> Catalogue:
    names = tuple("abcdefgh"[:classes])
    hashed = str(crc32(b"".join(test.encoded))) if test else ""
    listings = [listing for listing in (train, validation, test) if listing]
    return Catalogue(
        names,
        train,
        validation,
        "content",
        test=test,
        test_content=hashed,
        parts=tuple(FoundPart("here", len(listing.labels)) for listing in listings),
    )


def spec_of(**fields: object) -> ParquetData:
    return ParquetData.model_validate({"source": "parquet", "path": "images.parquet", **fields})
