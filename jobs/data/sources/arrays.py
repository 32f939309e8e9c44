"""Sources whose images are whole arrays: they are split, counted and kept in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from compound.jobs.data.listing.left_out import FoundPart
from compound.jobs.data.sources.catalogue import Catalogue, Part
from compound.jobs.data.sources.dataset import (
    Dataset,
    Hashes,
    HeldOut,
    Indices,
    Labels,
    Pixels,
    check_memory,
    check_splits,
    fingerprint,
)
from compound.jobs.data.sources.ledger_of_parts import LedgerPart, ledger_of
from compound.jobs.data.sources.own_test_part import (
    check_apart,
    check_one_test_part,
    check_own_test_part,
)
from compound.jobs.data.sources.subset import SPARED, limited, parts, spared_notes
from compound.schemas.data import DataInfo, DigitsData, IdxData
from compound.schemas.data_ledger import Appearance, LeftOut, PartName, Tally


@dataclass(frozen=True)
class ArrayListing:
    """Images as uint8 (N, C, S, S) with int64 labels (N,)."""

    where: str
    pixels: Pixels
    labels: Labels

    @cached_property
    def hashes(self) -> Hashes:
        """A hash of every image."""
        return np.array([hash(image.tobytes()) for image in self.pixels], dtype=np.int64)

    @property
    def empty(self) -> Indices:
        """No indices: every image has its pixels."""
        return np.empty(0, dtype=np.int64)

    def name(self, index: int) -> str:
        """Return the image's number."""
        return f"{self.where} image {index}"

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield name and pixels of the images at `indices`."""
        for index in indices.tolist():
            yield self.name(index), self.pixels[index].tobytes()


@dataclass(frozen=True)
class Arrays:
    """All images of a source."""

    classes: tuple[str, ...]
    train: ArrayListing
    content: str
    """A hash of the training images."""
    test: ArrayListing | None = None
    test_content: str = ""
    unused: tuple[LeftOut, ...] = ()
    """Files beside those of the parts."""

    @property
    def catalogue(self) -> Catalogue:
        """The images as a listing, for the ledger."""
        listings = [listing for listing in (self.train, self.test) if listing]
        parts_listed = tuple(FoundPart(listing.where, len(listing.labels)) for listing in listings)
        return Catalogue(
            self.classes,
            self.train,
            None,
            self.content,
            test=self.test,
            parts=parts_listed,
            unused=self.unused,
        )


def arranged(
    spec: DigitsData | IdxData, arrays: Arrays, where: str, part: HeldOut = "validation"
) -> Dataset:
    """Split the images of a source as its spec says. DataError: a part is empty or unfit."""
    chosen, spared = _chosen(spec, arrays, where)
    train, validation = chosen["train"], chosen["validation"]
    check_splits(train.labels, validation.labels, arrays.classes, where)
    _, channels, size, _ = arrays.train.pixels.shape
    check_memory(sum(len(images.indices) for images in chosen.values()), channels, size, where)
    info = DataInfo(
        fingerprint=fingerprint(spec, arrays.content + (SPARED if spared else "")),
        classes=arrays.classes,
        in_channels=channels,
        size=size,
        train=len(train.indices),
        validation=len(validation.indices),
        test=len(chosen["test"].indices) if "test" in chosen else 0,
        ledger=ledger_of(
            arrays.catalogue,
            {name: LedgerPart.of(images, None) for name, images in chosen.items()},
            _appearance(arrays),
            spared_notes(spared),
        ),
    )
    held_out = chosen[part]
    return Dataset(*_pixels(train), *_pixels(held_out), info)


def _chosen(
    spec: DigitsData | IdxData, arrays: Arrays, where: str
) -> tuple[dict[PartName, Part], int]:
    """Return the parts, and how many images stayed in training as the last ones of a class."""
    labels, seed = arrays.train.labels, spec.split_seed
    train, held_out, tested, spared = parts(labels, spec.validation, spec.test, seed)
    few = train[limited(labels[train], spec.limit, seed)]
    few_held_out = held_out[limited(labels[held_out], spec.validation_limit, seed)]
    chosen: dict[PartName, Part] = {
        "train": Part(arrays.train, few, len(train)),
        "validation": Part(arrays.train, few_held_out, len(held_out)),
    }
    if arrays.test is not None:
        check_one_test_part(spec.test, where)
        trained = [("training", arrays.train)]
        check_own_test_part(arrays.test.labels, labels, arrays.classes, arrays.test.where)
        check_apart(arrays.test, trained, arrays.test.where)
        everything = np.arange(len(arrays.test.labels))
        chosen["test"] = Part(arrays.test, everything, len(everything))
    elif spec.test is not None:
        chosen["test"] = Part(arrays.train, tested, len(tested))
    return chosen, spared


def _pixels(part: Part) -> tuple[Pixels, Labels]:
    assert isinstance(part.listing, ArrayListing), "these sources list arrays"
    return part.listing.pixels[part.indices], part.labels


def _appearance(arrays: Arrays) -> Appearance:
    listings = [listing for listing in (arrays.train, arrays.test) if listing]
    images = sum(len(listing.labels) for listing in listings)
    _, channels, height, width = arrays.train.pixels.shape
    return Appearance(
        sampled=images,
        listed=images,
        sizes=(Tally(value=f"{width} x {height}", count=images),),
        modes=(Tally(value={1: "L", 3: "RGB"}.get(channels, str(channels)), count=images),),
    )
