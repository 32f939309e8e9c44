"""The image files that Parquet names by their paths, where it does not hold their bytes.

A path is looked up below the folder of its Parquet file, else below the folder of the data; where
the spec has `image_root`, below that alone. No path leads out of this folder, neither by `..` nor
as an absolute path: a data set from elsewhere must not read the other files of this machine.
"""

import hashlib
import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from compound.jobs.data.listing.file_location import IMAGE_BYTES, FileLocation, location_of
from compound.jobs.data.listing.folder_entries import NO_FILE as NEITHER
from compound.jobs.data.listing.folder_entries import (
    NO_PERMISSION,
    TOO_LARGE,
    UNREADABLE,
    reason_of_error,
)
from compound.jobs.data.listing.left_out import LeftOutCounts, as_utf8
from compound.jobs.data.listing.parquet_files import PartNames
from compound.jobs.data.listing.part_files import check_taken
from compound.jobs.data.listing.reading_progress import progress
from compound.jobs.data.sources.dataset import Labels
from compound.jobs.data.sources.file_listing import FileEntries, FileListing
from compound.schemas.data import ParquetData

NO_PATH = "without a path"
NO_FILE = "no such file"
OUTSIDE = "a path that leads out of the folder"
ADDRESS = "an address in place of a path"
BAD = (NO_PATH, NO_FILE, OUTSIDE, ADDRESS, NO_PERMISSION, UNREADABLE, TOO_LARGE, NEITHER)
_TRIED = 64
"""Paths by which the folder is found that they are relative to."""

Paths = Sequence[str | None]


@dataclass(frozen=True)
class PathRows:
    """The rows of one Parquet file."""

    paths: Paths
    labels: Labels
    """The label of every row, int64 (N,)."""


@dataclass(frozen=True)
class PathImages:
    """The files of a part, and what became of its rows."""

    listing: FileListing
    contents: tuple[str, ...]
    """For each Parquet file a hash of its images."""
    left_out: LeftOutCounts
    note: str


class _Folders:
    """Which files there are, from one listing of each folder that a path names."""

    def __init__(self, location: FileLocation) -> None:
        self.location = location
        top = posixpath.normpath(location.address("")).replace("s3:/", "s3://", 1)
        self._top = f"{top.rstrip('/')}/"
        self._names: dict[str, frozenset[str]] = {}

    def resolved(self, path: str | None, base: str) -> tuple[str, str]:
        """Return a file's name under the root, or "" and the reason why no file is looked for."""
        if not path:
            return "", NO_PATH
        if path.startswith(self._top):
            path, base = path.removeprefix(self._top), ""
        elif "://" in path:
            return "", ADDRESS
        name = posixpath.normpath(posixpath.join(base, path))
        if name.startswith(("../", "/")) or name in ("..", "."):
            return "", OUTSIDE
        return name, ""

    def has(self, name: str) -> bool:
        """Return whether there is a file of this name under the root."""
        folder = posixpath.dirname(name)
        if folder not in self._names:
            self._names[folder] = frozenset(self.location.files(folder, hidden=True))
        return name in self._names[folder]


def path_images(
    spec: ParquetData, names: PartNames, files: Sequence[PathRows], patient: bool
) -> PathImages:
    """List the images that a part's Parquet files name; `files` has the rows of each.

    DataError: more of them cannot be taken than `max_bad` allows.
    """
    root = spec.image_root
    location = location_of(root, patient=patient) if root else names.location
    folders, entries, left_out = _Folders(location), FileEntries(), LeftOutCounts()
    contents, bases = [], []
    for name, rows in zip(names.names, files, strict=True):
        choices = ("",) if root else (posixpath.dirname(name), "")
        bases.append(_base(rows.paths, choices, folders))
        contents.append(_hashed(rows, bases[-1], folders, entries, left_out))
    listing = entries.listing(location)
    roots = dict.fromkeys(as_utf8(location.address(base)) for base in bases)
    where = ", ".join(root.rstrip("/") for root in list(roots)[:3])
    check_taken(left_out, BAD, len(listing.names), names.where, spec.max_bad, _remedy(where))
    note = f"{names.where} has paths of images, which are read below {where}"
    return PathImages(listing, tuple(contents), left_out, note)


def _remedy(where: str) -> str:
    return (
        f"put the files below {where}, name the folder that they lie in with `image_root`, or "
        "embed them, as `Dataset.push_to_hub` and `embed_external_files` of Hugging Face's "
        "`datasets` do"
    )


def _base(paths: Paths, choices: Iterable[str], folders: _Folders) -> str:
    """Return the first folder below which one of the first paths names a file; else the first."""
    first, *rest = dict.fromkeys(choices)
    for base in (first, *rest):
        names = (folders.resolved(path, base)[0] for path in paths[:_TRIED])
        if any(name and folders.has(name) for name in names):
            return base
    return first


def _hashed(
    rows: PathRows, base: str, folders: _Folders, entries: FileEntries, left_out: LeftOutCounts
) -> str:
    """Add the files of all rows; return a hash of their contents."""
    total = hashlib.sha256()
    pairs = zip(rows.paths, rows.labels.tolist(), strict=True)
    doing = f"hashing {folders.location.where}:"
    for path, label in progress(pairs, len(rows.paths), doing):
        name, reason = folders.resolved(path, base)
        if not reason and not folders.has(name):
            reason = NO_FILE
        if not reason:
            try:
                content = folders.location.content(name, IMAGE_BYTES)
            except FileNotFoundError:
                reason = NO_FILE
            except OSError as error:
                reason = reason_of_error(error)
        if reason:
            left_out.add(reason, path or "")
            total.update(b"left out")
            continue
        total.update(content)
        entries.add(name, label, content)
    return total.hexdigest()
