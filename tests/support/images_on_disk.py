"""Folders and Parquet files of JPEGs for tests of streaming."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from compound.schemas.data import ImageFolderData, ParquetData


def jpeg(number: int, side: int = 16, kind: str = "JPEG") -> bytes:
    """Return a small photo-like image that differs from number to number."""
    random = np.random.default_rng(number)
    coarse = Image.fromarray(random.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    sink = io.BytesIO()
    coarse.resize((side, side), Image.Resampling.BICUBIC).save(sink, kind, quality=90)
    return sink.getvalue()


def folder_of(root: Path, train: int = 40, held: int = 12, side: int = 16) -> ImageFolderData:
    """Write `train` and `held` images of two classes each into a folder."""
    for split, count, offset in (("train", train, 0), ("val", held, 10_000)):
        for number in range(count):
            place = root / split / ("ant", "bee")[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number:06}.jpg").write_bytes(jpeg(offset + number, side))
    return ImageFolderData(source="image_folder", path=str(root), memory="never")


def parquet_of(root: Path, train: int = 200, group: int = 7, side: int = 16) -> ParquetData:
    """Write two files of `train` images in row groups of `group`."""
    root.mkdir(parents=True, exist_ok=True)
    half = train // 2
    for part, first in enumerate((0, half)):
        images = [{"bytes": jpeg(first + n, side), "path": f"{n}.jpg"} for n in range(half)]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        labels = pa.array([(first + n) % 2 for n in range(half)], pa.int64())
        table = pa.table({"image": pa.array(images, kind), "label": labels})
        pq.write_table(table, root / f"part-{part}.parquet", row_group_size=group)
    return ParquetData(source="parquet", path=str(root), memory="never")
