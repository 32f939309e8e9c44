"""Which Parquet files make up each part: one file, a pattern, or a folder as Hugging Face fills it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from compound.jobs.data.sources.file_location import (
    FOLDER_UNREADABLE,
    FileLocation,
    closed_folder,
    location_of,
    split_address,
)
from compound.jobs.data.sources.left_out import LeftOutCounts, printable
from compound.jobs.data.sources.split_names import part_of, parts_in
from compound.schemas.data_ledger import LeftOut, PartName
from compound.schemas.errors import DataError

SUFFIX = ".parquet"
SHAPE = "train-*.parquet, validation-*.parquet and test-*.parquet in one folder"
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


@dataclass
class FilesByPart:
    """The files that a path names, by part, and what is not used."""

    parts: dict[PartName, PartNames]
    unused: LeftOutCounts = field(default_factory=LeftOutCounts)


def files_of(path: str, wanted: PartName, patient: bool) -> FilesByPart:
    """Return the files of a path. DataError: none, or files whose part is not clear.

    A path that names one file or files of one part alone makes up the part that is `wanted`.
    """
    location, names, is_folder, unused = _named(path, patient)
    by_part = _by_part(names, location)
    unclear = by_part.pop(None, [])
    if not by_part:
        return FilesByPart({wanted: PartNames(location, tuple(unclear))}, unused)
    for name in unclear:
        unused.add("Parquet of no part by its name, beside files that name theirs", name)
    if wanted not in by_part and (is_folder or len(by_part) > 1):
        raise _not_wanted(wanted, by_part, location, path)
    if wanted not in by_part:
        by_part = {wanted: next(iter(by_part.values()))}
    parts = {part: PartNames(location, tuple(files)) for part, files in by_part.items() if part}
    return FilesByPart(parts, unused)


def _by_part(
    names: Sequence[str], location: FileLocation
) -> dict[PartName | None, list[str]]:
    """Group files by the part that their folder or their name names; None: neither does."""
    groups: dict[PartName | None, list[str]] = {}
    for name in names:
        folder, _, plain = name.rpartition("/")
        by_folder = part_of(folder.rpartition("/")[2])
        parts = parts_in(plain.removesuffix(SUFFIX)) | ({by_folder} if by_folder else set())
        if len(parts) > 1 and len(names) > 1:
            raise DataError(
                f"the name names two parts: {' and '.join(sorted(parts))}",
                where=printable(location.address(name)),
                allowed=SHAPE,
                next_step="give it another name, or name the files of each part with `path`, "
                "`validation_path` and `test_path`",
            )
        part = parts.pop() if len(parts) == 1 and len(names) > 1 else None
        groups.setdefault(part, []).append(name)
    return groups
