"""What people call the parts of a data set, in the names of folders and files."""

import re
from collections.abc import Iterable, Mapping

from compound.schemas.data_ledger import PARTS, PartName
from compound.schemas.errors import DataError

NAMES: Mapping[PartName, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""In any case: `Train`, `VAL`."""
_PART_BY_NAME = {name: part for part, names in NAMES.items() for name in names}
_WORD = re.compile(r"[^\W\d_]+")


def part_of(name: str) -> PartName | None:
    """Return the part that a folder of this name holds; None: it is not the name of a part."""
    return _PART_BY_NAME.get(name.lower())


def parts_in(name: str) -> set[PartName]:
    """Return the parts that the words of a name name: `train-00000-of-00002.parquet`."""
    words = _WORD.findall(name.lower())
    return {_PART_BY_NAME[word] for word in words if word in _PART_BY_NAME}


def by_part(folders: Iterable[str], where: str) -> dict[PartName, str]:
    """Return which folder holds each part. DataError: two folders would hold the same one."""
    folder_by_part: dict[PartName, str] = {}
    for folder in sorted(folders):
        part = part_of(folder)
        if part is None:
            continue
        if part in folder_by_part:
            raise DataError(
                f"two folders for the {part} part: `{folder_by_part[part]}` and `{folder}`",
                where=where,
                allowed=f"one of {', '.join(NAMES[part])}, in any case",
                next_step="move one of them elsewhere, or give it another name",
            )
        folder_by_part[part] = folder
    return {part: folder_by_part[part] for part in PARTS if part in folder_by_part}
