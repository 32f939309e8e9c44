"""What a path leads to that is not the data which a source reads, and what to write instead."""

import os
import shlex
from difflib import get_close_matches

from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.data.listing.split_names import part_of
from compound.schemas.errors import DataError

_ARCHIVES = {".zip": "python -m zipfile -e {file} {to}", ".tar": "tar -xf {file} -C {to}"}
_ARCHIVES |= dict.fromkeys((".gz", ".tgz", ".bz2", ".xz"), "tar -xf {file} -C {to}")
_CHECK = "check `path`"
_ABOVE = 3
"""Folders above the one that is named in which the class folders are looked for."""


def no_folder(path: str) -> DataError:
    """Return the error of a folder that is not there, or that is a file."""
    stem, suffix = os.path.splitext(path)
    if not os.path.isfile(path):
        near = _neighbour(path)
        hint = f", did you mean '{as_utf8(near)}'?" if near else ""
        step = f"write `path: {as_utf8(near)}`" if near else f"{_CHECK}: {_relative(path)}"
        return DataError(f"no such folder{hint}", where=path, next_step=step)
    if suffix in _ARCHIVES:
        to = stem.removesuffix(".tar")
        unpack = _ARCHIVES[suffix].format(file=shlex.quote(path), to=shlex.quote(to))
        step = f"mkdir -p {shlex.quote(to)} && {unpack}, then write `path: {to}`"
        return DataError("no such folder: it is an archive", where=path, next_step=step)
    is_parquet = suffix == ".parquet"
    return DataError(
        f"no such folder: it is a {'Parquet ' * is_parquet}file",
        where=path,
        next_step="write `source: parquet`" if is_parquet else _CHECK,
    )


def _relative(path: str) -> str:
    if os.path.isabs(path) or "://" in path:
        return "`ls` shows what is there"
    return f"it is relative to the folder of the command, {as_utf8(os.getcwd())}"


def _neighbour(path: str) -> str:
    """Return the path of a similar name beside a path; "" where there is none."""
    folder, name = os.path.split(path.rstrip("/"))
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return ""
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return os.path.join(folder, near[0]) if near else ""


def step_to_classes(path: str) -> str:
    """Return what to do about a folder without class folders: often those lie above it."""
    above = path.rstrip("/")
    for _ in range(_ABOVE):
        above = os.path.dirname(above)
        if above and "://" not in path and _holds_parts(above):
            return f"write `path: {as_utf8(above)}`"
    folder = shlex.quote(as_utf8(path.rstrip("/")))
    return (
        "set `path` to the folder that holds `train`, or the class folders; or sort the images: "
        f"mkdir -p {folder}/train/CLASS for each class, and move its images there"
    )


def _holds_parts(folder: str) -> bool:
    try:
        names = os.listdir(folder)
    except OSError:
        return False
    return any(part_of(name) == "train" for name in names)


def step_to_parquet(path: str, usual: str) -> str:
    """Return what to do where a path has no Parquet: for images and CSV a step of its own."""
    if "://" not in path and os.path.isdir(path) and _holds_parts(path):
        return "write `source: image_folder`"
    if path.endswith(".csv") and os.path.isfile(path):
        name = os.path.relpath(path)
        code = (
            "from pyarrow import csv, parquet; "
            f"parquet.write_table(csv.read_csv({name!r}), {name[:-4] + '.parquet'!r})"
        )
        return f"python -c {shlex.quote(code)}, then write `path: {name[:-4]}.parquet`"
    return usual
