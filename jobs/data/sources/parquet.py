"""Parquet files of encoded images, as Hugging Face data sets write them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from compound.jobs.data.listing.file_location import FileLocation, unreadable
from compound.jobs.data.listing.left_out import FoundPart, as_utf8
from compound.jobs.data.listing.parquet_files import PartNames, part_files
from compound.jobs.data.listing.read_ahead import read_ahead
from compound.jobs.data.sources.catalogue import Catalogue
from compound.jobs.data.sources.class_labels import FileLabels, is_text, match, read_labels
from compound.jobs.data.sources.dataset import Indices, Labels
from compound.schemas.data import ParquetData
from compound.schemas.data_ledger import PartName
from compound.schemas.errors import DataError

_ROWS = 1024
"""Rows that are decoded from Parquet at a time: a whole row group may hold gigabytes of images."""


_MAPPED = " classes by name"
"""Part of the hash where labels are mapped, which were numbers of another order before."""


@dataclass(frozen=True)
class _FileRows:
    """What one reading of a file's labels gives."""

    labels: FileLabels
    content: str


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
    """List the rows of a spec's files.

    DataError: no such file, parts that are not clear, wrong columns, labels that are missing or do
    not match, or one file in two parts. `patient`: see `file_location.location_of`.
    """
    files = part_files(spec, patient)
    rows = {part: _read(spec, names) for part, names in files.parts.items()}
    _check_different(files.parts, rows)
    everything = [entry.labels for part in rows.values() for entry in part]
    in_train = len(rows["train"])
    matched = match(everything[:in_train], everything[in_train:])
    listings, start = {}, 0
    for part, names in files.parts.items():
        labels = matched.labels[start : start + len(names.names)]
        start += len(names.names)
        listings[part] = ParquetListing(
            names.location,
            names.names,
            np.concatenate(labels),
            spec.image_column,
            tuple(map(len, labels)),
        )
    if "test" in listings and (listings["test"].labels < 0).all():
        unlabelled = listings.pop("test")
        files.unused.add(
            "rows of a test part without labels (-1)",
            files.parts["test"].where,
            len(unlabelled.labels),
        )
    return Catalogue(
        matched.classes,
        listings["train"],
        listings.get("validation"),
        _content(spec, rows) + (_MAPPED if matched.mapped else ""),
        test=listings.get("test"),
        test_content=_joined(rows["test"]) if "test" in listings else "",
        parts=tuple(
            FoundPart(files.parts[part].where, len(listing.labels))
            for part, listing in listings.items()
        ),
        unused=files.unused.entries(),
        notes=matched.notes,
    )


def _read(spec: ParquetData, names: PartNames) -> list[_FileRows]:
    read = partial(_file_rows, spec, names.location)
    return list(read_ahead(read, names.names, names.location.parallel_reads))


def _file_rows(spec: ParquetData, location: FileLocation, name: str) -> _FileRows:
    """Return a file's labels and the hash of its content."""
    where = as_utf8(location.address(name))
    try:
        with location.opened(name) as file:
            schema = pq.read_schema(file)
            _check_columns(schema, spec, where)
            _check_embedded(pq.read_metadata(file), spec.image_column, where)
            column = pq.read_table(file, columns=[spec.label_column]).column(spec.label_column)
            declared = _class_names(schema, spec.label_column)
            labels = read_labels(column, declared, spec.label_column, where)
            return _FileRows(labels, location.content(name).hex())
    except PermissionError as error:
        raise unreadable(where, error) from None
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"not a readable Parquet file: {error}",
            where=where,
            next_step="write or download it again, or name another file",
        ) from error


def _joined(rows: Sequence[_FileRows]) -> str:
    return " ".join(entry.content for entry in rows)


def _content(spec: ParquetData, rows: Mapping[PartName, Sequence[_FileRows]]) -> str:
    """Hash the files that training sees."""
    train = _joined(rows["train"])
    if "validation" not in rows:
        return train
    # Never change the first form: it is part of the id of stored jobs. Files that a folder's
    # layout makes the validation part were training data before, under the same text.
    between = " " if spec.validation_path else " validation "
    return f"{train}{between}{_joined(rows['validation'])}"


def _check_different(
    parts: Mapping[PartName, PartNames], rows: Mapping[PartName, Sequence[_FileRows]]
) -> None:
    """Raise DataError where two files have the same content."""
    address_by_content: dict[str, str] = {}
    for part, names in parts.items():
        for name, entry in zip(names.names, rows[part], strict=True):
            address = as_utf8(names.location.address(name))
            first = address_by_content.setdefault(entry.content, address)
            if first is not address:
                same = "the same file" if first == address else f"identical to {first}"
                raise DataError(
                    f"{same}, which is in the data already",
                    where=address,
                    allowed="each file once, in one part",
                    next_step=f"remove the copy, or name another file for the {part} part",
                )


def _check_columns(schema: pa.Schema, spec: ParquetData, where: str) -> None:
    for column in (spec.image_column, spec.label_column):
        if column not in schema.names:
            raise _wrong_column(f"no column {column!r}", schema, where)
    images, labels = (schema.field(c).type for c in (spec.image_column, spec.label_column))
    if is_text(images):
        raise _not_embedded(f"column {spec.image_column!r} has texts, not images", where)
    if not _is_images(images):
        raise _wrong_column(
            f"column {spec.image_column!r} has the type {images}, not struct<bytes, path> or "
            "binary",
            schema,
            where,
        )
    if pa.types.is_nested(labels) or _is_binary(labels):
        raise _wrong_column(
            f"column {spec.label_column!r} has the type {labels}, not integers or texts",
            schema,
            where,
        )


def _not_embedded(problem: str, where: str) -> DataError:
    return DataError(
        problem,
        where=where,
        allowed="the encoded bytes of each image in the file",
        next_step="embed them, as `Dataset.push_to_hub` and `embed_external_files` of Hugging "
        "Face's `datasets` do, or use `source: image_folder`",
    )


def _check_embedded(metadata: pq.FileMetaData, column: str, where: str) -> None:
    """Raise DataError where all bytes are null: the images lie elsewhere."""
    paths = {column, f"{column}.bytes"}
    missing = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for index in range(group.num_columns):
            chunk = group.column(index)
            if chunk.path_in_schema in paths and chunk.statistics is not None:
                missing += chunk.statistics.null_count or 0
    if missing == metadata.num_rows > 0:
        raise _not_embedded(
            f"the images are not embedded: all {missing:,} bytes of column {column!r} are null, "
            "and only their paths are in the file",
            where,
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
