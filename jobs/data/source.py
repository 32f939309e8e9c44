"""Every data source behind three verbs. Imports no torch, so that planning stays quick."""

from typing import assert_never

from compound.jobs.data import digits, encoded, image_folder, parquet, synthetic
from compound.jobs.data.dataset import Dataset
from compound.schemas.data import (
    DataInfo,
    DataSpec,
    DigitsData,
    ImageFolderData,
    ParquetData,
    SyntheticData,
)


def inspect(spec: DataSpec) -> DataInfo:
    """Decode every image once, and tell what is there and what had to be left out.

    DataError: a split is empty, one class, a label out of range, wrong columns, a missing path,
    or more bad images than `max_bad` allows.
    """
    found = opened(spec, patient=False)
    return encoded.inspect(found) if isinstance(found, encoded.Choice) else found.info


def summarise(spec: DataSpec) -> DataInfo:
    """Tell what is there from labels, hashes and a few headers, in well under a second per GB.

    The fingerprint is that of `inspect`; broken images are neither found nor taken off the
    counts. DataError as for `inspect`, but for bad images.
    """
    match spec:
        case DigitsData():
            return digits.load(spec).info
        case SyntheticData():
            return synthetic.summarise(spec)
        case ParquetData():
            return encoded.summarise(spec, parquet.catalogue(spec, patient=False))
        case ImageFolderData():
            return encoded.summarise(spec, image_folder.catalogue(spec, patient=False))
        case _:
            assert_never(spec)


def load(spec: DataSpec) -> Dataset:
    """Read and decode a whole data set into memory. DataError as for `inspect`."""
    found = opened(spec)
    return encoded.decoded(found) if isinstance(found, encoded.Choice) else found


def opened(spec: DataSpec, *, patient: bool = True) -> Dataset | encoded.Choice:
    """Return a data set in memory, or what there is to stream. DataError as for `inspect`.

    `patient`: wait for a bucket that is out of order.
    """
    match spec:
        case DigitsData():
            return digits.load(spec)
        case SyntheticData():
            return synthetic.load(spec)
        case ParquetData():
            return _held(encoded.choose(spec, parquet.catalogue(spec, patient=patient)))
        case ImageFolderData():
            return _held(encoded.choose(spec, image_folder.catalogue(spec, patient=patient)))
        case _:
            assert_never(spec)


def _held(choice: encoded.Choice) -> Dataset | encoded.Choice:
    return choice if choice.streamed else encoded.decoded(choice)
