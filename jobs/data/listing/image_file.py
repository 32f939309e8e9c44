"""Image files: the formats that are read, and a file opened with limits on format and size."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec

from PIL import Image, UnidentifiedImageError, features

SUFFIXES = (
    *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".gif", ".avif", ".heic", ".heif", ".hif"),
)
"""Endings of the names of image files, in lower case. The same on every machine, whatever its
Pillow can read: otherwise a data set would differ from machine to machine."""
FORMAT_NAMES = ("PNG", "JPEG", "WebP", "BMP", "TIFF", "PPM", "GIF", "AVIF", "HEIC")
MAX_IMAGE_PIXELS = 2**26
"""8,192 x 8,192. A larger image is rejected as a decompression bomb and never decoded."""

_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
}
"""ISO/IEC 23008-12: the first brand of a file follows `ftyp`, at byte 8."""
_NEW_SUBFILE_TYPE, _DNG_VERSION = 254, 50706
"""Tags of TIFF 6.0 and of Adobe's DNG. Bit 0 of the first: a reduced copy of another picture."""
_REMEDY = {
    "AVIF": "AVIF, which this Pillow was built without: pip install --upgrade pillow",
    "HEIC": "HEIC, which needs a package: pip install pillow-heif",
}


class BadImage(Exception):
    """An image that cannot be decoded, with the reason."""


def _formats() -> tuple[str, ...]:
    """Return Pillow's names of the formats that can be read here."""
    # Pillow reads a JPEG of several pictures (MPO) as JPEG: the first picture is the photograph.
    names = ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF"]
    if features.check("avif"):
        names.append("AVIF")
    if find_spec("pillow_heif"):  # an optional package: without it HEIC is refused by name
        # A plugin of Pillow's is known to Pillow only after this call.
        import_module("pillow_heif").register_heif_opener()
        names.append("HEIF")
    return tuple(names)


FORMATS = _formats()
_READ_HERE = {"HEIC" if name == "HEIF" else name for name in FORMATS}


@contextmanager
def guarded() -> Iterator[None]:
    """Make Pillow's warning about decompression bombs an error while images are decoded."""
    # Pillow warns above its MAX_IMAGE_PIXELS, and raises only above twice as many.
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        # A broken tag is no broken image, and nobody could tell which image is meant.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        yield


@contextmanager
def opened(data: bytes) -> Iterator[Image.Image]:
    """Open an encoded image; its pixels are not decoded yet. BadImage: it cannot be.

    An error in the block is a BadImage too.
    """
    if not data:
        raise BadImage("0 bytes")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image.width, image.height)
            if image.format == "TIFF" and _is_camera_raw(image, data):
                raise BadImage("camera RAW, whose first picture is a preview: convert it to JPEG")
            yield image
    except BadImage:
        raise
    except UnidentifiedImageError:
        raise BadImage(_unidentified(data)) from None
    except Exception as error:  # decoders raise anything on broken input
        raise BadImage(_reason(error)) from error


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_IMAGE_PIXELS:
        raise BadImage(f"{width} x {height} pixels are too many")
    if width * height == 0:
        raise BadImage(f"{width} x {height} pixels")


def _is_camera_raw(image: Image.Image, data: bytes) -> bool:
    """Return whether a TIFF is a photograph in a camera's own form, with a preview before it."""
    tags = getattr(image, "tag_v2", {})
    is_reduced = bool(int(tags.get(_NEW_SUBFILE_TYPE, 0)) & 1)
    return is_reduced or _DNG_VERSION in tags or data[8:10] == b"CR"  # CR: Canon's CR2


def _unidentified(data: bytes) -> str:
    for name, brands in _BRANDS.items():
        if data[4:8] == b"ftyp" and data[8:12] in brands:
            return f"broken {name}" if name in _READ_HERE else _REMEDY[name]
    return f"not one of {', '.join(FORMAT_NAMES)}"


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
