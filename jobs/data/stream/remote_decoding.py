"""Decoding on other machines: what they are told, what they do, and what comes back."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
import pyarrow as pa

from compound.jobs.data.dataset import Pixels
from compound.jobs.data.decode import BadImage, Form, guarded
from compound.jobs.data.file_location import Place, parted, place_of
from compound.jobs.data.parquet import fields
from compound.jobs.data.read_ahead import ahead
from compound.jobs.data.stream.encoded_source import read_group
from compound.jobs.data.stream.pixel_maker import Make, maker

CHUNK = 32
"""Images that are decoded together."""

Encoded = bytes | str
"""An encoded image, or why there is none."""
Part = tuple[Pixels, Sequence[str]]
"""Pixels of some images, uint8 (B, C, side, side), and for each why there are none, or nothing."""


@dataclass(frozen=True)
class RemoteSettings:
    """How images are read and decoded, wherever that is."""

    form: Form
    side: int
    """Pixels on a side of what comes back."""
    stretch: int
    """Neighbouring images that one process had best read, since they share row groups."""
    column: str = ""
    """The Parquet column with the images."""


class RemoteDecoder(Protocol):
    """Decodes on other machines. `compound.cluster.ray_data` does it with Ray Data."""

    def parts(self, spots: pa.Table, terms: RemoteSettings) -> Iterator[Part]:
        """Yield the images of `spots` (see items.SPOTS) in their order, in parts of any size.

        It works ahead of the caller, and stops when the iterator is closed.
        """
        ...


def encoded(spots: pa.Table, column: str) -> Iterator[list[Encoded]]:
    """Yield the encoded images of a stretch in chunks, reading every row group once."""
    groups: dict[tuple[str, int], pa.Array] = {}
    for start in range(0, len(spots), CHUNK):
        few = spots.slice(start, CHUNK).to_pydict()
        if few["group"][0] < 0:
            at_once = _located(few["file"][0])[0].at_once
            yield list(ahead(_whole, few["file"], at_once))
        else:
            places = zip(few["file"], few["group"], few["row"], strict=True)
            yield [_row(groups, column, *place) for place in places]


def _located(address: str) -> tuple[Place, str]:
    root, name = parted(address)
    return _place(root), name


_place = lru_cache(maxsize=64)(place_of)
"""A bucket is asked by one client, not by one for each image."""


def _whole(address: str) -> Encoded:
    try:
        place, name = _located(address)
        return place.read(name)
    except OSError as error:
        return error.strerror or str(error)


def _row(
    groups: dict[tuple[str, int], pa.Array], column: str, file: str, group: int, row: int
) -> Encoded:
    try:
        if (file, group) not in groups:
            groups[file, group] = read_group(*_located(file), group, column)
        (data,) = fields(groups[file, group].slice(row, 1))[1]
        return data or b""
    except (OSError, pa.ArrowException) as error:
        return getattr(error, "strerror", None) or str(error)


def decoded(images: Iterable[Encoded], terms: RemoteSettings) -> Part:
    """Decode some images."""
    make = maker(terms.form, terms.side)
    with guarded():
        made = [_decoded(image, make) for image in images]
    none = np.zeros((terms.form.channels, terms.side, terms.side), dtype=np.uint8)
    pixels = np.stack([none if isinstance(one, str) else one for one in made])
    return pixels, [one if isinstance(one, str) else "" for one in made]


def _decoded(image: Encoded, make: Make) -> Pixels | str:
    try:
        return image if isinstance(image, str) else make(image)
    except BadImage as error:
        return str(error)
