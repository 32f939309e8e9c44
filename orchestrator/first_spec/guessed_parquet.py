"""Parquet as a person names it: which columns are images and labels, and which files are parts."""

import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from compound.jobs.data.listing.parquet_files import part_files
from compound.jobs.data.listing.parquet_names import is_parquet, without_suffix
from compound.jobs.data.listing.split_names import parts_in
from compound.jobs.data.sources.parquet_file import opened_parquet
from compound.orchestrator.first_spec.guessed_folder import no_such_path, refuse_other_files
from compound.orchestrator.wording.commands import command
from compound.schemas.data import ParquetData
from compound.schemas.errors import DataError

_IMAGES = ("image", "img", "images", "picture", "photo", "jpg", "png", "bytes", "image_bytes")
_LABELS = ("label", "labels", "class", "category", "target", "y", "species", "cls")
_WILD = frozenset("*?[")
_FINE = "fine_label"
"""CIFAR-100's finer classes."""
_NO_LABELS = ("id", "index", "filename", "file_name", "file", "path", "name", "split", "width")


def guessed_parquet(
    path: str, image_column: str | None = None, label_column: str | None = None
) -> tuple[ParquetData, list[str]]:
    """Return the data of Parquet files, and what was guessed. DataError: no columns fit."""
    if not path.startswith("s3://") and not is_parquet(Path(path).name):
        refuse_other_files(path)
    if not path.startswith("s3://") and not os.path.exists(path) and not _WILD & {*path}:
        raise no_such_path(path, "file or folder", "parquet")
    files, notes = _whole(path)
    schema = _schema(files)
    if schema is None:  # what is wrong with the file is said when it is read
        return files, notes
    images = image_column or _image_column(schema, path)
    labels = label_column or _label_column(schema, images, path)
    for column, chosen, usual in (("images", images, "image"), ("labels", labels, "label")):
        typed = image_column if column == "images" else label_column
        if typed is None and chosen != usual:
            notes.append(f"{column} are taken from the column `{chosen}`")
    columns = {"image_column": images, "label_column": labels}
    return files.model_copy(update=columns), notes


def _whole(path: str) -> tuple[ParquetData, list[str]]:
    """Take the folder of a file that is a part by its name, where it holds the other parts."""
    alone = ParquetData(source="parquet", path=path)
    folder, name = os.path.split(path)
    if path.startswith("s3://") or not parts_in(without_suffix(name)) or not os.path.isfile(path):
        return alone, []
    together = ParquetData(source="parquet", path=folder or ".")
    try:
        parts = part_files(together, patient=False).parts
    except DataError:
        return alone, []
    number = sum(len(part.names) for part in parts.values())
    listed = ", ".join(f"{len(part.names)} of {name}" for name, part in parts.items())
    if number < 2:
        return alone, []
    return together, [f"beside {name} lie other parts, so the folder is taken: {listed}"]


def _schema(files: ParquetData) -> pa.Schema | None:
    """Return the columns of the first training file; None where it cannot be read."""
    train = part_files(files, patient=False).parts["train"]
    try:
        with opened_parquet(train.location, train.names[0]) as parquet:
            return parquet.reader.schema_arrow
    except (OSError, pa.ArrowException, DataError):
        return None


def _image_column(schema: pa.Schema, path: str) -> str:
    """Return the column whose type or name is that of images."""
    binary = [field.name for field in schema if _is_encoded(field.type)]
    if len(binary) == 1:
        return str(binary[0])
    named = [name for name in _IMAGES if name in (binary or schema.names)]
    if named:
        return named[0]
    raise _unclear("images", binary, schema, path)


def _is_encoded(kind: pa.DataType) -> bool:
    """Whether values are bytes, or structs with bytes or paths as Hugging Face writes them."""
    if pa.types.is_struct(kind):
        return any(kind.get_field_index(name) >= 0 for name in ("bytes", "path"))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _label_column(schema: pa.Schema, images: str, path: str) -> str:
    """Return the column that is called as labels are, or the only one that may be labels."""
    by_name = {name.lower(): name for name in schema.names if name != images}
    named: list[str] = [by_name[name] for name in (*_LABELS, _FINE) if name in by_name]
    if named:
        return named[0]
    likely = [
        field.name
        for field in schema
        if field.name != images
        and field.name.lower() not in _NO_LABELS
        and not pa.types.is_nested(field.type)
        and not pa.types.is_floating(field.type)
        and not _is_encoded(field.type)
    ]
    if len(likely) == 1:
        return str(likely[0])
    raise _unclear("labels", likely, schema, path)


def _unclear(subject: str, likely: Sequence[str], schema: pa.Schema, path: str) -> DataError:
    problem = f"no column looks like {subject}"
    problem = f"{len(likely)} columns may be the {subject}" if likely else problem
    columns = ", ".join(f"{field.name}: {field.type}" for field in schema)
    kind = "image" if subject == "images" else "label"
    chosen = likely[0] if likely else "COLUMN"
    return DataError(
        problem,
        where=path,
        allowed=f"whole numbers or texts as labels, encoded images; it has {columns}",
        next_step=command("init", parquet=path, **{f"{kind}_column": chosen}),
    )
