"""Labels of several files as numbers of one list of classes, matched by name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from compound.jobs.data.sources.class_names import (
    case_twins,
    check_distinct,
    composed,
    matched_note,
)
from compound.jobs.data.sources.dataset import MAX_CLASSES, Labels, check_labels
from compound.schemas.errors import DataError

_LISTED = 5


@dataclass(frozen=True)
class FileLabels:
    """The labels of one file, as numbers of its own names."""

    where: str
    ids: Labels
    names: tuple[str, ...] = ()
    """Names of the numbers; empty: the file has numbers alone."""
    declared: bool = False
    """Whether the file lists its classes, in an order of its own; else its rows name them."""

    @property
    def silent(self) -> bool:
        """Whether the file says nothing of classes: it has no rows and lists none."""
        return not len(self.ids) and not self.names


@dataclass(frozen=True)
class MatchedLabels:
    """One list of classes, and each file's labels as numbers of it."""

    classes: tuple[str, ...]
    labels: tuple[Labels, ...]
    notes: tuple[str, ...] = ()
    mapped: bool = False
    """Whether labels of a file are other numbers than its own: it lists the classes in another
    order, or in other characters."""


def read_labels(
    column: pa.ChunkedArray, declared: tuple[str, ...], name: str, where: str
) -> FileLabels:
    """Return the labels of a column. DataError: of a type that names no class, or missing ones.

    Without rows any type will do: writers choose one when they see no value.
    """
    if not len(column):
        return FileLabels(where, np.empty(0, dtype=np.int64), declared, declared=bool(declared))
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        column = _whole_numbers(column, name, where)
    if column.null_count:
        raise _missing(column.null_count, len(column), where)
    if pa.types.is_integer(column.type):
        ids = _class_numbers(column, name, where)
        check_distinct(dict.fromkeys(declared), where, "give each class a name of its own")
        return FileLabels(where, ids, declared, declared=bool(declared))
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.string())
    if not is_text(column.type):
        raise DataError(
            f"column {name!r} has the type {column.type}, which names no class",
            where=where,
            allowed="whole numbers, texts, categories or booleans",
            next_step="set `label_column`",
        )
    return _named(column, where)


def _class_numbers(column: pa.ChunkedArray, name: str, where: str) -> Labels:
    largest = pc.max(column).as_py()
    if largest is not None and largest > np.iinfo(np.int64).max:
        raise DataError(
            f"column {name!r} has numbers that are too large for classes: {largest}",
            where=where,
            allowed=f"classes from 0 to {MAX_CLASSES - 1:,}",
            next_step="write the labels as texts: any numbers can be names of classes",
        )
    return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of a type are texts."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _whole_numbers(column: pa.ChunkedArray, name: str, where: str) -> pa.ChunkedArray:
    """Return numbers with a decimal point as integers. DataError: one is not whole."""
    if pa.types.is_floating(column.type):
        # pandas turns integers into floats where one is missing, and the missing one into NaN.
        missing = column.null_count + (pc.sum(pc.is_nan(column)).as_py() or 0)
        if missing:
            raise _missing(missing, len(column), where)
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(
            f"column {name!r} has numbers that are not whole, or too large: {error}",
            where=where,
            allowed="one whole number, text or category a class",
            next_step="set `label_column`; a measured value is no class",
        ) from None


def _missing(missing: int, rows: int, where: str) -> DataError:
    return DataError(
        f"{missing:,} of {rows:,} labels are missing",
        where=where,
        next_step="drop the rows without a label",
    )


def _named(column: pa.ChunkedArray, where: str) -> FileLabels:
    """Return texts as numbers of the sorted texts."""
    encoded = column.combine_chunks().dictionary_encode()
    try:
        texts = [str(text) for text in encoded.dictionary.to_pylist()]
    except UnicodeDecodeError as error:
        raise DataError(f"labels that are not UTF-8: {error}", where=where) from None
    ids = np.asarray(encoded.indices.to_numpy(), dtype=np.int64)
    if "" in texts:
        raise _missing(int((ids == texts.index("")).sum()), len(ids), where)
    names = tuple(sorted(texts))
    check_distinct(names, where, "write the name in one way in all rows")
    place_of = {text: number for number, text in enumerate(names)}
    order = np.array([place_of[text] for text in texts], dtype=np.int64)
    return FileLabels(where, order[ids] if len(ids) else ids, names)


