"""Parquet files of encoded images, as Hugging Face data sets write them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from compound.jobs.data.listing.file_location import FileLocation, unreadable
from compound.jobs.data.listing.left_out import EXAMPLES, FoundPart, as_utf8
from compound.jobs.data.listing.parquet_files import (
    NOT_PARQUET,
    FilesByPart,
    PartNames,
    part_files,
)
from compound.jobs.data.listing.read_ahead import read_ahead
from compound.jobs.data.sources.catalogue import Catalogue
from compound.jobs.data.sources.class_labels import FileLabels, match, read_labels
from compound.jobs.data.sources.dataset import Indices, Labels
from compound.jobs.data.sources.file_listing import FileListing
from compound.jobs.data.sources.parquet_columns import (
    class_names,
    fields,
    image_kind,
    image_paths,
)
from compound.jobs.data.sources.parquet_file import (
    LimitedParquet,
    check_claims,
    no_parquet,
    opened_parquet,
)
from compound.jobs.data.sources.parquet_paths import PathRows, path_images
from compound.jobs.regular_file import UnfitFileError
from compound.schemas.data import ParquetData
from compound.schemas.data_ledger import PartName
from compound.schemas.errors import DataError

_MAPPED = " classes by name"
"""Part of the hash where labels are mapped, which were numbers of another order before."""


@dataclass(frozen=True)
class _FileRows:
    """What one reading of a file's labels gives."""

    labels: FileLabels
    content: str
    paths: Sequence[str | None] | None = None
    """Of the images of all rows; None: the file has their bytes."""


