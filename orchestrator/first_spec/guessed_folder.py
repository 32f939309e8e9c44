"""A folder of images as a person names it: which folder its classes lie in, or what it is instead.

What cannot be a data set is refused here, with the command that is right. What may be one is read
by jobs/data, which refuses the rest.
"""

import difflib
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from compound.jobs.data.listing.class_folders import SHAPE
from compound.jobs.data.listing.file_location import LocalFolder
from compound.jobs.data.listing.image_file import SUFFIXES
from compound.jobs.data.listing.junk_folders import is_junk
from compound.jobs.data.listing.parquet_names import is_parquet
from compound.jobs.data.listing.split_names import part_of
from compound.orchestrator.wording.commands import command
from compound.orchestrator.wording.numbers import counted
from compound.schemas.data import ImageFolderData
from compound.schemas.errors import DataError

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
TABLES = (".csv", ".tsv", ".xlsx", ".xls", ".json", ".jsonl")
_LISTED = 4
_WRAPPERS = 5
"""Folders within each other that hold one folder alone, as archives unpack."""


def guessed_folder(path: str) -> tuple[ImageFolderData, list[str]]:
    """Return the data of a folder, and what was guessed. DataError: it is no folder of classes."""
    if path.startswith("s3://"):
        return ImageFolderData(source="image_folder", path=path), []
    refuse_other_files(path)
    if not os.path.isdir(path):
        raise no_such_path(path, "folder", "images")
    inner = _unwrapped(path)
    _refuse_unsorted(inner)
    notes = [f"{path} holds only {inner[len(path) :].strip('/')}/: taken"] if inner != path else []
    return ImageFolderData(source="image_folder", path=inner), notes


def refuse_other_files(path: str) -> None:
    """Raise DataError where a path is an archive, a table or another file that has no images."""
    if not os.path.isfile(path):
        return
    name, suffix = Path(path), Path(path).suffix.lower()
    if is_parquet(name.name):
        raise DataError("a Parquet file", where=path, next_step=_init(path, "parquet"))
    if suffix in ARCHIVES:
        folder = str(name.with_suffix("")).removesuffix(".tar")
        packed, unpacked = shlex.quote(path), shlex.quote(folder)
        unpack = f"tar -xf {packed} -C {unpacked}"
        unpack = (
            f"unzip {packed} -d {unpacked}" if suffix == ".zip" else f"mkdir {unpacked}; {unpack}"
        )
        raise DataError(
            "an archive, whose images cannot be read where they are",
            where=path,
            next_step=f"{unpack}, then {_init(folder)}",
        )
    if suffix in TABLES:
        raise DataError(
            "a table, not images",
            where=path,
            allowed=f"{SHAPE}; or Parquet with a column of images and a column of labels",
            next_step=f"sort the images into a folder for each class, then {_init('FOLDER')}",
        )
    raise DataError("a file, not a folder", where=path, allowed=SHAPE, next_step=_init("FOLDER"))


def no_such_path(path: str, kind: str, option: str) -> DataError:
    """Return the error of an option's path that is not there, with what is there instead."""
    parent, name = Path(path).parent, Path(path).name
    try:
        similar = difflib.get_close_matches(name, [entry.name for entry in parent.iterdir()], n=1)
    except OSError:
        similar = []
    listing = f"ls {shlex.quote(str(parent))}"
    return DataError(
        f"no such {kind}",
        where=path,
        allowed=f"such as {parent / similar[0]}" if similar else "",
        next_step=_init(str(parent / similar[0]), option) if similar else listing,
    )


def _init(target: str, option: str = "images") -> str:
    return command("init", **{option: target})


def _unwrapped(path: str) -> str:
    """Return the folder below that has more than one folder, or a part, or images in it."""
    for _ in range(_WRAPPERS):
        location = LocalFolder(Path(path))
        folders = _folders(location, "")
        if len(folders) != 1 or part_of(folders[0]) or _images(location, ""):
            return path
        if not _folders(location, folders[0]):
            return path
        path = os.path.join(path, folders[0])
    return path


def _folders(location: LocalFolder, folder: str) -> list[str]:
    return [name for name in location.folders(folder) or () if not is_junk(name)]


def _images(location: LocalFolder, folder: str) -> list[str]:
    return [name for name in location.files(folder) if name.lower().endswith(tuple(SUFFIXES))]


def _refuse_unsorted(path: str) -> None:
    """Raise DataError where there are no class folders, or folders of folders of classes."""
    location = LocalFolder(Path(path))
    folders, files, images = _folders(location, ""), location.files(""), _images(location, "")
    if not folders:
        raise _no_classes(path, files, images)
    if len(folders) == 1 and not part_of(folders[0]):
        raise DataError(
            f"only one class: all images lie in {folders[0]}",
            where=path,
            allowed=f"two classes or more: {SHAPE}",
            next_step=_init("FOLDER"),
        )
    if not any(map(part_of, folders)):
        _refuse_nested(location, folders)


def _no_classes(path: str, files: Sequence[str], images: Sequence[str]) -> DataError:
    if any("idx3-ubyte" in name for name in files):
        return DataError("files in MNIST's format", where=path, next_step=_init(path, "idx"))
    if any(map(is_parquet, files)):
        return DataError("Parquet files", where=path, next_step=_init(path, "parquet"))
    if not files:
        return DataError(
            "the folder is empty", where=path, allowed=SHAPE, next_step=_init("FOLDER")
        )
    tables = [name for name in files if Path(name).suffix.lower() in TABLES]
    quoted = shlex.quote(path)
    beside = f"; their classes may be in {tables[0]}" if images and tables else ""
    return DataError(
        f"no class folders: {counted(len(images), 'image')} and "
        f"{counted(len(files) - len(images), 'other file')} lie in it{beside}",
        where=path,
        allowed=SHAPE,
        next_step=f"make a folder for each class, such as `mkdir {quoted}/cat; mv {quoted}/cat*"
        f"{Path(images[0]).suffix if images else '.jpg'} {quoted}/cat/`, then {_init(path)}",
    )


def _refuse_nested(location: LocalFolder, folders: Sequence[str]) -> None:
    """Raise DataError where several folders hold the same folders: those may be the classes."""
    below = {name: set(_folders(location, name)) for name in folders}
    if any(not names for names in below.values()) or any(_images(location, n) for n in folders):
        return
    shared = set.intersection(*below.values()) if len(below) > 1 else set()
    if len(shared) > 1:
        outer, inner = _listed(sorted(below)), _listed(sorted(shared))
        first = os.path.join(location.where, sorted(below)[0])
        raise DataError(
            f"folders of folders: {outer} all hold {inner}; which of them are the classes is not "
            "clear",
            where=location.where,
            allowed=SHAPE,
            next_step=f"{_init(first)}    # or move the images of each class into one folder",
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(_shortened(names))


def _shortened(names: Sequence[str]) -> Iterator[str]:
    yield from names[:_LISTED]
    if len(names) > _LISTED:
        yield f"{len(names) - _LISTED} more"
