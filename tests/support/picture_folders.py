"""Folders of small pictures, as people have them, for `compound init`."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def picture(number: int, sides: tuple[int, int] = (40, 30), mode: str = "RGB") -> Image.Image:
    """Return a picture that differs from number to number."""
    shape = (4, 4, 3) if mode == "RGB" else (4, 4)
    pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    return Image.fromarray(pixels).resize(sides)


def classes_below(
    folder: Path, classes: Sequence[str] = ("cat", "dog", "emu"), images: int = 30, first: int = 0
) -> Path:
    """Write a folder for each class, with PNG and JPEG of several sizes."""
    for label, name in enumerate(classes):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(images):
            content = picture(first + 1000 * label + number, (24 + number % 9, 30))
            content.save(folder / name / f"{number}.{('png', 'jpg')[number % 2]}")
    return folder


def rows(number: int, classes: int = 3, first: int = 0) -> Iterator[tuple[dict[str, bytes], int]]:
    """Yield images as Hugging Face writes them, with their labels."""
    for row in range(number):
        sink = io.BytesIO()
        picture(first + row).save(sink, "PNG")
        yield {"bytes": sink.getvalue()}, row % classes


def parquet_at(
    path: Path, number: int = 90, image: str = "image", label: str = "label", first: int = 0
) -> Path:
    """Write a Parquet file of images, with a column of file names too."""
    images, labels = zip(*rows(number, first=first), strict=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [f"{row}.png" for row in range(number)]
    table = pa.table({image: list(images), label: list(labels), "file_name": names})
    pq.write_table(table, path)
    return path
