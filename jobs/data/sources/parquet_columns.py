"""The columns of a Parquet file: which images and labels they hold, and whether they fit."""

import json
from difflib import get_close_matches
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from compound.jobs.data.listing.hive_folders import column_in_folders, column_in_path
from compound.jobs.data.sources.class_labels import is_text
from compound.schemas.data import ParquetData
from compound.schemas.errors import DataError

ImageKind = Literal["bytes", "paths"]


def image_kind(
    schema: pa.Schema, metadata: pq.FileMetaData, spec: ParquetData, where: str
) -> ImageKind:
    """Return whether a file has its images' bytes or only their paths. DataError: neither.

    Without rows the types of the columns do not matter: writers choose one when they see no value.
    """
    _check_names(schema, spec, where)
    if not metadata.num_rows:
        return "bytes"
    _check_types(schema, spec, where)
    column = schema.field(spec.image_column)
    if is_text(column.type):
        return "paths"
    if not pa.types.is_struct(column.type):
        return "bytes"
    has_bytes = column.type.get_field_index("bytes") >= 0
    if has_bytes and not _all_null(metadata, f"{spec.image_column}.bytes"):
        return "bytes"
    if _has_paths(column.type):
        return "paths"
    raise DataError(
        f"all {metadata.num_rows:,} bytes of column {spec.image_column!r} are null, and it has no "
        "paths",
        where=where,
        allowed="the encoded bytes of each image, or its path",
        next_step="embed them, as `Dataset.push_to_hub` and `embed_external_files` of Hugging "
        "Face's `datasets` do",
    )


def image_paths(images: pa.ChunkedArray) -> list[str | None]:
    """Return the paths of a column of images: of texts, or of structs with a path."""
    if pa.types.is_struct(images.type):
        images = pc.struct_field(images, "path")
    paths: list[str | None] = images.to_pylist()
    return paths


def _has_paths(kind: pa.DataType) -> bool:
    index = kind.get_field_index("path")
    return index >= 0 and is_text(kind.field(index).type)


def _all_null(metadata: pq.FileMetaData, path: str) -> bool:
    """Return whether every value of a column is null, as the file's statistics tell."""
    missing = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for index in range(group.num_columns):
            chunk = group.column(index)
            if chunk.path_in_schema == path and chunk.statistics is not None:
                missing += chunk.statistics.null_count or 0
    return bool(missing == metadata.num_rows > 0)


def _check_names(schema: pa.Schema, spec: ParquetData, where: str) -> None:
    for column in (spec.image_column, spec.label_column):
        count = schema.names.count(column)
        root = column_in_path(where, column) if column == spec.label_column else None
        if not count and root is not None:
            raise column_in_folders(root, column)
        if not count:
            raise _no_column(
                column, "image" if column == spec.image_column else "label", schema, where
            )
        if count > 1:
            raise _ambiguous(column, count, schema, where)


def _check_types(schema: pa.Schema, spec: ParquetData, where: str) -> None:
    images, labels = (schema.field(c).type for c in (spec.image_column, spec.label_column))
    if not _is_images(images):
        raise _wrong_column(
            f"column {spec.image_column!r} has the type {images}, not struct<bytes, path>, binary "
            "or paths",
            schema,
            where,
        )
    if pa.types.is_nested(labels) or _is_binary(labels):
        raise _wrong_column(
            f"column {spec.label_column!r} has the type {labels}, not integers or texts",
            schema,
            where,
        )


def _ambiguous(column: str, count: int, schema: pa.Schema, where: str) -> DataError:
    error = _wrong_column(f"{count} columns are called {column!r}", schema, where)
    error.next_step = (
        "give one of them another name, or name another column with `image_column` or "
        "`label_column`"
    )
    return error


def _no_column(column: str, role: str, schema: pa.Schema, where: str) -> DataError:
    near = [*get_close_matches(column, schema.names, n=1), *{role} & {*schema.names}]
    error = _wrong_column(f"no column {column!r}", schema, where)
    if near:
        error.next_step = f"write `{role}_column: {near[0]}`"
    return error


def _wrong_column(problem: str, schema: pa.Schema, where: str) -> DataError:
    columns = ", ".join(f"{field.name}: {field.type}" for field in schema)
    return DataError(
        problem,
        where=where,
        allowed=f"the file has {columns}",
        next_step="set `image_column` and `label_column`",
    )


def _is_images(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return _is_binary(kind) or is_text(kind)
    index = kind.get_field_index("bytes")
    if index < 0 or pa.types.is_null(kind.field(index).type):
        return _has_paths(kind)
    return _is_binary(kind.field(index).type)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def class_names(schema: pa.Schema, column: str) -> tuple[str, ...]:
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
