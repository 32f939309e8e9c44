"""Commands that move the folders of a data set to where they are understood."""

import shlex
from collections.abc import Iterable

from compound.jobs.data.listing.file_location import FileLocation
from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.data.listing.split_names import part_of


def rename_command(location: FileLocation, pairs: Iterable[tuple[str, str]]) -> str:
    """Return the command that gives folders other names; names are those under the root."""
    tool = "aws s3 mv --recursive" if _is_bucket(location) else "mv -T"
    return " && ".join(
        f"{tool} {_quoted(location, old)} {_quoted(location, new)}" for old, new in pairs
    )


def sort_by_part(location: FileLocation, name: str) -> str:
    """Return the step from `CLASS/train/` to `train/CLASS/`, as a copy beside the data.

    `name` is that of a part's folder in a class.
    """
    if _is_bucket(location):
        return f"move the objects of `CLASS/{name}/` to `{name}/CLASS/`"
    classes = location.folders("") or []
    inside = {sub for folder in classes for sub in location.folders(folder) or () if part_of(sub)}
    copy = location.address("").rstrip("/") + "-by-part"
    source, target = _quoted(location, ""), shlex.quote(as_utf8(copy))
    folders = " ".join(f"*/{shlex.quote(as_utf8(sub))}" for sub in sorted(inside))
    return (
        f"set `path: {as_utf8(copy)}`, which this copies the images to: (cd {source} && "
        f'for d in {folders}; do mkdir -p {target}/"${{d##*/}}" && '
        f'cp -rLT "$d" {target}/"${{d##*/}}/${{d%/*}}"; done)'
    )


def _is_bucket(location: FileLocation) -> bool:
    return location.where.startswith("s3:")


def _quoted(location: FileLocation, name: str) -> str:
    return shlex.quote(as_utf8(location.address(name)))
