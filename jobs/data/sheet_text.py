"""Text on a contact sheet: in Pillow's own font, else in one of this machine's, else as codes."""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont

_INK = "black"
_LONGEST = 1800
"""Characters of a text that are looked at: no sheet has room for more."""
_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "FreeSans.ttf", "Arial Unicode.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "wqy-microhei.ttc", "PingFang.ttc"),
    *("DroidSansFallbackFull.ttf", "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf"),
    *("FreeSerif.ttf", "unifont.ttf", "unifont.otf"),
)
"""Files that systems have, tried in this order. Pillow's own font has Western letters alone."""

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont


class Lettering:
    """Draws text of any characters at one size."""

    def __init__(self, size: int) -> None:
        """`size` of the letters in pixels."""
        self._size, self._own = size, ImageFont.load_default(size)
        self._font_by_char: dict[str, Font | None] = {}

    def coded(self, texts: Iterable[str]) -> list[str]:
        r"""Return the texts with a character that is drawn as a code, such as `\\u732b`."""
        return [
            text
            for text in texts
            if any(self._font(char) is None and not _letters(char) for char in _composed(text))
        ]

    def length(self, text: str) -> int:
        """Return the width of a text in pixels."""
        return sum(round(font.getlength(part)) for font, part in self._runs(text))

    def write(self, sheet: Image.Image, corner: tuple[int, int], text: str, width: int) -> int:
        """Write a text that is cut to a width in pixels; return the width that it takes."""
        line = _composed(text)
        if self.length(line) > width:
            line = f"{line[: self._fitting(line, width)]}.."
        pen, (left, top) = ImageDraw.Draw(sheet), corner
        for font, part in self._runs(line):
            pen.text((left, top + self._rise(font)), part, fill=_INK, font=font)
            left += round(font.getlength(part))
        return left - corner[0]

    def _rise(self, font: Font) -> int:
        """Return how far down a font is moved, so that all stand on one line."""
        if isinstance(font, ImageFont.ImageFont) or isinstance(self._own, ImageFont.ImageFont):
            return 0
        return self._own.getmetrics()[0] - font.getmetrics()[0]

    def _fitting(self, line: str, width: int) -> int:
        """Return how many characters of a line fit into a width, with two dots behind them."""

        def width_of(count: int) -> int:
            return self.length(f"{line[:count]}..")

        return max(bisect_right(range(len(line) + 1), width, key=width_of) - 1, 0)

    def _runs(self, text: str) -> Iterator[tuple[Font, str]]:
        """Yield the parts of a text that one font draws."""
        pairs = [
            (self._font(char) or self._own, char if self._font(char) else _plain(char))
            for char in text
        ]
        for _, run in groupby(pairs, key=lambda pair: id(pair[0])):
            fonts, parts = zip(*run, strict=True)
            yield fonts[0], "".join(parts)

    def _font(self, char: str) -> Font | None:
        """Return the first font that has a character; None where none has."""
        if " " <= char <= "~":
            return self._own
        if char not in self._font_by_char:
            fonts = (self._own, *self._system_fonts) if char.isprintable() else ()
            self._font_by_char[char] = next((font for font in fonts if _has(font, char)), None)
        return self._font_by_char[char]

    @cached_property
    def _system_fonts(self) -> list[ImageFont.FreeTypeFont]:
        fonts = []
        for name in _FONTS:
            try:
                fonts.append(ImageFont.truetype(name, self._size))
            except OSError:  # not on this machine
                continue
        return fonts


def _composed(text: str) -> str:
    """Return a text with its accents in its letters, as fonts have them."""
    return unicodedata.normalize("NFC", text[:_LONGEST])


def _letters(char: str) -> str:
    """Return a character by plain letters; empty where there are none."""
    if not char.isprintable():
        return ""
    return unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()


def _plain(char: str) -> str:
    r"""Return a character by plain letters, or as a \u code."""
    return _letters(char) or ascii(char)[1:-1]


def _has(font: Font, char: str) -> bool:
    # A private character: the font draws its sign for characters that it does not have.
    if not isinstance(font, ImageFont.FreeTypeFont):
        return False
    return bytes(font.getmask(char)) != bytes(font.getmask("\ue000"))
