"""Every data source behind four functions. Imports no torch, so that planning stays quick."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from compound.jobs.data.listing.left_out import as_utf8
from compound.jobs.data.sources import digits, encoded, idx, image_folder, parquet, synthetic
from compound.jobs.data.sources.catalogue import Catalogue
from compound.jobs.data.sources.dataset import Dataset, HeldOut
from compound.jobs.data.sources.part_identity import encoded_part, pixels_part
from compound.schemas.data import (
    DataInfo,
    DataSpec,
    DigitsData,
    IdxData,
    ImageFolderData,
    ParquetData,
    SyntheticData,
    Undecodable,
)
from compound.schemas.errors import DataError
from compound.schemas.final_evaluation import EvaluatedPart


@dataclass(frozen=True)
class DataSource:
    """How the specs of one class are read. Each function takes a spec of that class."""

    summarise: Callable[[Any], DataInfo]
    """Describe the data without decoding all of it."""
    inspect: Callable[[Any], DataInfo]
    """Describe the data, and decode all of it."""
    opened: Callable[[Any, bool, HeldOut, Undecodable | None], Dataset | encoded.Choice]
    """Return the data, or what to stream; the second argument is `patient`, the third the part in
    the place of validation, the fourth the images to leave out."""
    tested: Callable[[Any, Undecodable | None], EvaluatedPart]
    """Describe the test part by its content. Only called where there is one."""


def _in_memory(
    summarise: Callable[[Any], DataInfo], load: Callable[[Any, HeldOut], Dataset]
) -> DataSource:
    """Return a source that is always in memory, and has no encoded images."""
    return DataSource(
        summarise,
        summarise,
        lambda spec, patient, part, undecodable: load(spec, part),
        lambda spec, undecodable: pixels_part(load(spec, "test")),
    )


def _from_files(catalogue: Callable[[Any, bool], Catalogue]) -> DataSource:
    """Return a source of encoded images, by the function that lists them."""
    return DataSource(
        lambda spec: encoded.summarise(spec, catalogue(spec, False)),
        lambda spec: encoded.inspect(encoded.choose(spec, catalogue(spec, False))),
        lambda spec, patient, part, undecodable: encoded.read_or_stream(
            spec, catalogue(spec, patient), part, undecodable
        ),
        lambda spec, undecodable: _listed_part(spec, catalogue(spec, True), undecodable),
    )


def _listed_part(
    spec: encoded.EncodedData, listed: Catalogue, undecodable: Undecodable | None
) -> EvaluatedPart:
    return encoded_part(encoded.choose(spec, listed, undecodable), listed)


SOURCES: Mapping[type[object], DataSource] = {
    DigitsData: _in_memory(digits.summarise, digits.load),
    SyntheticData: _in_memory(synthetic.summarise, synthetic.load),
    ParquetData: _from_files(parquet.catalogue),
    ImageFolderData: _from_files(image_folder.catalogue),
    IdxData: _in_memory(idx.summarise, idx.load),
}
"""A new source is a class of `schemas.data`, a file in `sources/`, and a row here. Images that can
also be streamed need their reader in `stream/encoded_source.py`."""


def inspect(spec: DataSpec) -> DataInfo:
    """Decode every image once, and describe the data and the images that were left out.

    DataError: a split is empty, one class, a label out of range, wrong columns, a missing path,
    or more bad images than `max_bad` allows.
    """
    return _storable(SOURCES[type(spec)].inspect(spec), spec)


def summarise(spec: DataSpec) -> DataInfo:
    """Describe the data from labels, hashes and a few headers, in well under a second per GB.

    Broken images are neither found nor subtracted from the counts. Where there is none, the
    fingerprint is that of `inspect`. DataError as for `inspect`, but for bad images.
    """
    return _storable(SOURCES[type(spec)].summarise(spec), spec)


def _storable(info: DataInfo, spec: DataSpec) -> DataInfo:
    """Return what can be stored as text. DataError: a class has a name that is not UTF-8.

    Python keeps bytes of such names as lone surrogates (PEP 383), which no JSON can have.
    """
    unfit = next((name for name in info.classes if as_utf8(name) != name), None)
    if unfit is not None:
        path = getattr(spec, "path", "")
        raise DataError(
            f"the class {as_utf8(unfit)} has a name that is not UTF-8",
            where=path,
            allowed="names of classes in UTF-8",
            next_step=f"convmv -f ISO-8859-1 -t UTF-8 --notest -r {shlex.quote(path)}",
        )
    return info.model_copy(update={"quarantined": tuple(map(as_utf8, info.quarantined))})


def load(spec: DataSpec) -> Dataset:
    """Read and decode a whole data set into memory. DataError as for `inspect`."""
    data = opened(spec)
    return encoded.decoded(data) if isinstance(data, encoded.Choice) else data


def opened(
    spec: DataSpec,
    *,
    patient: bool = True,
    part: HeldOut = "validation",
    undecodable: Undecodable | None = None,
) -> Dataset | encoded.Choice:
    """Return a data set in memory, or the images to stream. DataError as for `inspect`.

    `patient`: wait for a bucket that does not answer. `part`: what is evaluated. Images of the
    test part are read only for `test`; those of validation are not returned then. `undecodable`:
    images to leave out, as `inspect` has found them: another one that cannot be decoded here is a
    DataError. None: they are not known, and as many may be bad as `max_bad` allows.
    """
    return SOURCES[type(spec)].opened(spec, patient, part, undecodable)


def evaluated_part(spec: DataSpec, undecodable: Undecodable | None = None) -> EvaluatedPart:
    """Return the test part of data that have one, with a hash of its content.

    Of files it reads what a listing reads. `undecodable`: see `opened`. DataError as for `inspect`.
    """
    return SOURCES[type(spec)].tested(spec, undecodable)
