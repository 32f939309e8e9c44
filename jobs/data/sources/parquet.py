"""Parquet files of encoded images, as Hugging Face data sets write them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from compound.jobs.data.sources.dataset import MAX_CLASSES, Indices, Labels, check_labels
from compound.jobs.data.sources.encoded import Catalogue
from compound.jobs.data.sources.file_location import FileLocation, location_of, split_address
from compound.jobs.data.sources.read_ahead import read_ahead
from compound.schemas.data import ParquetData
from compound.schemas.errors import DataError

_ROWS = 1024
"""Rows that are decoded from Parquet at a time: a whole row group may hold gigabytes of images."""


@dataclass(frozen=True)
class ParquetListing:
    """The rows of one or more Parquet files, in the order of the files' names."""

    location: FileLocation
    names: tuple[str, ...]
    """Of the files, as the location names them."""
    labels: Labels
    image_column: str

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of the rows at ascending indices, a batch of rows at a time."""
        start = 0
        for name in self.names:
            with self.location.opened(name) as file, pq.ParquetFile(file) as reader:
                for group in range(reader.num_row_groups):
                    end = start + reader.metadata.row_group(group).num_rows
                    if np.searchsorted(indices, start) < np.searchsorted(indices, end):
                        yield from self._rows(reader, group, start, indices, name)
                    start = end

    def _rows(
        self, reader: pq.ParquetFile, group: int, start: int, indices: Indices, file: str
    ) -> Iterator[tuple[str, bytes]]:
        columns = [self.image_column]
        for batch in reader.iter_batches(_ROWS, row_groups=[group], columns=columns):
            first, last = np.searchsorted(indices, [start, start + len(batch)])
            rows = indices[first:last]
            # Only the rows in use become Python objects: `take` copies inside Arrow.
            names, encoded = fields(batch.column(0).take(pa.array(rows - start)))
            for row, name, data in zip(rows, names, encoded, strict=True):
                yield f"{file} row {row}" + (f" ({name})" if name else ""), data or b""
            start += len(batch)


def catalogue(spec: ParquetData, patient: bool = True) -> Catalogue:
    """List the rows of a spec's files. DataError: no such file, wrong columns, no labels.

    `patient`: see `file_location.location_of`.
    """
    train, names, content = _listing(spec, spec.path, patient)
    classes = names or _numbered(train.labels, spec.path)
    if spec.validation_path is None:
        return Catalogue(classes, train, None, content)
    validation, _, held_out_content = _listing(spec, spec.validation_path, patient)
    return Catalogue(classes, train, validation, f"{content} {held_out_content}")


def _listing(
    spec: ParquetData, path: str, patient: bool
) -> tuple[ParquetListing, tuple[str, ...], str]:
    location, files = _files(path, patient)
    classes: tuple[str, ...] = ()
    labels = []
    read = partial(_classes_and_labels, spec, location)
    for file_classes, file_labels in read_ahead(read, files, location.parallel_reads):
        classes = classes or file_classes
        labels.append(file_labels)
    listing = ParquetListing(location, files, np.concatenate(labels), spec.image_column)
    return listing, classes, " ".join(location.content(name).hex() for name in files)


def _classes_and_labels(
    spec: ParquetData, location: FileLocation, name: str
) -> tuple[tuple[str, ...], Labels]:
    """Return the names of the classes, if the file has them, and its labels."""
    where = location.address(name)
    try:
        with location.opened(name) as file:
            schema = pq.read_schema(file)
            _check_columns(schema, spec, where)
            return _class_names(schema, spec.label_column), _labels(file, spec.label_column, where)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"not a readable Parquet file: {error}", where=where) from error


def _files(path: str, patient: bool) -> tuple[FileLocation, tuple[str, ...]]:
    location = location_of(path, patient=patient)
    names = tuple(name for name in location.files("") if name.endswith(".parquet"))
    if names:
        return location, names
    if location.folders("") is not None:
        raise _no_file("no Parquet file in this folder", path)
    root, name = split_address(path)
    parent = location_of(root, patient=patient)
    if name not in parent.files(name.rpartition("/")[0]):
        raise _no_file("no such file or folder", path)
    return parent, (name,)


def _no_file(problem: str, path: str) -> DataError:
    return DataError(problem, where=path, next_step="check `path` and `validation_path`")


def _check_columns(schema: pa.Schema, spec: ParquetData, where: str) -> None:
    for column, expected, fits in (
        (spec.image_column, "struct<bytes, path> or binary", _is_images),
        (spec.label_column, "integers", pa.types.is_integer),
    ):
        if column not in schema.names:
            raise _wrong_column(f"no column {column!r}", schema, where)
        kind = schema.field(column).type
        if not fits(kind):
            raise _wrong_column(
                f"column {column!r} has the type {kind}, not {expected}", schema, where
            )


def _wrong_column(problem: str, schema: pa.Schema, where: str) -> DataError:
    columns = ", ".join(f"{field.name}: {field.type}" for field in schema)
    return DataError(
        problem,
        where=where,
        allowed=f"the file has {columns}",
        next_step="set `image_column` and `label_column`",
    )


def _is_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_binary(kind.field(index).type)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _labels(file: BinaryIO, column: str, where: str) -> Labels:
    labels = pq.read_table(file, columns=[column]).column(column)
    if labels.null_count:
        raise DataError(
            f"{labels.null_count:,} of {len(labels):,} labels are missing",
            where=where,
            next_step="drop the rows without a label",
        )
    return np.asarray(labels.cast(pa.int64()).to_numpy(), dtype=np.int64)


def _numbered(labels: Labels, where: str) -> tuple[str, ...]:
    """Name the classes 0 to the largest label, for files that name none."""
    count = int(labels.max(initial=0)) + 1
    check_labels(labels, min(count, MAX_CLASSES), where)
    return tuple(str(label) for label in range(count))


def _class_names(schema: pa.Schema, column: str) -> tuple[str, ...]:
    # Hugging Face's `datasets` writes the features of a table as JSON under this key of its schema.
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features[column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()


def fields(images: pa.Array) -> tuple[list[str | None], list[bytes | None]]:
    """Return the paths and the encoded bytes of some rows; None where there are none."""
    if not pa.types.is_struct(images.type):
        return [None] * len(images), images.to_pylist()
    encoded: list[bytes | None] = pc.struct_field(images, "bytes").to_pylist()
    if images.type.get_field_index("path") < 0:
        return [None] * len(images), encoded
    return pc.struct_field(images, "path").to_pylist(), encoded
