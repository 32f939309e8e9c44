"""What an entry of a folder on disk is: a folder, a file, or a link that is not followed."""

import errno
import os
from pathlib import PurePath

FOLDER, FILE = "a folder", "a file"
BROKEN_LINK = "a broken link"
LINK_ABOVE = "a link to a folder above it"
LINK_TO_ITSELF = "a link that leads to itself"
NOT_FOLLOWED = frozenset((LINK_ABOVE, LINK_TO_ITSELF))
NO_PERMISSION = "no permission to read"
UNREADABLE = "cannot be read"


def kind_of(entry: os.DirEntry[str], top: str, folder: str) -> str:
    """Return FOLDER, FILE, or why the entry is neither.

    The entry lies in `folder`, a name under the root `top`; "" is the root itself.
    """
    try:
        # The entries of scandir carry the type: a folder of a million images needs no `stat` of
        # each.
        if entry.is_dir():
            above = entry.is_symlink() and _leads_above(entry.path, top, folder)
            return LINK_ABOVE if above else FOLDER
        if entry.is_file():
            return FILE
        return BROKEN_LINK if entry.is_symlink() else "neither file nor folder"
    except OSError as error:
        return LINK_TO_ITSELF if error.errno == errno.ELOOP else reason_of_error(error)


def reason_of_error(error: OSError) -> str:
    """Return why a file is left out that the operating system does not open."""
    return NO_PERMISSION if isinstance(error, PermissionError) else UNREADABLE


def _leads_above(link: str, top: str, folder: str) -> bool:
    """Return whether a link leads to a folder that it lies in, by its name or where that lies."""
    target = PurePath(os.path.realpath(link))
    steps = folder.split("/") if folder else []
    names = (os.path.join(top, *steps[:end]) for end in range(len(steps) + 1))
    return any(PurePath(os.path.realpath(name)).is_relative_to(target) for name in names)
