"""A folder of images: train/CLASS/x.png, with val/ or validation/ where there is one."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from compound.jobs.data.dataset import Indices, Labels
from compound.jobs.data.encoded import Catalogue
from compound.jobs.data.file_location import Place, place_of
from compound.jobs.data.read_ahead import ahead
from compound.schemas.data import ImageFolderData
from compound.schemas.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
HELD_OUT = ("val", "validation")


@dataclass(frozen=True)
class FolderListing:
    """Image files under one root, class by class, in the order of their names."""

    place: Place
    names: tuple[str, ...]
    """As the place names them."""
    labels: Labels

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield the path under the root, and the content of the files at `indices`."""
        names = [self.names[index] for index in indices]
        yield from zip(names, ahead(self.place.read, names, self.place.at_once), strict=True)


def catalogue(spec: ImageFolderData, *, patient: bool = True) -> Catalogue:
    """List a folder's images. DataError: no such folder, no classes, an unknown class.

    `patient`: see `places.place_of`.
    """
    place = place_of(spec.path, patient=patient)
    classes = _classes(place, spec.path)
    train = _listing(place, "train", classes)
    held_out = next((name for name in HELD_OUT if place.folders(name) is not None), None)
    validation = _listing(place, held_out, classes) if held_out else None
    parts = [part for part in (train, validation) if part]
    return Catalogue(classes, train, validation, _digest(parts))


def _classes(place: Place, path: str) -> tuple[str, ...]:
    classes, shape = place.folders("train"), "train/CLASS/image.png"
    if classes is None and place.folders("") is None:
        raise DataError("no such folder", where=path, next_step="check `path`")
    if classes is None:
        raise DataError("there is no folder `train`", where=path, allowed=shape)
    if not classes:
        raise DataError("no class folders", where=place.address("train"), allowed=shape)
    return tuple(classes)


def _listing(place: Place, part: str, classes: tuple[str, ...]) -> FolderListing:
    unknown = sorted(set(place.folders(part) or ()) - set(classes))
    if unknown:
        raise DataError(
            f"{len(unknown)} classes are not in train: {', '.join(unknown[:5])}",
            where=place.address(part),
            allowed=f"the {len(classes)} classes of train",
        )
    folders = [f"{part}/{name}" for name in classes]
    by_class = [_images(names) for names in ahead(place.files, folders, place.at_once)]
    labels = np.repeat(np.arange(len(classes)), [len(names) for names in by_class])
    names = tuple(name for names in by_class for name in names)
    return FolderListing(place, names, labels.astype(np.int64))


def _images(names: list[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(SUFFIXES)]


def _digest(parts: list[FolderListing]) -> str:
    """Hash names and contents: a file's place decides its class and its order."""
    total = hashlib.sha256()
    for part in parts:
        for name in part.names:
            total.update(part.place.content(name))
            total.update(name.encode("utf-8", "surrogateescape"))
    return total.hexdigest()
