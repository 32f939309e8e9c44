"""The image files of one part of a folder, class by class, and what was left out."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from compound.jobs.data.listing.class_folders import ClassFolders
from compound.jobs.data.listing.file_location import FileLocation
from compound.jobs.data.listing.images_below import (
    BAD,
    IGNORABLE,
    UNDECODED,
    images_below,
)
from compound.jobs.data.listing.junk_folders import is_junk
from compound.jobs.data.listing.left_out import FoundPart, LeftOutCounts, as_utf8
from compound.jobs.data.listing.read_ahead import read_ahead
from compound.schemas.data_ledger import PartName
from compound.schemas.errors import DataError


@dataclass
class PartFiles:
    """Image files by their class folder; `left_out` grows while they are read."""

    location: FileLocation
    folder: str
    """Of the part; "" where the class folders lie in the root."""
    names: dict[str, list[str]]
    left_out: LeftOutCounts
    lost: int = 0
    """Files of `names` that turned out to be unreadable; `left_out` counts them."""

    @property
    def where(self) -> str:
        """The folder in messages."""
        return as_utf8(self.location.address(self.folder) if self.folder else self.location.where)

    @property
    def images(self) -> int:
        """How many files are taken."""
        return sum(map(len, self.names.values())) - self.lost

    def of(self, class_folder: str) -> list[str]:
        """Return the image files of a class; none where the part has no such folder."""
        return self.names.get(class_folder, [])

    def lose(self, name: str, reason: str) -> None:
        """Leave out a file that is an image by its name, but cannot be read."""
        self.lost += 1
        self.left_out.add(reason, name)

    def count(self) -> FoundPart:
        """Return what was found, and what was left out."""
        return FoundPart(self.where, self.images + self.left_out.total, self.left_out.entries())

    def classes_with_images(self) -> tuple[str, ...]:
        """Return the classes, sorted. DataError: no class has an image."""
        classes = tuple(name for name, files in self.names.items() if files)
        if not classes:
            raise DataError(
                f"the training split is empty: none of {len(self.names):,} class folders holds an "
                "image",
                where=self.where,
                next_step="give it images, or check `path`",
            )
        return classes

    def check(self, max_bad: float) -> None:
        """Raise DataError where too many images cannot be read, or not be decoded here."""
        self._check_decoded(max_bad)
        remedy = (
            "convert or remove them, make them readable (chmod u+r), or raise `max_bad` to train "
            "without them"
        )
        check_taken(self.left_out, BAD, self.images, self.where, max_bad, remedy)

    def _check_decoded(self, max_bad: float) -> None:
        if not UNDECODED:
            return
        everything = (name for files in self.names.values() for name in files)
        suffixes = tuple(UNDECODED)
        undecoded = [name for name in everything if name.lower().endswith(suffixes)]
        if len(undecoded) > max_bad * self.images:
            raise DataError(
                f"{len(undecoded):,} of {self.images:,} images cannot be decoded here, such as "
                f"{as_utf8(undecoded[0])}",
                where=self.where,
                allowed=f"{max_bad:.2%} (`max_bad`)",
                next_step="pip install pillow-heif (for HEIC), pip install --upgrade pillow (for "
                "AVIF), or convert them to JPEG",
            )


def check_taken(
    left_out: LeftOutCounts,
    reasons: Collection[str],
    images: int,
    where: str,
    max_bad: float,
    remedy: str,
) -> None:
    """Raise DataError where more images are left out for these reasons than `max_bad` allows.

    `images`: those that are taken.
    """
    bad = left_out.count(reasons)
    if bad <= max_bad * (images + bad):
        return
    entries = [entry for entry in left_out.entries() if entry.reason in reasons]
    listed = "; ".join(
        f"{entry.count:,} {entry.reason}: {', '.join(entry.examples)}" for entry in entries
    )
    raise DataError(
        f"{bad:,} of {images + bad:,} images cannot be taken: {listed}",
        where=where,
        allowed=f"{max_bad:.2%} (`max_bad`)",
        next_step=remedy,
    )


def list_part(location: FileLocation, layout: ClassFolders, part: PartName) -> PartFiles:
    """List the images of a part. DataError: a class folder has files, but no image."""
    folder, classes, left_out = layout.parts[part], layout.classes[part], LeftOutCounts()
    start = f"{folder}/" if folder else ""
    folders = [start + name for name in classes]
    names = {}
    listed = read_ahead(partial(_class_images, location), folders, location.parallel_reads)
    for name, (images, counts) in zip(classes, listed, strict=True):
        if not images and counts.total > counts.count(IGNORABLE):
            raise _no_image(location.address(start + name), counts)
        names[name] = images
        left_out.merge(counts.entries())
    _count_outside(location, folder, left_out)
    return PartFiles(location, folder, names, left_out)


def _class_images(location: FileLocation, folder: str) -> tuple[list[str], LeftOutCounts]:
    counts = LeftOutCounts()
    return images_below(location, folder, counts), counts


def _no_image(where: str, counts: LeftOutCounts) -> DataError:
    return DataError(
        f"a class without images: none of its {counts.total:,} files can be taken: {counts}",
        where=as_utf8(where),
        allowed="images in formats that are decoded here",
        next_step="convert them to PNG or JPEG, or move the folder out of the data",
    )


def _count_outside(location: FileLocation, folder: str, left_out: LeftOutCounts) -> None:
    """Count the files of a part that lie in no class folder."""
    for name in location.files(folder, hidden=True):
        hidden = name.rpartition("/")[2].startswith(".")
        left_out.add("hidden" if hidden else "in no class folder", name)
    for name, reason in location.circles(folder):
        left_out.add(reason, name)
    start = f"{folder}/" if folder else ""
    for sub in location.folders(folder, hidden=True) or ():
        if is_junk(sub):
            images_below(location, start + sub, left_out, junk=True)
