"""A folder of images: train/CLASS/x.png, with val/ or validation/ where there is one."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from compound.jobs.data.sources.dataset import Indices, Labels
from compound.jobs.data.sources.encoded import Catalogue
from compound.jobs.data.sources.file_location import FileLocation, location_of
from compound.jobs.data.sources.image_file import SUFFIXES
from compound.jobs.data.sources.read_ahead import read_ahead
from compound.schemas.data import ImageFolderData
from compound.schemas.errors import DataError

HELD_OUT = ("val", "validation")


@dataclass(frozen=True)
class FolderListing:
    """Image files under one root, class by class, in the order of their names."""

    location: FileLocation
    names: tuple[str, ...]
    """As the location names them."""
    labels: Labels

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield the path under the root, and the content of the files at `indices`."""
        names = [self.names[index] for index in indices]
        yield from zip(
            names, read_ahead(self.location.read, names, self.location.parallel_reads), strict=True
        )


def catalogue(spec: ImageFolderData, patient: bool = True) -> Catalogue:
    """List a folder's images. DataError: no such folder, no classes, an unknown class.

    `patient`: see `file_location.location_of`.
    """
    location = location_of(spec.path, patient=patient)
    classes = _classes(location, spec.path)
    train = _listing(location, "train", classes)
    held_out = next((name for name in HELD_OUT if location.folders(name) is not None), None)
    validation = _listing(location, held_out, classes) if held_out else None
    parts = [part for part in (train, validation) if part]
    return Catalogue(classes, train, validation, _digest(parts), largest=spec.size)


def _classes(location: FileLocation, path: str) -> tuple[str, ...]:
    classes, shape = location.folders("train"), "train/CLASS/image.png"
    if classes is None and location.folders("") is None:
        raise DataError("no such folder", where=path, next_step="check `path`")
    if classes is None:
        raise DataError("there is no folder `train`", where=path, allowed=shape)
    if not classes:
        raise DataError("no class folders", where=location.address("train"), allowed=shape)
    return tuple(classes)


def _listing(location: FileLocation, part: str, classes: tuple[str, ...]) -> FolderListing:
    unknown = sorted(set(location.folders(part) or ()) - set(classes))
    if unknown:
        raise DataError(
            f"{len(unknown)} classes are not in train: {', '.join(unknown[:5])}",
            where=location.address(part),
            allowed=f"the {len(classes)} classes of train",
        )
    folders = [f"{part}/{name}" for name in classes]
    by_class = [
        _images(names) for names in read_ahead(location.files, folders, location.parallel_reads)
    ]
    labels = np.repeat(np.arange(len(classes)), [len(names) for names in by_class])
    names = tuple(name for names in by_class for name in names)
    return FolderListing(location, names, labels.astype(np.int64))


def _images(names: list[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(SUFFIXES)]


def _digest(parts: list[FolderListing]) -> str:
    """Hash names and contents: the name of a file decides its class and its order."""
    total = hashlib.sha256()
    for part in parts:
        for name in part.names:
            total.update(part.location.content(name))
            # Names of files on Linux are bytes, which need not be valid UTF-8.
            total.update(name.encode("utf-8", "surrogateescape"))
    return total.hexdigest()
