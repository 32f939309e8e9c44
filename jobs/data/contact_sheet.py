"""A contact sheet: the first images of each class in one picture, for people to look at."""

import io
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from compound.jobs.data.sheet_images import SheetClass, sheet_classes
from compound.jobs.data.sources.dataset import Dataset, Pixels
from compound.jobs.data.sources.encoded import Choice
from compound.schemas.data import DataInfo

_TILE, _GAP, _TEXT = 80, 4, 16
"""Sides of an image on the sheet, of the space around it and of a line of text, in pixels."""
_MARGIN = 12
_NARROWEST = 4
"""Images that a block has room for at least, so that the name of a class of one image fits."""
_WIDTH = 1800
"""Pixels that blocks of classes fill side by side; one class alone may be narrower."""
_PAPER, _INK, _BROKEN = "gainsboro", "black", "red"

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


def contact_sheet(data: Dataset | Choice, resolution: int, central: float = 1.0) -> bytes:
    """Return a PNG of the first training images of each class as evaluation would see them.

    `resolution`: pixels a side of the network's input; `central`: see `View`.
    """
    classes = sheet_classes(data, resolution, central)
    sink = io.BytesIO()
    drawn(classes, _heading(data.info, len(classes), resolution)).save(sink, "PNG")
    return sink.getvalue()


def _heading(info: DataInfo, drawn_classes: int, resolution: int) -> str:
    total = len(info.classes)
    missing = f" (every {total / drawn_classes:.1f}th; {total - drawn_classes:,} are left out)"
    colour = "grey" if info.in_channels == 1 else "colour"
    return (
        f"The first training images of {drawn_classes:,} of {total:,} classes"
        f"{missing if drawn_classes < total else ''}: {resolution} x {resolution} pixels, {colour}"
    )


def drawn(classes: Sequence[SheetClass], heading: str) -> Image.Image:
    """Draw the classes in blocks: a line with number, name and images, and the images below."""
    font = ImageFont.load_default(13)
    most = max((len(entry.images) for entry in classes), default=1)
    block_width = max(most, _NARROWEST) * (_TILE + _GAP) + 2 * _MARGIN
    block_height = _TEXT + _TILE + 2 * _GAP + _MARGIN // 2
    columns = max(1, min(-(-len(classes) // 2), _WIDTH // block_width))
    rows = -(-len(classes) // columns)
    width = max(columns * block_width, _WIDTH // 3)
    sheet = Image.new("RGB", (width, rows * block_height + _TEXT + 2 * _MARGIN), _PAPER)
    _write(sheet, (_MARGIN, _MARGIN // 2), heading, width - 2 * _MARGIN, font)
    for number, entry in enumerate(classes):
        # Column by column: neighbouring classes stand below each other.
        left = number // rows * block_width + _MARGIN
        top = number % rows * block_height + _TEXT + _MARGIN
        _draw_class(sheet, (left, top), block_width - 2 * _MARGIN, entry, font)
    return sheet


def _draw_class(
    sheet: Image.Image, corner: tuple[int, int], width: int, entry: SheetClass, font: Font
) -> None:
    left, top = corner
    count = f"  ({entry.count:,} image{'' if entry.count == 1 else 's'})"
    room = width - round(font.getlength(count))
    label = f"{entry.number}: {entry.name}"
    used = _write(
        sheet, corner, label if entry.name != str(entry.number) else entry.name, room, font
    )
    _write(sheet, (left + used, top), count, width - used, font)
    for position, pixels in enumerate(entry.images):
        tile = _broken_tile() if pixels is None else _tile(pixels)
        sheet.paste(tile, (left + position * (_TILE + _GAP), top + _TEXT + _GAP))


def _tile(pixels: Pixels) -> Image.Image:
    """Return uint8 (C, R, R) as a tile: small images enlarged in whole, visible pixels."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels[:3].transpose(1, 2, 0))
    method = Image.Resampling.NEAREST if image.width < _TILE else Image.Resampling.LANCZOS
    return image.resize((_TILE, _TILE), method).convert("RGB")


def _broken_tile() -> Image.Image:
    tile = Image.new("RGB", (_TILE, _TILE), _PAPER)
    corners = [(0, 0), (_TILE - 1, _TILE - 1)]
    pen = ImageDraw.Draw(tile)
    pen.rectangle(corners, outline=_BROKEN)
    pen.line(corners, fill=_BROKEN)
    pen.line([(0, _TILE - 1), (_TILE - 1, 0)], fill=_BROKEN)
    return tile


def _write(sheet: Image.Image, corner: tuple[int, int], text: str, width: int, font: Font) -> int:
    """Write a text that is cut to a width in pixels; return the width that it takes."""
    line = _drawable(text[:_WIDTH], font)  # no character is narrower than a pixel
    if font.getlength(line) > width:
        line = f"{line[: _fitting(line, width, font)]}.."
    ImageDraw.Draw(sheet).text(corner, line, fill=_INK, font=font)
    return round(font.getlength(line))


def _fitting(line: str, width: int, font: Font) -> int:
    """Return how many characters of a line fit into a width, with two dots behind them."""

    def width_of(count: int) -> int:
        return round(font.getlength(f"{line[:count]}.."))

    return max(bisect_right(range(len(line) + 1), width, key=width_of) - 1, 0)


def _drawable(text: str, font: Font) -> str:
    r"""Replace characters that the font has no picture of: by a plain letter, or a \u code."""
    return "".join(char if _has(char, font) else _plain(char) for char in text)


def _plain(char: str) -> str:
    letters = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return letters or char.encode("ascii", "backslashreplace").decode()


def _has(char: str, font: Font) -> bool:
    if " " <= char <= "~":
        return True
    # A private character: the font draws its sign for characters that it does not have.
    if not isinstance(font, ImageFont.FreeTypeFont) or not char.isprintable():
        return False
    return bytes(font.getmask(char)) != bytes(font.getmask("\ue000"))
