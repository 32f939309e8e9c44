"""A contact sheet: the first images of each class in one picture, for people to look at."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from compound.jobs.data.sheet_images import SheetClass, sheet_classes
from compound.jobs.data.sheet_text import Lettering
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
_PAPER, _BROKEN = "gainsboro", "red"
_LETTERS = 13


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
    lettering = Lettering(_LETTERS)
    most = max((len(entry.images) for entry in classes), default=1)
    block_width = max(most, _NARROWEST) * (_TILE + _GAP) + 2 * _MARGIN
    block_height = _TEXT + _TILE + 2 * _GAP + _MARGIN // 2
    columns = max(1, min(-(-len(classes) // 2), _WIDTH // block_width))
    rows = -(-len(classes) // columns)
    width = max(columns * block_width, _WIDTH // 3)
    sheet = Image.new("RGB", (width, rows * block_height + _TEXT + 2 * _MARGIN), _PAPER)
    lettering.write(sheet, (_MARGIN, _MARGIN // 2), heading, width - 2 * _MARGIN)
    for number, entry in enumerate(classes):
        # Column by column: neighbouring classes stand below each other.
        left = number // rows * block_width + _MARGIN
        top = number % rows * block_height + _TEXT + _MARGIN
        _draw_class(sheet, (left, top), block_width - 2 * _MARGIN, entry, lettering)
    return sheet


def coded_names(names: Sequence[str]) -> list[str]:
    """Return the names that a sheet draws as codes: no font of this machine has their letters."""
    return Lettering(_LETTERS).coded(names)


def _draw_class(
    sheet: Image.Image,
    corner: tuple[int, int],
    width: int,
    entry: SheetClass,
    lettering: Lettering,
) -> None:
    left, top = corner
    count = f"  ({entry.count:,} image{'' if entry.count == 1 else 's'})"
    label = f"{entry.number}: {entry.name}" if entry.name != str(entry.number) else entry.name
    used = lettering.write(sheet, corner, label, width - lettering.length(count))
    lettering.write(sheet, (left + used, top), count, width - used)
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
