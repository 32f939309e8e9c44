"""Image files, and data specs that name them."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from compound.schemas.data import ImageFolderData, ParquetData


def encoded(seed: int, size: int = 8, mode: str = "RGB", kind: str = "PNG") -> bytes:
    """Return an encoded image of random pixels."""
    shape = (size, size, 3) if mode == "RGB" else (size, size)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, kind)
    return sink.getvalue()


def write_parquet(path: Path, images: list[bytes | None], labels: list[int], metadata=None) -> str:
    """Write images and labels into a Parquet file; return its path."""
    rows = [{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(images)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(rows, kind), "label": pa.array(labels, pa.int64())})
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=7)
    return str(path)


def write_folder(root: Path, per_class: int = 6, split: str = "train") -> str:
    """Write a split with images of two classes; return the root."""
    for number, name in enumerate(("ant", "bee")):
        (root / split / name).mkdir(parents=True)
        for index in range(per_class):
            (root / split / name / f"{index}.png").write_bytes(encoded(100 * number + index))
    return str(root)


def parquet(path: str, **fields) -> ParquetData:
    """Return the spec of a Parquet file."""
    return ParquetData(source="parquet", path=path, **fields)


def folder(path: str, **fields) -> ImageFolderData:
    """Return the spec of a folder of images."""
    return ImageFolderData(source="image_folder", path=path, **fields)


def write_photographs(root: Path, per_class: int = 40, size: int = 40) -> None:
    """Write JPEGs of three classes, as a folder of photographs: bright or dark on one side."""
    for number, name in enumerate(("birch", "fir", "oak")):
        (root / name).mkdir(parents=True)
        for index in range(per_class):
            draws = np.random.default_rng(1000 * number + index)
            pixels = draws.integers(60, 130, (size, size, 3), dtype=np.uint8)
            pixels[:, number * size // 3 : (number + 1) * size // 3, number] += 100
            Image.fromarray(pixels).save(root / name / f"{index:04}.jpg", quality=90)
