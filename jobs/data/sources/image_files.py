"""Which files are images: by their suffix, and without a known one by their first bytes."""

from collections.abc import Mapping
from functools import partial

from compound.jobs.data.sources.decode import FORMATS
from compound.jobs.data.sources.file_location import (
    BROKEN_LINK,
    FOLDER_UNREADABLE,
    FileLocation,
    closed_folder,
)
from compound.jobs.data.sources.left_out import LeftOutCounts, printable
from compound.jobs.data.sources.read_ahead import read_ahead
from compound.jobs.data.sources.split_names import part_of
from compound.schemas.errors import DataError

FORMAT_BY_SUFFIX: Mapping[str, str] = {
    **dict.fromkeys((".png", ".apng"), "PNG"),
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
    **dict.fromkeys((".heic", ".heif"), "HEIF"),
    ".webp": "WEBP",
    ".gif": "GIF",
    ".avif": "AVIF",
}
"""Pillow's names of formats. Which of them are decoded, `decode.FORMATS` says."""
_DOCUMENTS = ("txt", "md", "json", "jsonl", "csv", "tsv", "xml", "yaml", "yml", "html", "pdf", "py")
_BINARIES = ("npy", "npz", "pt", "mat", "h5", "log", "db", "ini", "parquet", "svg")
_FILMS_AND_ARCHIVES = ("mov", "mp4", "avi", "mkv", "wav", "mp3", "zip", "tar", "gz", "rar", "7z")
_NO_IMAGES = frozenset(f".{suffix}" for suffix in _DOCUMENTS + _BINARIES + _FILMS_AND_ARCHIVES)
"""Suffixes of files that are not opened to see whether they are images."""
_HEAD = 16
"""Bytes that tell the format of an image."""
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
_SYSTEM_FILES = frozenset(("Thumbs.db", "desktop.ini", "Icon\r"))
_MADE_BY_SYSTEM = "made by a system (Thumbs.db and the like)"
IGNORABLE = ("hidden", "in a hidden folder", _MADE_BY_SYSTEM)
"""Reasons for which a class folder counts as empty where nothing else is in it."""
NO_PERMISSION = "no permission to read"
UNREADABLE = "cannot be read"


def is_junk(folder: str) -> bool:
    """Return whether a folder of this name is no class: hidden, or made by a system."""
    return folder in JUNK or folder.startswith(".")


def images_below(
    location: FileLocation, folder: str, left_out: LeftOutCounts, junk: bool = False
) -> list[str]:
    """Return the image files below a folder, at any depth, sorted; count all other files.

    `junk`: the folder itself may be the reason to leave files out. DataError: a folder cannot be
    listed, so that nobody knows what is left out, or a folder of a class has the name of a part.
    """
    start = len(folder.rpartition("/")[0]) if junk else len(folder)
    names: list[str] = []
    unclear: list[str] = []
    reasons: dict[str, str] = {}
    for name, problem in location.walk(folder):
        if problem.startswith(FOLDER_UNREADABLE) and not _reason_of_folder(location, name, start):
            raise closed_folder(location.address(name), problem)
        within, _, plain = name.rpartition("/")
        if within not in reasons:
            reasons[within] = _reason_of_folder(location, within, start)
        reason = problem or reasons[within] or _reason_of_name(plain)
        if reason:
            left_out.add(reason, name)
        elif suffix_of(plain) in FORMAT_BY_SUFFIX:
            names.append(name)
        else:
            unclear.append(name)
    return sorted([*names, *_images_by_content(location, sorted(unclear), left_out)])


def _reason_of_name(plain: str) -> str:
    """Return why a file is left out for its name, "" where it may be an image."""
    if plain.startswith("."):
        return "hidden"
    if plain in _SYSTEM_FILES:
        return _MADE_BY_SYSTEM
    suffix = suffix_of(plain)
    unread = suffix in _NO_IMAGES or FORMAT_BY_SUFFIX.get(suffix, FORMATS[0]) not in FORMATS
    return reason_of_suffix(suffix) if unread else ""


def _reason_of_folder(location: FileLocation, folder: str, start: int) -> str:
    """Return why the files of a folder are left out for the folders that it lies in."""
    parts = folder[start:].strip("/").split("/")
    for name in parts:
        if name in JUNK:
            return f"in a folder that is no class ({name})"
        if name.startswith("."):
            return "in a hidden folder"
        if part_of(name):
            raise _part_in_class(location, folder, name)
    return ""


def _part_in_class(location: FileLocation, folder: str, name: str) -> DataError:
    where = printable(location.address(folder))
    return DataError(
        f"`{name}` is the name of a part, but the folder lies inside a class",
        where=where,
        allowed="train/CLASS/image.png: the parts are above the classes",
        next_step=f"set `path` to the folder that holds `{name}`, or give it another name",
    )


def suffix_of(name: str) -> str:
    """Return the end of a name from its last dot on, in lower case; empty without a dot."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def reason_of_suffix(suffix: str) -> str:
    """Return why a file of a suffix is left out."""
    if suffix in FORMAT_BY_SUFFIX:
        return f"{FORMAT_BY_SUFFIX[suffix]} images, which are not decoded here ({suffix})"
    return f"not an image ({printable(suffix)})" if suffix else "not an image (no suffix)"


def undecoded() -> set[str]:
    """Return the reasons that count as bad images: what should have been an image."""
    unread = {reason_of_suffix(suffix) for suffix in FORMAT_BY_SUFFIX}
    return {*unread, NO_PERMISSION, UNREADABLE, BROKEN_LINK}


def _images_by_content(
    location: FileLocation, names: list[str], left_out: LeftOutCounts
) -> list[str]:
    """Return the files whose first bytes are those of an image."""
    images = []
    heads = read_ahead(partial(_format, location), names, location.parallel_reads)
    for name, kind in zip(names, heads, strict=True):
        if kind in FORMATS:
            images.append(name)
        else:
            left_out.add(kind or reason_of_suffix(suffix_of(name.rpartition("/")[2])), name)
    return images


def _format(location: FileLocation, name: str) -> str:
    """Return the format of a file, "" for none, or why it cannot be opened."""
    try:
        with location.opened(name) as file:
            head = file.read(_HEAD)
    except OSError as error:
        return reason_of_error(error)
    kind = format_of(head)
    return kind if kind in FORMATS or not kind else f"{kind} images, which are not decoded here"


def reason_of_error(error: OSError) -> str:
    """Return why a file is left out that the operating system does not open."""
    return NO_PERMISSION if isinstance(error, PermissionError) else UNREADABLE


def format_of(head: bytes) -> str:
    """Return the format of an image by its first 16 bytes; empty: it is none that we know."""
    starts = (
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff", "JPEG"),
        (b"GIF8", "GIF"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"BM", "BMP"),
    )
    for start, kind in starts:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:12] in (b"avif", b"avis") else "HEIF"
    # Netpbm: P and a digit, then white space.
    is_netpbm = head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace()
    return "PPM" if is_netpbm and len(head) > 2 else ""
