"""Every data source behind four functions. Imports no torch, so that planning stays quick."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from compound.jobs.data.sources import digits, encoded, image_folder, parquet, synthetic
from compound.jobs.data.sources.dataset import Dataset
from compound.schemas.data import (
    DataInfo,
    DataSpec,
    DigitsData,
    ImageFolderData,
    ParquetData,
    SyntheticData,
)
from compound.schemas.errors import DataError


@dataclass(frozen=True)
class DataSource:
    """How the specs of one class are read. Each function takes a spec of that class."""

    summarise: Callable[[Any], DataInfo]
    """Describe the data without decoding all of it."""
    opened: Callable[[Any, bool], Dataset | encoded.Choice]
    """Return the data, or what to stream; the second argument is `patient`."""


def _generated(summarise: Callable[[Any], DataInfo], load: Callable[[Any], Dataset]) -> DataSource:
    """Return a source that is always in memory, and needs no files of the user."""
    return DataSource(summarise, lambda spec, patient: load(spec))


def _from_files(catalogue: Callable[[Any, bool], encoded.Catalogue]) -> DataSource:
    """Return a source of encoded images, by the function that lists them."""
    return DataSource(
        lambda spec: encoded.summarise(spec, catalogue(spec, False)),
        lambda spec, patient: encoded.read_or_stream(spec, catalogue(spec, patient)),
    )


SOURCES: Mapping[type[object], DataSource] = {
    DigitsData: _generated(digits.summarise, digits.load),
    SyntheticData: _generated(synthetic.summarise, synthetic.load),
    ParquetData: _from_files(parquet.catalogue),
    ImageFolderData: _from_files(image_folder.catalogue),
}
"""A new source is a class of `schemas.data`, a file in `sources/`, and a row here. Images that can
also be streamed need their reader in `stream/encoded_source.py`."""


def inspect(spec: DataSpec) -> DataInfo:
    """Decode every image once, and describe the data and the images that were left out.

    DataError: a split is empty, one class, a label out of range, wrong columns, a missing path,
    or more bad images than `max_bad` allows.
    """
    data = opened(spec, patient=False)
    info = encoded.inspect(data) if isinstance(data, encoded.Choice) else data.info
    return _storable(info, spec)


def summarise(spec: DataSpec) -> DataInfo:
    """Describe the data from labels, hashes and a few headers, in well under a second per GB.

    The fingerprint is that of `inspect`; broken images are neither found nor subtracted from the
    counts. DataError as for `inspect`, but for bad images.
    """
    return _storable(SOURCES[type(spec)].summarise(spec), spec)


def _storable(info: DataInfo, spec: DataSpec) -> DataInfo:
    """Return what can be stored as text. DataError: a class has a name that is not UTF-8.

    Python keeps bytes of such names as lone surrogates (PEP 383), which no JSON can have.
    """
    unfit = next((name for name in info.classes if _as_text(name) != name), None)
    if unfit is not None:
        path = getattr(spec, "path", "")
        raise DataError(
            f"the class {_as_text(unfit)} has a name that is not UTF-8",
            where=path,
            allowed="names of classes in UTF-8",
            next_step=f"convmv -f ISO-8859-1 -t UTF-8 --notest -r {shlex.quote(path)}",
        )
    return info.model_copy(update={"quarantined": tuple(map(_as_text, info.quarantined))})


def _as_text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def load(spec: DataSpec) -> Dataset:
    """Read and decode a whole data set into memory. DataError as for `inspect`."""
    data = opened(spec)
    return encoded.decoded(data) if isinstance(data, encoded.Choice) else data


def opened(spec: DataSpec, *, patient: bool = True) -> Dataset | encoded.Choice:
    """Return a data set in memory, or the images to stream. DataError as for `inspect`.

    `patient`: wait for a bucket that does not answer.
    """
    return SOURCES[type(spec)].opened(spec, patient)
