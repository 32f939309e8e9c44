"""Folders that hold a column in their names, as Hive and Spark write them: `label=cat/`."""

import json
import os
import shlex
import sys
from collections.abc import Sequence

from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.data.listing.split_names import part_of
from compound.schemas.errors import DataError

_CODE = (
    'import pyarrow.dataset as d; d.write_dataset(d.dataset({source}, format="parquet", '
    'partitioning="hive", exclude_invalid_files=True), {target}, format="parquet")'
)
"""Writes the columns of the folders' names into the files, a batch of rows at a time."""


def column_in_path(address: str, column: str) -> str | None:
    """Return the folder that holds the folders of a column's values; None: there are none."""
    steps = address.split("/")
    for number, step in enumerate(steps):
        if step.startswith(f"{column}="):
            return "/".join(steps[:number]) or "."
    return None


def column_in_folders(root: str, column: str) -> DataError:
    """Return the error of Parquet whose labels are names of folders."""
    root = root if root.startswith("s3:") else os.path.abspath(root)
    copy = f"{root.rstrip('/')}-with-{column}"
    code = _CODE.format(source=json.dumps(root), target=json.dumps(copy))
    return DataError(
        f"the labels are in the names of the folders, `{column}=...`, not in a column",
        where=as_utf8(root),
        allowed="labels in a column of each file",
        next_step=f"set `path: {as_utf8(copy)}`, which this writes: "
        f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}",
    )


def next_of_folders(root: str, folders: Sequence[str]) -> str:
    """Return the next step where the Parquet files of a path lie in several folders."""
    root = root.rstrip("/")
    parts = {part_of(folder.partition("=")[2]): folder for folder in folders}
    if None not in parts and "train" in parts and len(parts) == len(folders):
        keys = {"train": "path", "validation": "validation_path", "test": "test_path"}
        paths = [f"`{keys[part]}: {root}/{folder}`" for part, folder in parts.items() if part]
        return f"set {' and '.join(map(as_utf8, paths))}"
    return as_utf8(
        f"set `path: {root}/{folders[0]}` to read one of them, or `path: {root}/**/*.parquet` to "
        "read all"
    )