@dataclass(frozen=True)
class ParquetListing:
    """The rows of one or more Parquet files, in the order of the files' names."""

    location: FileLocation
    names: tuple[str, ...]
    """Of the files, as the location names them."""
    labels: Labels
    image_column: str
    rows: tuple[int, ...]
    """Of each file."""
    hashes: None = None
    """Listing reads no images."""

    @property
    def empty(self) -> Indices:
        """No indices: listing reads no images."""
        return np.empty(0, dtype=np.int64)

    def name(self, index: int) -> str:
        """Return file and row."""
        ends = np.cumsum(self.rows)
        number = int(np.searchsorted(ends, index, side="right"))
        return f"{as_utf8(self.names[number])} row {index - int(ends[number]) + self.rows[number]}"

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of the rows at ascending indices, a batch of rows at a time."""
        start = 0
        for name in self.names:
            with opened_parquet(self.location, name) as parquet:
                for group in range(parquet.reader.num_row_groups):
                    end = start + parquet.reader.metadata.row_group(group).num_rows
                    if np.searchsorted(indices, start) < np.searchsorted(indices, end):
                        yield from self._rows(parquet, group, start, indices, name)
                    start = end

    def _rows(
        self, parquet: LimitedParquet, group: int, start: int, indices: Indices, file: str
    ) -> Iterator[tuple[str, bytes]]:
        for batch in parquet.batches(group, self.image_column):
            first, last = np.searchsorted(indices, [start, start + len(batch)])
            rows = indices[first:last]
            # Only the rows in use become Python objects: `take` copies inside Arrow.
            names, encoded = fields(batch.column(0).take(pa.array(rows - start)))
            for row, name, data in zip(rows, names, encoded, strict=True):
                yield f"{file} row {row}" + (f" ({name})" if name else ""), data or b""
            start += len(batch)


@dataclass(frozen=True)
class _ListedPart:
    """A part of the data."""

    listing: ParquetListing | FileListing
    contents: tuple[str, ...]
    """Of each Parquet file a hash, with the images that it names."""
    origin: FoundPart
    note: str = ""


def catalogue(spec: ParquetData, patient: bool = True) -> Catalogue:
    """List the rows of a spec's files.

    DataError: no such file, parts that are not clear, wrong columns, labels that are missing or do
    not match, or one file in two parts. `patient`: see `file_location.location_of`.
    """
    files = part_files(spec, patient)
    rows = {part: _read(spec, names) for part, names in files.parts.items()}
    _check_filled(files.parts["train"], rows["train"])
    everything = [entry.labels for part in rows.values() for entry in part]
    in_train = len(rows["train"])
    matched = match(everything[:in_train], everything[in_train:])
    parts, start = {}, 0
    for part, names in files.parts.items():
        labels = matched.labels[start : start + len(names.names)]
        start += len(names.names)
        parts[part] = _part(spec, names, rows[part], labels, patient)
    _check_different(files.parts, rows, parts)
    _take_back(files, parts)
    _drop_unlabelled(files, parts)
    contents = {part: " ".join(entry.contents) for part, entry in parts.items()}
    return Catalogue(
        matched.classes,
        parts["train"].listing,
        parts["validation"].listing if "validation" in parts else None,
        _content(spec, contents) + (_MAPPED if matched.mapped else ""),
        test=parts["test"].listing if "test" in parts else None,
        test_content=contents.get("test", ""),
        parts=tuple(entry.origin for entry in parts.values()),
        unused=files.unused.entries(),
        notes=(
            *files.notes,
            *_empty_notes(files.parts, rows),
            *matched.notes,
            *(entry.note for entry in parts.values() if entry.note),
        ),
    )


def _part(
    spec: ParquetData,
    names: PartNames,
    rows: Sequence[_FileRows],
    labels: Sequence[Labels],
    patient: bool,
) -> _ListedPart:
    """List a part by its rows, or by the files that they name. DataError: some are of each kind."""
    filled = [entry for entry in rows if len(entry.labels.ids)]
    by_path = [entry for entry in filled if entry.paths is not None]
    if not by_path:
        listing = ParquetListing(
            names.location,
            names.names,
            np.concatenate(labels),
            spec.image_column,
            tuple(map(len, labels)),
        )
        origin = FoundPart(names.where, len(listing.labels))
        return _ListedPart(listing, tuple(entry.content for entry in rows), origin)
    if len(by_path) < len(filled):
        raise DataError(
            f"{len(by_path):,} of {len(filled):,} files have paths in place of images",
            where=names.where,
            allowed="images in all files of a part, or paths in all",
            next_step="write them in the same way, or name the files to use",
        )
    paths = [entry.paths or () for entry in rows]
    images = path_images(spec, names, list(map(PathRows, paths, labels)), patient)
    contents = [f"{entry.content} {own}" for entry, own in zip(rows, images.contents, strict=True)]
    origin = FoundPart(names.where, sum(map(len, paths)), images.left_out.entries())
    return _ListedPart(images.listing, tuple(contents), origin, images.note)


def _take_back(files: FilesByPart, parts: Mapping[PartName, _ListedPart]) -> None:
    """Count images no longer as files that are not Parquet, where Parquet names them."""
    roots = {names.location.where for names in files.parts.values()}
    listings = [entry.listing for entry in parts.values()]
    files_by_path = [entry for entry in listings if isinstance(entry, FileListing)]
    within = [entry.names for entry in files_by_path if entry.location.where in roots]
    names = set[str]().union(*within)
    counted = [name for name in names if not name.startswith(".") and "/." not in name]
    files.unused.take_back(NOT_PARQUET, counted)


def _drop_unlabelled(files: FilesByPart, parts: dict[PartName, _ListedPart]) -> None:
    """Count the rows of a test part that has no labels, and drop it."""
    if "test" in parts and _is_unlabelled(parts["test"].listing.labels):
        count = parts.pop("test").origin.entries
        reason = "rows of a test part without labels (-1)"
        files.unused.add(reason, files.parts["test"].where, count)


def _check_filled(names: PartNames, rows: Sequence[_FileRows]) -> None:
    if not any(len(entry.labels.ids) for entry in rows):
        raise DataError(
            "the training split is empty: none of its files has a row",
            where=names.where,
            next_step="check `path`",
        )


def _is_unlabelled(labels: Labels) -> bool:
    return len(labels) > 0 and bool((labels < 0).all())


def _empty_notes(
    parts: Mapping[PartName, PartNames], rows: Mapping[PartName, Sequence[_FileRows]]
) -> Iterator[str]:
    """Tell the files without rows of each part."""
    for part, names in parts.items():
        empty = [n for n, e in zip(names.names, rows[part], strict=True) if not len(e.labels.ids)]
        if empty:
            listed = ", ".join(map(as_utf8, empty[:EXAMPLES]))
            yield f"{len(empty):,} of {len(names.names):,} {part} files have no rows: {listed}"


def _read(spec: ParquetData, names: PartNames) -> list[_FileRows]:
    read = partial(_file_rows, spec, names.location)
    return list(read_ahead(read, names.names, names.location.parallel_reads))


def _file_rows(spec: ParquetData, location: FileLocation, name: str) -> _FileRows:
    """Return a file's labels and the hash of its content."""
    where = as_utf8(location.address(name))
    try:
        with opened_parquet(location, name) as parquet:
            check_claims(parquet)
            schema = parquet.reader.schema_arrow
            kind = image_kind(schema, parquet.reader.metadata, spec, where)
            column = parquet.column(spec.label_column)
            declared = class_names(schema, spec.label_column)
            labels = read_labels(column, declared, spec.label_column, where)
            paths = None
            if kind == "paths":
                paths = image_paths(parquet.column(spec.image_column))
            return _FileRows(labels, location.content(name).hex(), paths)
    except (PermissionError, UnfitFileError) as error:
        raise unreadable(where, error) from None
    except (pa.ArrowException, OSError) as error:
        raise no_parquet(where, str(error)) from error


def _content(spec: ParquetData, contents: Mapping[PartName, str]) -> str:
    """Hash the files that training sees."""
    if "validation" not in contents:
        return contents["train"]
    # Never change the first form: it is part of the id of stored jobs. Files that a folder's
    # layout makes the validation part were training data before, under the same text.
    between = " " if spec.validation_path else " validation "
    return f"{contents['train']}{between}{contents['validation']}"


def _check_different(
    names_by_part: Mapping[PartName, PartNames],
    rows: Mapping[PartName, Sequence[_FileRows]],
    parts: Mapping[PartName, _ListedPart],
) -> None:
    """Raise DataError where two files have the same content, which is not that of no rows."""
    address_by_content: dict[str, str] = {}
    for part, names in names_by_part.items():
        for name, entry, content in zip(names.names, rows[part], parts[part].contents, strict=True):
            address = as_utf8(names.location.address(name))
            first = address_by_content.setdefault(content, address)
            if first is not address and len(entry.labels.ids):
                same = "the same file" if first == address else f"identical to {first}"
                raise DataError(
                    f"{same}, which is in the data already",
                    where=address,
                    allowed="each file once, in one part",
                    next_step=f"remove the copy, or name another file for the {part} part",
                )
