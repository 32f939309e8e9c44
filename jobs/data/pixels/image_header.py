"""An image's properties from its header: no pixels are decoded."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from PIL import ExifTags, Image

from compound.jobs.data.listing.image_file import opened
from compound.jobs.data.pixels.eight_bits import correction
from compound.schemas.data_ledger import Appearance, Tally

PLAIN_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP")
"""The formats that every version has read, by Pillow's names; MPO is a JPEG of several pictures."""
_GREY = ("1", "L", "LA")
_ORIENTED = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
"""Where Pillow keeps what an orientation may be read from."""
_BITS_PER_SAMPLE = 258
"""The TIFF tag."""


@dataclass(frozen=True)
class Header:
    """What an image's header says."""

    format: str
    """As Pillow names it: JPEG."""
    mode: str
    """As Pillow names it: RGB, L, P, CMYK, I;16."""
    width: int
    height: int
    """Upright: after the orientation is applied."""
    oriented: bool
    """Whether an orientation turns or mirrors it."""
    transparent: bool
    """Whether it has an alpha channel, a transparent colour or a transparent palette entry."""
    deep: bool
    """Whether it has more than 8 bits a channel."""
    grey: bool
    """Whether its mode has no colour, or it is a GIF whose palette has none."""
    correction: str = ""
    """Why the second version of the rules made other pixels of it; "": it made the same."""

    @property
    def raw(self) -> bool:
        """Whether Pillow gives its values as they are stored, of more than 8 bits."""
        return _is_raw(self.mode)


def header(data: bytes) -> Header:
    """Read an encoded image's header. BadImage: it is no image that can be read."""
    with opened(data) as image:
        width, height = image.size
        orientation = _tiff_orientation(image) or _orientation(image, data)
        # Pillow gives the size of a TIFF upright already.
        if orientation > 4 and image.format != "TIFF":
            width, height = height, width
        undrawn = drawn_area(image) is not None
        transparent = image.has_transparency_data or undrawn
        return Header(
            *(image.format or "", image.mode, width, height),
            *(orientation > 1, transparent, _deep(image, data), _grey(image, data)),
            "framed" if undrawn else correction(image),
        )


def drawn_area(image: Image.Image) -> tuple[int, int, int, int] | None:
    """Return the part of its canvas that a GIF which is not loaded draws: left, top, right, bottom.

    None where that is all. Viewers show nothing in the rest; Pillow has a colour of the palette.
    """
    tiles = getattr(image, "tile", ()) if image.format == "GIF" else ()
    area = tiles[0].extents if tiles else None
    return None if area in (None, (0, 0, *image.size)) else area


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF or XMP orientation, 1 to 8, that a loaded image is still to be turned by.

    1 where there is none, or none that can be read: a viewer then shows the image as it is.
    """
    # `getexif` costs 10 us, which most images need not pay.
    if not any(key in image.info for key in _ORIENTED):
        return 1
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # Pillow raises anything on a broken tag
        return 1
    return orientation if orientation in range(1, 9) else 1


def _orientation(image: Image.Image, data: bytes) -> int:
    # A PNG may have its tags after the pixels, where Pillow finds them once all is decoded.
    if image.format == "PNG" and "exif" not in image.info and b"eXIf" in data:
        image.load()
    return orientation_of(image)


def _tiff_orientation(image: Image.Image) -> int:
    """Return a TIFF's orientation, 0 for another format: Pillow turns TIFF itself."""
    if image.format != "TIFF":
        return 0
    value = getattr(image, "tag_v2", {}).get(ExifTags.Base.Orientation, 1)
    return value if value in range(1, 9) else 1


def _is_raw(mode: str) -> bool:
    return mode.startswith(("I", "F"))


def _grey(image: Image.Image, data: bytes) -> bool:
    # Pillow gives a grey PNG of 16 bits with alpha as RGBA; the type in the header says grey.
    is_grey_png = image.format == "PNG" and data[25] in (0, 4)
    return is_grey_png or image.mode in _GREY or _is_raw(image.mode) or _is_grey_gif(image)


def _is_grey_gif(image: Image.Image) -> bool:
    # GIF has palettes alone: a grey one is the only way in which it can be grey.
    if image.format != "GIF" or image.mode != "P":
        return False
    palette = image.getpalette("RGB") or []
    return palette[0::3] == palette[1::3] == palette[2::3]


def _deep(image: Image.Image, data: bytes) -> bool:
    if _is_raw(image.mode):
        return True
    if image.format == "PNG":
        return data[24] == 16  # the bit depth in the header, which comes first in every PNG
    if image.format == "TIFF":
        bits: tuple[int, ...] = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
        return max(bits) > 8
    # Pillow's decoder of PPM is called with the largest value.
    tiles = getattr(image, "tile", ()) if image.format == "PPM" else ()
    values = tiles[0].args if tiles else ()
    return isinstance(values, tuple) and any(isinstance(v, int) and v > 255 for v in values)


def appearance(headers: Counter[Header], listed: int) -> Appearance:
    """Count the properties of some of `listed` images."""
    return Appearance(
        sampled=headers.total(),
        listed=listed,
        sizes=_tallies(headers, lambda header: f"{header.width} x {header.height}"),
        modes=_tallies(headers, lambda header: header.mode),
        oriented=sum(count for header, count in headers.items() if header.oriented),
        transparent=sum(count for header, count in headers.items() if header.transparent),
        deep=sum(count for header, count in headers.items() if header.deep),
    )


def _tallies(headers: Counter[Header], value_of: Callable[[Header], str]) -> tuple[Tally, ...]:
    counts: Counter[str] = Counter()
    for header, count in headers.items():
        counts[value_of(header)] += count
    return tuple(Tally(value=value, count=n) for value, n in counts.most_common())
