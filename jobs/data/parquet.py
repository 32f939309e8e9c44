"""Parquet files of encoded images, as Hugging Face data sets write them."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.data.dataset import MAX_CLASSES, Indices, Labels, check_labels
from jobs.data.encoded import Catalogue
from schemas.data import ParquetData
from schemas.errors import DataError

_ROWS = 1024


@dataclass(frozen=True)
class ParquetListing:
    """The rows of one or more Parquet files, in the order of the files' names."""

    files: tuple[Path, ...]
    labels: Labels
    image_column: str

    def images(self, indices: Indices) -> Iterator[tuple[str, bytes]]:
        """Yield name and bytes of the rows at ascending indices, a batch of rows at a time."""
        start = 0
        for file in self.files:
            with pq.ParquetFile(file) as reader:
                for group in range(reader.num_row_groups):
                    end = start + reader.metadata.row_group(group).num_rows
                    if np.searchsorted(indices, start) < np.searchsorted(indices, end):
                        yield from self._rows(reader, group, start, indices, file.name)
                    start = end

    def _rows(
        self, reader: pq.ParquetFile, group: int, start: int, indices: Indices, file: str
    ) -> Iterator[tuple[str, bytes]]:
        columns = [self.image_column]
        for batch in reader.iter_batches(_ROWS, row_groups=[group], columns=columns):
            first, last = np.searchsorted(indices, [start, start + len(batch)])
            rows = indices[first:last]
            names, encoded = fields(batch.column(0).take(pa.array(rows - start)))
            for row, name, data in zip(rows, names, encoded, strict=True):
                yield f"{file} row {row}" + (f" ({name})" if name else ""), data or b""
            start += len(batch)


def catalogue(spec: ParquetData) -> Catalogue:
    """List the rows of a spec's files. DataError: no such file, wrong columns, no labels."""
    train, names, content = _listing(spec, spec.path)
    classes = names or _numbered(train.labels, spec.path)
    if spec.validation_path is None:
        return Catalogue(classes, train, None, content)
    validation, _, held_content = _listing(spec, spec.validation_path)
    return Catalogue(classes, train, validation, f"{content} {held_content}")


def _listing(spec: ParquetData, path: str) -> tuple[ParquetListing, tuple[str, ...], str]:
    files = _files(path)
    names: tuple[str, ...] = ()
    labels = []
    for file in files:
        schema = _schema(file)
        _check_columns(schema, spec, str(file))
        names = names or _class_names(schema, spec.label_column)
        labels.append(_labels(file, spec.label_column))
    listing = ParquetListing(files, np.concatenate(labels), spec.image_column)
    return listing, names, " ".join(_digest(file) for file in files)


def _files(path: str) -> tuple[Path, ...]:
    root = Path(path)
    files = tuple(sorted(root.glob("*.parquet"))) if root.is_dir() else (root,)
    if not files or not files[0].exists():
        what = "no Parquet file in this folder" if root.is_dir() else "no such file or folder"
        raise DataError(what, where=path, next_step="check `path` and `validation_path`")
    return files


def _schema(file: Path) -> pa.Schema:
    try:
        return pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"not a readable Parquet file: {error}", where=str(file)) from error


def _check_columns(schema: pa.Schema, spec: ParquetData, where: str) -> None:
    for column, wanted, fits in (
        (spec.image_column, "struct<bytes, path> or binary", _holds_images),
        (spec.label_column, "integers", pa.types.is_integer),
    ):
        if column not in schema.names:
            raise _wrong_column(f"no column {column!r}", schema, where)
        kind = schema.field(column).type
        if not fits(kind):
            raise _wrong_column(f"column {column!r} holds {kind}, not {wanted}", schema, where)


def _wrong_column(what: str, schema: pa.Schema, where: str) -> DataError:
    there = ", ".join(f"{field.name}: {field.type}" for field in schema)
    return DataError(
        what,
        where=where,
        allowed=f"the file has {there}",
        next_step="set `image_column` and `label_column`",
    )


def _holds_images(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_binary(kind.field(index).type)
    return _is_binary(kind)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _labels(file: Path, column: str) -> Labels:
    labels = pq.read_table(file, columns=[column]).column(column)
    if labels.null_count:
        raise DataError(
            f"{labels.null_count:,} of {len(labels):,} labels are missing",
            where=str(file),
            next_step="drop the rows without a label",
        )
    return np.asarray(labels.cast(pa.int64()).to_numpy(), dtype=np.int64)


def _numbered(labels: Labels, where: str) -> tuple[str, ...]:
    """Name the classes 0 to the largest label, for files that name none."""
    count = int(labels.max(initial=0)) + 1
    check_labels(labels, min(count, MAX_CLASSES), where)
    return tuple(str(label) for label in range(count))


def _class_names(schema: pa.Schema, column: str) -> tuple[str, ...]:
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return tuple(str(name) for name in features[column]["names"])
    except (KeyError, TypeError, ValueError):
        return ()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fields(images: pa.Array) -> tuple[list[str | None], list[bytes | None]]:
    """Return the paths and the encoded bytes of some rows; None where there are none."""
    if not pa.types.is_struct(images.type):
        return [None] * len(images), images.to_pylist()
    encoded: list[bytes | None] = pc.struct_field(images, "bytes").to_pylist()
    if images.type.get_field_index("path") < 0:
        return [None] * len(images), encoded
    return pc.struct_field(images, "path").to_pylist(), encoded
