"""MNIST's files, as LeCun, Cortes and Burges wrote them: images and labels of two parts.

The format: http://yann.lecun.com/exdb/mnist. A magic number, whose third byte is the type and
whose fourth is the number of dimensions; the dimensions as big-endian int32; then the values.
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from compound.jobs.data.listing.file_location import FileLocation, location_of, unreadable
from compound.jobs.data.listing.left_out import LeftOutCounts, as_utf8
from compound.jobs.data.listing.wrong_path import no_folder
from compound.jobs.data.sources.arrays import ArrayListing, Arrays, arranged
from compound.jobs.data.sources.dataset import Dataset, HeldOut, Pixels, check_labels
from compound.schemas.data import DataInfo, IdxData
from compound.schemas.data_ledger import LeftOut
from compound.schemas.errors import DataError

SHAPE = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-..., each may end with .gz"
_UNSIGNED_BYTES = 8
_TYPES = {
    _UNSIGNED_BYTES: "unsigned bytes",
    9: "signed bytes",
    11: "integers of 2 bytes",
    12: "integers of 4 bytes",
    13: "floats of 4 bytes",
    14: "floats of 8 bytes",
}
"""The types of values that the format has, by their code."""
IDX_BYTES = 2**31
"""Bytes that a file has at most."""
UNPACKED_BYTES, RATIO = 2**27, 64
"""Bytes that a packed file may unpack to: more, if it is at most so many times what is packed."""
_GZIP = b"\x1f\x8b"
_TRAIN, _TEST = ("train", "training"), ("t10k", "test")
"""How the names of the files of a part begin."""
_KINDS = ("images", "labels")


@dataclass(frozen=True)
class _PartFiles:
    """The two files of a part."""

    images: str
    labels: str


def summarise(spec: IdxData) -> DataInfo:
    """Describe the images; all are read. DataError as for `load`."""
    return _arranged(spec, "validation", with_test=True).info


def load(spec: IdxData, part: HeldOut = "validation") -> Dataset:
    """Read the images and split them; those of the test part only where it is the `part`.

    DataError: a file is missing, cut off or no idx file, or the labels do not fit the images.
    """
    return _arranged(spec, part, with_test=part == "test")


def _arranged(spec: IdxData, part: HeldOut, *, with_test: bool) -> Dataset:
    location = location_of(spec.path)
    names = location.files("")
    if not names and location.folders("") is None:
        raise no_folder(spec.path)
    train = _files(location, names, _TRAIN)
    if train is None:
        raise DataError(
            "no training images",
            where=spec.path,
            allowed=SHAPE,
            next_step="set `path` to the folder of these files",
        )
    images, content = _listing(location, train)
    test = _files(location, names, _TEST)
    unused = _unused(location, (train, test))
    test = test if with_test else None
    tested, test_content = _listing(location, test) if test else (None, "")
    classes = int(images.labels.max(initial=0)) + 1
    if tested is not None:
        check_labels(tested.labels, classes, tested.where)
        _check_size(images, tested)
    arrays = Arrays(tuple(map(str, range(classes))), images, content, tested, test_content, unused)
    return arranged(spec, arrays, spec.path, part)


def _unused(location: FileLocation, parts: Sequence[_PartFiles | None]) -> tuple[LeftOut, ...]:
    """Count what lies beside the files of the parts."""
    used = {name for files in parts if files for name in (files.images, files.labels)}
    unused = LeftOutCounts()
    for name, problem in sorted(location.walk("")):
        if name not in used:
            unused.add(problem or "beside the files of the parts", name)
    return unused.entries()


def _check_size(images: ArrayListing, tested: ArrayListing) -> None:
    """Raise DataError where test images have another size than training images."""
    (_, _, height, width), (_, _, tested_height, tested_width) = (
        listing.pixels.shape for listing in (images, tested)
    )
    if (height, width) != (tested_height, tested_width):
        raise DataError(
            f"test images of {tested_width} x {tested_height} pixels, and training images of "
            f"{width} x {height}",
            where=tested.where,
            allowed="one size: the same files hold one data set",
            next_step="take all files from one data set, or move the test files elsewhere",
        )


def _files(
    location: FileLocation, names: Sequence[str], starts: tuple[str, ...]
) -> _PartFiles | None:
    """Return the files of a part; None: there are none of it. DataError: one, or two of a kind."""
    own = [name for name in names if name.lower().startswith(starts)]
    by_kind = {kind: [name for name in own if f"-{kind}" in name.lower()] for kind in _KINDS}
    images, labels = by_kind["images"], by_kind["labels"]
    if not images and not labels:
        return None
    for kind, files in by_kind.items():
        if len(files) != 1:
            listed = " and ".join(map(as_utf8, files)) or "none"
            raise DataError(
                f"{len(files)} files of {starts[0]} {kind}: {listed}",
                where=location.where,
                allowed=SHAPE,
                next_step="leave one of each, packed or not",
            )
    return _PartFiles(images[0], labels[0])


def _listing(location: FileLocation, files: _PartFiles) -> tuple[ArrayListing, str]:
    """Read the files of a part; return a hash of their content too."""
    pixels = _array(location, files.images, dimensions=3)
    labels = _array(location, files.labels, dimensions=1)
    where = as_utf8(location.address(files.images))
    if len(pixels) != len(labels):
        raise DataError(
            f"{len(pixels):,} images, but {len(labels):,} labels in {as_utf8(files.labels)}",
            where=where,
            next_step="take both files from one data set",
        )
    height, width = pixels.shape[1:]
    if height != width or not height:
        raise DataError(
            f"images of {width} x {height} pixels",
            where=where,
            allowed="squares",
            next_step="write them as image files, and use `source: image_folder`",
        )
    content = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    squares = pixels.reshape(-1, 1, height, width)
    return ArrayListing(where, squares, labels.astype(np.int64)), content


def _array(location: FileLocation, name: str, dimensions: int) -> Pixels:
    """Read a file of unsigned bytes. DataError: its header or its length is wrong."""
    where = as_utf8(location.address(name))
    data = _unpacked(location, name, dimensions, where)
    header = 4 + 4 * dimensions
    _check_magic(data, dimensions, where)
    shape = _shape(data, dimensions)
    values = len(data) - header
    if prod(shape) != values:
        raise DataError(
            f"its header says {' x '.join(map(str, shape))} = {prod(shape):,} bytes, and "
            f"{values:,} follow",
            where=where,
            next_step="download the file again: it is cut off, or was changed",
        )
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape)


def _shape(data: bytes, dimensions: int) -> tuple[int, ...]:
    return tuple(np.frombuffer(data, dtype=">u4", count=dimensions, offset=4).tolist())


def _check_magic(data: bytes, dimensions: int, where: str) -> None:
    """Raise DataError where a file is of no idx format, or of other types or dimensions."""
    magic = bytes((0, 0, _UNSIGNED_BYTES, dimensions))
    allowed = f"{magic.hex(' ')}: unsigned bytes in {_in_dimensions(dimensions)}"
    if data[:2] != magic[:2] or len(data) < 4 or data[2] not in _TYPES or not data[3]:
        raise DataError(
            f"not an idx file: it begins with {data[:4].hex(' ') or 'nothing'}",
            where=where,
            allowed=allowed,
            next_step="download the file again",
        )
    if tuple(data[2:4]) != (_UNSIGNED_BYTES, dimensions):
        raise DataError(
            f"an idx file of {_TYPES[data[2]]} in {_in_dimensions(data[3])}",
            where=where,
            allowed=allowed,
            next_step="write grey images of 0 to 255 and labels as unsigned bytes, or write image "
            "files, and use `source: image_folder`",
        )
    if len(data) < 4 + 4 * dimensions:
        raise DataError(
            f"only {len(data)} bytes: its header is cut off",
            where=where,
            next_step="download the file again",
        )


def _in_dimensions(number: int) -> str:
    return f"{number} dimension{'' if number == 1 else 's'}"


def _unpacked(location: FileLocation, name: str, dimensions: int, where: str) -> bytes:
    try:
        data = location.read(name, _most_bytes(location, name, dimensions, where))
        return _decompressed(data, where) if data[:2] == _GZIP else data
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"a damaged gzip file: {error}", where=where, next_step="download the file again"
        ) from None
    except OSError as error:
        raise unreadable(where, error) from None


def _most_bytes(location: FileLocation, name: str, dimensions: int, where: str) -> int:
    """Return the bytes that a file may have by its header, which is read alone."""
    with location.opened(name) as file:
        begin = file.read(4 + 4 * dimensions)
    if begin[:2] == _GZIP:
        return IDX_BYTES
    _check_magic(begin, dimensions, where)
    values = prod(_shape(begin, dimensions))
    return min(IDX_BYTES, max(UNPACKED_BYTES, len(begin) + values))


def _decompressed(data: bytes, where: str) -> bytes:
    """Unpack a gzip file. DataError: it unpacks to far more than it has."""
    most = max(UNPACKED_BYTES, RATIO * len(data))
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        unpacked = file.read(most + 1)
    if len(unpacked) > most:
        raise DataError(
            f"{len(data):,} bytes unpack to more than {most:,}",
            where=where,
            allowed=f"{UNPACKED_BYTES:,} bytes, or {RATIO} times what is packed",
            next_step="unpack it (gunzip), if it is your own",
        )
    return unpacked
