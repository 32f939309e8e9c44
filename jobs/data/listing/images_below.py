"""Which files are images: by their suffix, and without a known one by their first bytes."""

import re
from functools import partial

from compound.jobs.data.listing.file_location import (
    FOLDER_UNREADABLE,
    FileLocation,
    closed_folder,
)
from compound.jobs.data.listing.folder_entries import (
    BROKEN_LINK,
    NO_PERMISSION,
    TOO_LARGE,
    UNREADABLE,
    reason_of_error,
)
from compound.jobs.data.listing.image_file import FORMATS, SUFFIXES
from compound.jobs.data.listing.junk_folders import JUNK
from compound.jobs.data.listing.left_out import LeftOutCounts, as_utf8
from compound.jobs.data.listing.moving_commands import rename_command, sort_by_part
from compound.jobs.data.listing.read_ahead import read_ahead
from compound.jobs.data.listing.reading_progress import progress
from compound.jobs.data.listing.split_names import part_of
from compound.schemas.errors import DataError

_DOCUMENTS = ("txt", "md", "json", "jsonl", "csv", "tsv", "xml", "yaml", "yml", "html", "pdf", "py")
_BINARIES = ("npy", "npz", "pt", "mat", "h5", "log", "db", "ini", "parquet", "svg")
_FILMS_AND_ARCHIVES = ("mov", "mp4", "avi", "mkv", "wav", "mp3", "zip", "tar", "gz", "rar", "7z")
_CAMERA_RAW = (
    *("3fr", "ari", "arw", "bay", "cap", "cr2", "cr3", "crw", "dcr", "dcs", "dng", "drf", "eip"),
    *("erf", "fff", "gpr", "iiq", "k25", "kdc", "mdc", "mef", "mos", "mrw", "nef", "nrw", "orf"),
    *("orw", "pef", "ptx", "pxn", "r3d", "raf", "raw", "rw2", "rwl", "rwz", "sr2", "srf", "srw"),
    *("x3f", "thm"),
)
"""They have a small preview that any program can open, as TIFF or JPEG, and the photograph behind
it in a form of their own. A `.thm` is the preview alone."""
_OTHER_PICTURES = (
    *("psd", "psb", "xcf", "ai", "eps", "fits", "fit", "fts", "jxl", "exr", "hdr", "dcm", "nii"),
    *("svs", "ndpi", "scn", "vms", "vsi", "qptiff", "czi", "lif"),
)
"""Pictures in layers, of telescopes, in high range, of hospitals and of microscopes: some begin as
TIFF does."""
_NO_IMAGES = frozenset(
    f".{suffix}"
    for suffix in (
        *(_DOCUMENTS + _BINARIES + _FILMS_AND_ARCHIVES),
        *(_CAMERA_RAW + _OTHER_PICTURES),
    )
)
"""Suffixes of files that are not opened to see whether they are images."""
_IMAGES = frozenset(SUFFIXES)
UNDECODED = frozenset(
    suffix
    for kind, suffixes in (("AVIF", (".avif",)), ("HEIF", (".heic", ".heif", ".hif")))
    if kind not in FORMATS
    for suffix in suffixes
)
"""Suffixes of images that Pillow cannot decode on this machine. They are taken all the same, since
a data set must not differ from machine to machine, and are refused when they are decoded."""
_HEAD = 16
"""Bytes that tell the format of an image."""
_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
"""Of AVIF and HEIC; ISO/IEC 23008-12."""
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"II\0*", b"MM*\0")
"""Of both orders of bytes; of BigTIFF; and of a wrong order, which Pillow reads."""
_BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", *_TIFF)
_NETPBM = re.compile(rb"P([1-6fF]|0CMYK|yP|yRGBA|yCMYK)\s")
"""P and a digit, or a float's f (grey) or F; then Pillow's own additions."""
_SYSTEM_FILES = frozenset(("Thumbs.db", "desktop.ini", "Icon\r"))
_MADE_BY_SYSTEM = "made by a system (Thumbs.db and the like)"
IGNORABLE = ("hidden", "in a hidden folder", _MADE_BY_SYSTEM)
"""Reasons for which a class folder counts as empty where nothing else is in it."""
BAD = (NO_PERMISSION, UNREADABLE, BROKEN_LINK, TOO_LARGE)
"""Reasons that count as bad images: without them these would have been taken."""


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
    where = as_utf8(location.address(folder))
    for name, problem in progress(location.walk(folder), None, f"listing {where}:"):
        if problem.startswith(FOLDER_UNREADABLE) and not _reason_of_folder(location, name, start):
            raise closed_folder(location.address(name), problem)
        within, _, plain = name.rpartition("/")
        if within not in reasons:
            reasons[within] = _reason_of_folder(location, within, start)
        reason = problem or reasons[within] or _reason_of_name(plain)
        if reason:
            left_out.add(reason, name)
        elif suffix_of(plain) in _IMAGES:
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
    return reason_of_suffix(suffix) if suffix in _NO_IMAGES else ""


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
    steps = folder.split("/")
    number = max(at for at, step in enumerate(steps) if step == name)
    return DataError(
        f"`{as_utf8(name)}` is the name of a part, but the folder lies inside a class",
        where=as_utf8(location.address(folder)),
        allowed="train/CLASS/image.png: the parts are above the classes",
        next_step=_out_of_class(location, steps[: number + 1]),
    )


def _out_of_class(location: FileLocation, steps: list[str]) -> str:
    """Return the next step for a part inside a class; the last of `steps` is its folder."""
    name, above = as_utf8(steps[-1]), "/".join(steps[:-1])
    if location.folders("/".join(steps)):
        return f"set `path: {as_utf8(location.address(above))}`: it holds the folder `{name}`"
    if len(steps) == 2 and not part_of(steps[0]):
        return sort_by_part(location, name)
    renamed = rename_command(location, [("/".join(steps), f"{above}/{steps[-1]}-images")])
    return f"if its images are of this class: {renamed}"


def suffix_of(name: str) -> str:
    """Return the end of a name from its last dot on, in lower case; empty without a dot."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 else ""


def reason_of_suffix(suffix: str) -> str:
    """Return why a file of a suffix is left out."""
    return f"not an image ({as_utf8(suffix)})" if suffix else "not an image (no suffix)"


def _images_by_content(
    location: FileLocation, names: list[str], left_out: LeftOutCounts
) -> list[str]:
    """Return the files whose first bytes are those of an image."""
    images = []
    heads = read_ahead(partial(_head, location), names, location.parallel_reads)
    for name, head in zip(names, heads, strict=True):
        suffix = suffix_of(name.rpartition("/")[2])
        # Cameras and scientific devices write TIFF under suffixes of their own, a preview first.
        is_other_tiff = bool(suffix) and isinstance(head, bytes) and head.startswith(_TIFF)
        if isinstance(head, bytes) and is_image(head) and not is_other_tiff:
            images.append(name)
        else:
            reason = reason_of_suffix(suffix)
            left_out.add(head if isinstance(head, str) else reason, name)
    return images


def _head(location: FileLocation, name: str) -> bytes | str:
    """Return the first bytes of a file, or why it cannot be opened."""
    try:
        with location.opened(name) as file:
            return file.read(_HEAD)
    except OSError as error:
        return reason_of_error(error)


def is_image(head: bytes) -> bool:
    """Return whether a file that begins with these 16 bytes is an image in a format that we know.

    Pillow would say the same, 100 times slower.
    """
    if head.startswith(_BEGINNINGS):
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] in _BRANDS
    return _NETPBM.match(head) is not None or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")
