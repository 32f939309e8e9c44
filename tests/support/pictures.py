"""Encoded images of all modes, orientations and containers, and Pillow's own view of them."""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

ORIENTATION = 0x112
WIDTH, HEIGHT = 17, 13

_CONTAINERS = {
    "PNG": ("1", "L", "LA", "P", "PA", "RGB", "RGBA"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("L", "LA", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"),
    "AVIF": ("L", "LA", "RGB", "RGBA"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "PPM": ("1", "L", "RGB"),
}
_WITHOUT_TAGS = ("GIF", "BMP", "PPM")


def encode(image: Image.Image, kind: str, orientation: int = 1, **options: object) -> bytes:
    """Return an encoded image, with an orientation tag where it is not 1."""
    if orientation != 1:
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        options["exif"] = exif
    sink = io.BytesIO()
    image.save(sink, kind, **options)
    return sink.getvalue()


def camera_raw(seed: int) -> bytes:
    """Return a TIFF that says that its first picture is a small copy, as camera RAW does."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[254] = 1
    return encode(picture("RGB", seed), "TIFF", tiffinfo=tags)


def picture(mode: str, seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Return random pixels in a mode of Pillow."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)
    colour, alpha = Image.fromarray(values[..., :3]), Image.fromarray(values[..., 3])
    if mode == "LA":
        return Image.merge("LA", (colour.convert("L"), alpha))
    if mode == "RGBA":
        return Image.merge("RGBA", (*colour.split(), alpha))
    if mode == "PA":
        return Image.merge("RGBA", (*colour.split(), alpha)).quantize(16)
    return colour.quantize(16) if mode == "P" else colour.convert(mode)


def all_pictures() -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of an image of every container, mode and orientation: 213 of them."""
    for kind, modes in _CONTAINERS.items():
        for number, mode in enumerate(modes):
            for orientation in (1,) if kind in _WITHOUT_TAGS else range(1, 9):
                image = picture(mode, 100 * number + orientation)
                yield f"{kind} {mode} {orientation}", encode(image, kind, orientation)


def as_pillow_shows(
    data: bytes, channels: int = 3, background: Sequence[int] = (255, 255, 255)
) -> np.ndarray:
    """Return exif_transpose + composite + convert, cropped to its centre, uint8 (C, S, S)."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        canvas = Image.new("RGBA", image.size, (*background, 255))
        canvas.alpha_composite(image)
        image = canvas
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    pixels = pixels.reshape(image.height, image.width, channels)
    side = min(image.size)
    top, left = (image.height - side) // 2, (image.width - side) // 2
    return pixels[top : top + side, left : left + side].transpose(2, 0, 1)


def png(
    rows: bytes,
    size: tuple[int, int],
    depth: int,
    kind: int,
    before: Sequence[tuple[bytes, bytes]] = (),
    after: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """Return a PNG of filtered rows, with chunks before and after its pixels.

    `depth`, `kind`: bits of a channel and type of colour, as in its header.
    """
    header = struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, 0)
    pixels = [(b"IHDR", header), *before, (b"IDAT", zlib.compress(rows)), *after, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in pixels
    )


def ycck(inks: Image.Image) -> bytes:
    """Return a JPEG of CMYK inks, inverted and as YCCK, as Adobe's programs write it."""
    # Adobe stores 255 minus the inks; of those, the first three are turned into YCbCr as if RGB.
    cyan, magenta, yellow, black = inks.split()
    luminance = Image.merge("RGB", (cyan, magenta, yellow)).convert("YCbCr").split()
    inverted = [channel.point(lambda value: 255 - value) for channel in (*luminance, black)]
    # Pillow inverts what it stores, so these channels reach the file as they were.
    inverted[3] = black
    data = encode(Image.merge("CMYK", inverted), "JPEG", quality=100)
    marker = data.index(b"Adobe")
    # The last byte of Adobe's marker: 0 for CMYK, 2 for YCCK.
    return data[: marker + 11] + b"\x02" + data[marker + 12 :]


def tiff(values: np.ndarray, white_is_zero: bool = False) -> bytes:
    """Return a TIFF of one strip with values as they are, (H, W), of any type of number."""
    bits, kind = 8 * values.itemsize, {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    height, width = values.shape
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    tags = [
        *((256, width), (257, height), (258, bits), (259, 1), (262, int(not white_is_zero))),
        *((273, 8), (277, 1), (278, height), (279, len(data)), (339, kind)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    return head + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def small_gif(corner: tuple[int, int] = (1, 1), before: bytes = b"") -> bytes:
    """Return a GIF of a red pixel at `corner` (x, y) of a canvas of 4 x 4; `before`: extensions."""
    screen = b"GIF89a\x04\0\x04\0\x80\0\0" + bytes([255, 0, 0, 0, 0, 255])
    block = struct.pack("<cHHHHB", b",", *corner, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return screen + before + block + b";"
