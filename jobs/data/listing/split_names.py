"""What people call the parts of a data set, in the names of folders and files."""

import re
from collections.abc import Collection, Iterable, Mapping

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
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
"""Between the words of `TrainData`."""
_NOUN = re.compile(
    "(data|(data)?sets?|split|part|samples|(image|img|file)s?|photos|pics|dir|folder)?"
)
"""What follows the name of a part in `trainset` or `testimages`."""
_ABBREVIATIONS: Mapping[str, PartName] = {
    "tr": "train",
    "trn": "train",
    "va": "validation",
    "vl": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "te": "test",
    "ts": "test",
    "tst": "test",
    "holdout": "test",
}
"""Names of parts, but of languages and much else too."""


def part_of(name: str) -> PartName | None:
    """Return the part that a folder of this name holds; None: it is not the name of a part."""
    return _PART_BY_NAME.get(name.lower())


def parts_in(name: str) -> set[PartName]:
    """Return the parts that the words of a name name: `train-00000-of-00002.parquet`."""
    words = _WORD.findall(name.lower())
    return {_PART_BY_NAME[word] for word in words if word in _PART_BY_NAME}


def like_parts(names: Collection[str]) -> dict[str, set[PartName]]:
    """Return the names that are like those of parts, where they are of two parts or more.

    `TrainData` beside `TestData` is; `tr` beside `te` only where every name is of this kind.
    """
    likely = {name: parts for name in names if (parts := _likely(name))}
    if len(set[PartName]().union(*likely.values())) > 1:
        return likely
    possible = {name: parts for name in names if (parts := _likely(name) | _abbreviated(name))}
    several = len(set[PartName]().union(*possible.values())) > 1
    return possible if several and len(possible) == len(names) else {}


def is_like_part(name: str) -> bool:
    """Return whether a name has the name of a part in it: `trainset`, `my_test_data`."""
    return bool(_likely(name))


def _likely(name: str) -> set[PartName]:
    words = _WORD.findall(_CAMEL.sub(" ", name).lower())
    return {part for word in words for part in _begins_with(word)}


def _begins_with(word: str) -> set[PartName]:
    return {
        part
        for name, part in _PART_BY_NAME.items()
        if word.startswith(name) and _NOUN.fullmatch(word[len(name) :])
    }


def _abbreviated(name: str) -> set[PartName]:
    words = _WORD.findall(name.lower())
    return {_ABBREVIATIONS[word] for word in words if word in _ABBREVIATIONS}


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
