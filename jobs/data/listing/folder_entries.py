"""What an entry of a folder on disk is: a folder, a file, or a link that is not followed."""

import errno
import os
from pathlib import PurePath

from compound.jobs.regular_file import UnfitFileError

FOLDER, FILE = "a folder", "a file"
BROKEN_LINK = "a broken link"
LINK_ABOVE = "a link to a folder above it"
LINK_TO_ITSELF = "a link that leads to itself"
NOT_FOLLOWED = frozenset((LINK_ABOVE, LINK_TO_ITSELF))
NO_PERMISSION = "no permission to read"
UNREADABLE = "cannot be read"
NO_FILE = "neither file nor folder"
TOO_LARGE = "larger than 512 MiB"


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
        broken = entry.is_symlink() and not os.path.exists(entry.path)
        return BROKEN_LINK if broken else NO_FILE
    except OSError as error:
        return LINK_TO_ITSELF if error.errno == errno.ELOOP else reason_of_error(error)


def reason_of_error(error: OSError) -> str:
    """Return why a file is left out that the operating system does not open."""
    if isinstance(error, UnfitFileError):
        return TOO_LARGE if error.most else NO_FILE
    return NO_PERMISSION if isinstance(error, PermissionError) else UNREADABLE


def _leads_above(link: str, top: str, folder: str) -> bool:
    """Return whether a link leads to a folder that it lies in, by its name or where that lies."""
    target = PurePath(os.path.realpath(link))
    steps = folder.split("/") if folder else []
    names = (os.path.join(top, *steps[:end]) for end in range(len(steps) + 1))
    return any(PurePath(os.path.realpath(name)).is_relative_to(target) for name in names)