def match(train: Sequence[FileLabels], rest: Sequence[FileLabels] = ()) -> MatchedLabels:
    """Match the classes of files by name; those of `train` come first, then the rest's.

    DataError: names that differ, numbers in one file and texts in another, or a class that
    training does not have.
    """
    files = [*train, *rest]
    listing = next((file for file in files if file.declared), None)
    if listing is not None:
        return _by_list(listing, files)
    telling = [file for file in files if not file.silent]
    texts, numbers = ([f for f in telling if bool(f.names) is named] for named in (True, False))
    if texts and numbers:
        raise DataError(
            f"labels are texts in {texts[0].where}, and numbers here",
            where=numbers[0].where,
            next_step="write them in the same way in all files",
        )
    if not texts:
        return _numbered(train, files)
    # Of spellings that are one name, the first counts.
    name_by_form = {composed(name): name for file in reversed(train) for name in file.names}
    classes = tuple(sorted(name_by_form.values()))
    named = next((file.where for file in train if file.names), train[0].where)
    labels = tuple(_mapped(file, classes, named) for file in files)
    merged = len(classes) < len({name for file in train for name in file.names})
    return MatchedLabels(classes, labels, tuple(_spellings(files, classes)), merged)


def _by_list(listing: FileLabels, files: Iterable[FileLabels]) -> MatchedLabels:
    """Take the classes that one file lists, and match all others to it."""
    classes = listing.names
    repeated = (
        sorted({name for name in classes if classes.count(name) > 1}) if _repeats(classes) else []
    )
    if repeated:
        raise DataError(
            f"two classes of one name: {', '.join(repeated[:_LISTED])}", where=listing.where
        )
    labels, notes, mapped = [], [], False
    for file in files:
        if file.silent:
            labels.append(file.ids)
        elif not file.names:
            notes.append(
                f"{file.where} names no classes: its numbers count those of {listing.where}"
            )
            labels.append(file.ids)
        elif file.names == classes:
            labels.append(file.ids)
        else:
            if file.declared:
                _check_same(listing, file)
            if file.declared and _forms(file.names) != _forms(classes):
                notes.append(f"{file.where} lists the classes in another order: matched by name")
                mapped = True
            labels.append(_mapped(file, classes, listing.where))
    return MatchedLabels(classes, tuple(labels), (*notes, *_spellings(files, classes)), mapped)


def _forms(names: Sequence[str]) -> list[str]:
    return [composed(name) for name in names]


def _spellings(files: Iterable[FileLabels], classes: Sequence[str]) -> Iterator[str]:
    """Tell the names of each file that are in other characters than those of the classes."""
    name_by_form = {composed(name): name for name in classes}
    for file in files:
        pairs = ((name, name_by_form.get(composed(name), name)) for name in file.names)
        yield from matched_note(((name, own) for name, own in pairs if name != own), file.where)


def _repeats(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names)


def _check_same(listing: FileLabels, file: FileLabels) -> None:
    """Raise DataError where two files list different classes."""
    first, second = set(_forms(listing.names)), set(_forms(file.names))
    if first != second:
        alone, missing = sorted(second - first), sorted(first - second)
        parts = [f"only here: {', '.join(alone[:_LISTED])}"] if alone else []
        parts += [f"only there: {', '.join(missing[:_LISTED])}"] if missing else []
        raise DataError(
            f"its classes are not those of {listing.where}; {'; '.join(parts)}",
            where=file.where,
            allowed="the same names in any order",
            next_step=_rename(alone, missing)
            or "take files of one data set, or write their labels as texts",
        )


def _mapped(file: FileLabels, classes: Sequence[str], where: str) -> Labels:
    """Return a file's labels as numbers of `classes`. DataError: it has a class that is not there.

    Numbers that the file itself does not name stay, and are refused later.
    """
    place_of = {composed(name): number for number, name in enumerate(classes)}
    unknown = [name for name in file.names if composed(name) not in place_of]
    if unknown:
        raise DataError(
            f"{len(unknown)} classes are not in {where}: {', '.join(unknown[:_LISTED])}",
            where=file.where,
            allowed=f"the {len(classes)} classes of training",
            next_step=_rename(unknown, classes)
            or "give training images of them, or drop these rows",
        )
    order = np.array([place_of[form] for form in _forms(file.names)], dtype=np.int64)
    inside = (file.ids >= 0) & (file.ids < len(order))
    labels = file.ids.copy()
    labels[inside] = order[file.ids[inside]]
    return labels


def _rename(unknown: Iterable[str], classes: Iterable[str]) -> str:
    """Return the next step where a name differs from a class in case alone; else empty."""
    for name, match in case_twins(unknown, classes).items():
        return f"write `{name}` as `{match}` in the column of this file, as there"
    return ""


def _numbered(train: Sequence[FileLabels], files: Sequence[FileLabels]) -> MatchedLabels:
    """Name the classes 0 to the largest label of training, for files that name none."""
    labels = tuple(file.ids for file in files)
    count = max((int(file.ids.max(initial=0)) for file in train), default=0) + 1
    for file in train:
        check_labels(file.ids, min(count, MAX_CLASSES), file.where)
    return MatchedLabels(tuple(map(str, range(count))), labels)
