"""Decoding on other machines: the settings that are sent, the work, and the answer."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import pyarrow as pa

from compound.jobs.data.listing.file_location import FileLocation, location_of, split_address
from compound.jobs.data.listing.read_ahead import read_ahead
from compound.jobs.data.pixels.decode import BadImage, Form, guarded
from compound.jobs.data.sources.dataset import Pixels
from compound.jobs.data.sources.parquet_columns import fields
from compound.jobs.data.stream.encoded_source import read_group
from compound.jobs.data.stream.pixel_maker import Make, maker

CHUNK = 32
"""Images that are decoded together."""

Encoded = bytes | str
"""An encoded image, or why there is none."""
Part = tuple[Pixels, Sequence[str]]
"""Pixels of some images, uint8 (B, C, side, side), and for each the reason of a failure, or ""."""


@dataclass(frozen=True)
class RemoteSettings:
    """How images are read and decoded on any machine."""

    form: Form
    side: int
    """Pixels on a side of the decoded images."""
    stretch: int
    """Neighbouring images that one process should read, since they share row groups."""
    column: str = ""
    """The Parquet column with the images."""


class RemoteDecoder(Protocol):
    """Decodes on other machines. `compound.cluster.ray_data` does it with Ray Data."""

    def parts(self, spots: pa.Table, terms: RemoteSettings) -> Iterator[Part]:
        """Yield the images of `spots` in their order, in parts of any size.

        `spots`: see encoded_source.SPOTS.

        It works ahead of the caller, and stops when the iterator is closed.
        """
        ...


def encoded(spots: pa.Table, column: str) -> Iterator[list[Encoded]]:
    """Yield the encoded images of a stretch in chunks, reading every row group once."""
    groups: dict[tuple[str, int], pa.Array] = {}
    for start in range(0, len(spots), CHUNK):
        few = spots.slice(start, CHUNK).to_pydict()
        few["file"] = [os.fsdecode(file) for file in few["file"]]
        if few["group"][0] < 0:
            parallel = _located(few["file"][0])[0].parallel_reads
            yield list(read_ahead(_whole, few["file"], parallel))
        else:
            spots_of_few = zip(few["file"], few["group"], few["row"], strict=True)
            yield [_row(groups, column, *spot) for spot in spots_of_few]


def _located(address: str) -> tuple[FileLocation, str]:
    root, name = split_address(address)
    return _location(root), name


_location = lru_cache(maxsize=64)(location_of)
"""One client for each bucket, not one for each image: a client opens connections of its own."""


def _whole(address: str) -> Encoded:
    try:
        location, name = _located(address)
        return location.read(name)
    except OSError as error:
        return error.strerror or str(error)


def _row(
    groups: dict[tuple[str, int], pa.Array], column: str, file: str, group: int, row: int
) -> Encoded:
    try:
        if (file, group) not in groups:
            location, name = _located(file)
            groups[file, group] = read_group(location, name, group, column)
        (data,) = fields(groups[file, group].slice(row, 1))[1]
        return data or b""
    except (OSError, pa.ArrowException) as error:
        return getattr(error, "strerror", None) or str(error)


def decoded(images: Iterable[Encoded], terms: RemoteSettings) -> Part:
    """Decode some images."""
    make = maker(terms.form, terms.side)
    with guarded():
        results = [_decoded(image, make) for image in images]
    blank = np.zeros((terms.form.channels, terms.side, terms.side), dtype=np.uint8)
    pixels = np.stack([blank if isinstance(result, str) else result for result in results])
    return pixels, [result if isinstance(result, str) else "" for result in results]


def _decoded(image: Encoded, make: Make) -> Pixels | str:
    try:
        return image if isinstance(image, str) else make(image)
    except BadImage as error:
        return str(error)
