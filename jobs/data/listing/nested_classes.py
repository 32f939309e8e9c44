"""Tells class folders that may be parts: the classes may be the folders in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.data.listing.split_names import is_like_part

_LISTED = 5


def nested_notes(images: Mapping[str, Sequence[str]], folder: str) -> Iterator[str]:
    """Tell class folders that all hold the same folders, or that are called like a part.

    `images`: the files of each class folder by their names under the root, in the part `folder`.
    """
    depth = folder.count("/") + 2 if folder else 1
    inside = {name: _folders(files, depth) for name, files in images.items() if files}
    same = set.intersection(*inside.values()) if inside else set()
    if len(inside) > 1 and len(same) > 1:
        yield (
            f"all class folders ({_listed(inside)}) hold the same folders ({_listed(same)}), and "
            "no image beside them: if these are the classes, and those are parts, call the parts "
            "`train` and `val`"
        )
    for name, folders in inside.items():
        if len(folders) > 1 and is_like_part(name):
            yield f"`{as_utf8(name)}` counts as a class, but its name is like that of a part"


def _folders(names: Sequence[str], depth: int) -> set[str]:
    """Return the folders in which all images of a class lie; none where one lies beside them.

    `depth`: how many folders are above those.
    """
    folders = set()
    for name in names:
        steps = name.split("/", depth + 1)
        if len(steps) < depth + 2:
            return set()
        folders.add(steps[depth])
    return folders


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(map(as_utf8, names))
    return ", ".join(ordered[:_LISTED]) + (" and more" if len(ordered) > _LISTED else "")
