"""Which Parquet files make up each part: of a file, a pattern or a folder."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from compound.jobs.data.listing.file_location import (
    FOLDER_UNREADABLE,
    FileLocation,
    closed_folder,
    location_of,
)
from compound.jobs.data.listing.hive_folders import (
    column_in_folders,
    column_in_path,
    next_of_folders,
)
from compound.jobs.data.listing.left_out import LeftOutCounts, as_utf8
from compound.jobs.data.listing.parquet_names import is_parquet, missing_files, without_suffix
from compound.jobs.data.listing.split_names import like_parts, part_of, parts_in
from compound.jobs.data.listing.wrong_path import step_to_parquet
from compound.schemas.data import ParquetData
from compound.schemas.data_ledger import PARTS, PartName
from compound.schemas.errors import DataError

NOT_PARQUET = "not Parquet"
"""The reason of a file in a folder of Parquet files."""
_WILD = re.compile(r"[*?[]")
SHAPE = "train-*.parquet, validation-*.parquet and test-*.parquet in one folder"
"""As Hugging Face writes data sets."""
_DATA = "data"
"""The folder that Hugging Face puts the files of a data set into."""


@dataclass(frozen=True)
class PartNames:
    """Files of one part, as their location names them."""

    location: FileLocation
    names: tuple[str, ...]

    @property
    def where(self) -> str:
        """The files in messages."""
        if len(self.names) == 1:
            return self.location.address(self.names[0])
        return f"{len(self.names):,} files in {self.location.where}"

    def addresses(self) -> list[str]:
        """Return the full addresses of the files."""
        return [self.location.address(name) for name in self.names]


@dataclass
class FilesByPart:
    """The files that a path names, by part, and what is not used."""

    parts: dict[PartName, PartNames]
    unused: LeftOutCounts = field(default_factory=LeftOutCounts)
    notes: tuple[str, ...] = ()


def part_files(spec: ParquetData, patient: bool) -> FilesByPart:
    """Return the files of every part of a spec. DataError: as `files_of`.

    A part with a path of its own is taken from there, and not from `path`.
    """
    paths: dict[PartName, str | None] = {
        "train": spec.path,
        "validation": spec.validation_path,
        "test": spec.test_path,
    }
    column = spec.label_column
    by_path = {part: files_of(path, part, patient, column) for part, path in paths.items() if path}
    parts = {**by_path["train"].parts, **{part: by_path[part].parts[part] for part in by_path}}
    unused = LeftOutCounts()
    counted = {address for names in parts.values() for address in names.addresses()}
    for files in {paths[part]: files for part, files in by_path.items()}.values():
        unused.merge(files.unused.entries())
        for part, names in files.parts.items():
            for address in names.addresses():
                if address not in counted:
                    unused.add(
                        f"Parquet of the {part} part, which is read from another path", address
                    )
                    counted.add(address)
    ordered = {part: parts[part] for part in PARTS if part in parts}
    missing = (note for part in ordered for note in missing_files(part, ordered[part].names))
    return FilesByPart(ordered, unused, tuple(missing))


def files_of(
    path: str, own_part: PartName, patient: bool, label_column: str = "label"
) -> FilesByPart:
    """Return the files of a path. DataError: none, or files whose part is not clear.

    A path that names one file or files of one part alone makes up the part that is `own_part`.
    `label_column`: folders such as `label=cat` are refused, which hold it in their names.
    """
    location, names, is_folder, unused = _named(path, patient, label_column)
    by_part, unclear = _by_part(names, location)
    if not by_part:
        _check_unlike_parts(location, unclear)
        return FilesByPart({own_part: PartNames(location, tuple(unclear))}, unused)
    for name in unclear:
        unused.add("Parquet of no part by its name, beside files that name theirs", name)
    if own_part not in by_part and (is_folder or len(by_part) > 1):
        raise _no_files_of(own_part, by_part, path)
    if own_part not in by_part:
        by_part = {own_part: next(iter(by_part.values()))}
    parts = {part: PartNames(location, tuple(files)) for part, files in by_part.items()}
    return FilesByPart(parts, unused)


def _check_unlike_parts(location: FileLocation, names: Sequence[str]) -> None:
    """Raise DataError where files that would be one part are called like several."""
    stems = [" ".join(without_suffix(name).split("/")[-2:]) for name in names]
    likely = like_parts(stems)
    if likely:
        examples = [name for name, stem in zip(names, stems, strict=True) if stem in likely]
        raise DataError(
            f"these files look like several parts: {', '.join(map(as_utf8, examples[:5]))}",
            where=location.where,
            allowed=SHAPE,
            next_step=_PATHS,
        )


_PATHS = (
    "name the files of each part with `path`, `validation_path` and `test_path`: a file, or a "
    "pattern such as data/train-*.parquet"
)


def _no_files_of(
    own_part: PartName, by_part: Mapping[PartName, Sequence[str]], path: str
) -> DataError:
    present = ", ".join(f"{part} ({files[0]})" for part, files in sorted(by_part.items()))
    return DataError(
        f"no files of the {own_part} part, only of {present}",
        where=path,
        allowed=SHAPE,
        next_step=_PATHS,
    )


def _by_part(
    names: Sequence[str], location: FileLocation
) -> tuple[dict[PartName, list[str]], list[str]]:
    """Group files by the part that their folder or name names; the rest names none."""
    by_part: dict[PartName, list[str]] = {}
    unclear: list[str] = []
    for name in names:
        parts = _parts_of(name) if len(names) > 1 else set()
        if len(parts) > 1:
            raise DataError(
                f"the name names two parts: {' and '.join(sorted(parts))}",
                where=as_utf8(location.address(name)),
                allowed=SHAPE,
                next_step="give it another name, or name the files of each part with `path`, "
                "`validation_path` and `test_path`",
            )
        (by_part.setdefault(parts.pop(), []) if parts else unclear).append(name)
    return by_part, unclear


def _parts_of(name: str) -> set[PartName]:
    folder, _, plain = name.rpartition("/")
    by_folder = _part_of_folder(folder.rpartition("/")[2])
    return parts_in(without_suffix(plain)) | by_folder


def _part_of_folder(folder: str) -> set[PartName]:
    """Return the part that a folder holds: `train`, or `train.parquet` as Spark writes it."""
    if is_parquet(folder):
        return parts_in(without_suffix(folder))
    part = part_of(folder)
    return {part} if part else set()


def _named(
    path: str, patient: bool, label_column: str
) -> tuple[FileLocation, list[str], bool, LeftOutCounts]:
    """Return the files of a path, sorted, whether it is a folder, and what is not used."""
    unused = LeftOutCounts()
    location = location_of(path, patient=patient)
    if location.folders("") is not None:
        return location, _in_folder(location, unused, label_column), True, unused
    folder, slash, name = path.rpartition("/")
    parent = location_of(folder or slash or ".", patient=patient)
    # First the plain name: a file may be called `part[1].parquet`.
    if name in parent.files(""):
        return parent, [name], False, unused
    if not _WILD.search(path):
        raise _no_file("no such file or folder", path)
    root, steps = _split_pattern(path)
    location = location_of(root, patient=patient)
    names = sorted(set(_matches(location, "", steps)))
    if not names:
        raise _no_file("no file matches this pattern", path)
    return location, names, False, unused


def _no_file(problem: str, path: str) -> DataError:
    usual = "check `path`, `validation_path` and `test_path`"
    return DataError(problem, where=path, next_step=step_to_parquet(path, usual))


def _in_folder(location: FileLocation, unused: LeftOutCounts, label_column: str) -> list[str]:
    """Return the Parquet files of one folder, or of the folders of parts in it."""
    by_base: dict[str, list[str]] = {}
    for name, problem in location.walk(""):
        if problem.startswith(FOLDER_UNREADABLE):
            raise closed_folder(location.address(name), problem)
        hidden = name.startswith(".") or "/." in name
        if problem or hidden or not is_parquet(name):
            unused.add(problem or ("hidden" if hidden else NOT_PARQUET), name)
        else:
            by_base.setdefault(_base(name), []).append(name)
    if not by_base:
        raise _no_file("no Parquet file in this folder", location.where)
    base = _chosen(sorted(by_base), location.where, label_column)
    for folder, names in by_base.items():
        if folder != base:
            unused.add(f"Parquet in another folder, `{as_utf8(folder)}`", names[0], len(names))
    return sorted(by_base[base])


def _base(name: str) -> str:
    """Return the folder that holds the files of all parts, where this is one of them."""
    folder = name.rpartition("/")[0]
    above, _, plain = folder.rpartition("/")
    return above if _part_of_folder(plain) else folder


def _chosen(bases: Sequence[str], where: str, label_column: str) -> str:
    for base in ("", _DATA):
        if base in bases:
            return base
    if len(bases) > 1 and any(column_in_path(base, label_column) for base in bases):
        raise column_in_folders(where, label_column)
    if len(bases) > 1:
        raise DataError(
            f"Parquet files in several folders: {', '.join(map(as_utf8, bases[:5]))}",
            where=where,
            allowed=SHAPE,
            next_step=next_of_folders(where, bases),
        )
    return bases[0]


def _split_pattern(path: str) -> tuple[str, list[str]]:
    """Split a path before its first step with a wildcard."""
    steps = path.split("/")
    first = next(number for number, step in enumerate(steps) if _WILD.search(step))
    root = "/".join(steps[:first])
    return root or ("/" if path.startswith("/") else "."), steps[first:]


def _matches(location: FileLocation, folder: str, steps: Sequence[str]) -> Iterator[str]:
    """Yield the Parquet files that match the steps of a pattern; `**` is any depth."""
    step, *rest = steps
    start = f"{folder}/" if folder else ""
    if step == "**":
        yield from _matches(location, folder, rest or ["*"])
        for sub in location.folders(folder) or ():
            yield from _matches(location, start + sub, steps)
    elif rest:
        for sub in location.folders(folder) or ():
            if fnmatchcase(sub, step):
                yield from _matches(location, start + sub, rest)
    else:
        for name in location.files(folder):
            if fnmatchcase(name.removeprefix(start), step) and is_parquet(name):
                yield name
