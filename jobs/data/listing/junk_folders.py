"""Folders that systems and programs make in a data set."""

JUNK = frozenset(
    (
        "__MACOSX",
        "__pycache__",
        "@eaDir",
        "#recycle",
        "$RECYCLE.BIN",
        "lost+found",
        "System Volume Information",
    )
)
"""Folders that systems and programs make beside a user's: never a class."""


def is_junk(folder: str) -> bool:
    """Return whether a folder of this name is no class: hidden, or made by a system."""
    return folder in JUNK or folder.startswith(".")
