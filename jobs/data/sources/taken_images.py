"""Which images a study takes: those that cannot be decoded are left out, the same everywhere."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from compound.jobs.data.sources.checked_images import CheckedImages
from compound.schemas.data import ImageFolderData, ParquetData, Undecodable
from compound.schemas.data_ledger import PartName
from compound.schemas.errors import DataError


def undecodable_of(images: Mapping[PartName, CheckedImages]) -> Undecodable:
    """Return which images of each part are bad."""
    return Undecodable.model_validate(
        {
            part: np.setdiff1d(np.arange(len(checks.hashes)), checks.good).tolist()
            for part, checks in images.items()
        }
    )


def marks(undecodable: Undecodable | None) -> list[str]:
    """Return the part of the fingerprint that says which images are left out; none: no part."""
    left_out = (undecodable.train, undecodable.validation) if undecodable else ((), ())
    # Never change this text: it is part of the id of stored jobs.
    hashed = hashlib.sha256(repr(left_out).encode()).hexdigest()[:16]
    return [f"without {hashed}"] if any(left_out) else []


def undecoded_notes(bad: Sequence[str]) -> Iterator[str]:
    """Say what a sample tells of images that cannot be decoded, where not all were decoded."""
    if bad:
        yield (
            f"{len(bad):,} sampled images cannot be decoded here and still count as taken, such as "
            f"{bad[0]}; `compound data` decodes all"
        )


def other_images(
    bad: tuple[str, ...], total: int, spec: ParquetData | ImageFolderData
) -> DataError:
    """Return the error of a worker that cannot decode what the planning machine could."""
    return DataError(
        f"{len(bad):,} of {total:,} images cannot be decoded here, but could where the study was "
        f"planned: {'; '.join(bad[:3])}",
        where=spec.path,
        allowed="the same images on every host",
        next_step="install the same Pillow and the same packages for images on every host",
    )


def check_bad(bad: tuple[str, ...], total: int, spec: ParquetData | ImageFolderData) -> None:
    """Raise DataError where more of `total` images are bad than `max_bad` allows."""
    if len(bad) > spec.max_bad * total:
        raise DataError(
            f"{len(bad):,} of {total:,} images cannot be decoded: {'; '.join(bad[:5])}"
            + (f"; and {len(bad) - 5:,} more" if len(bad) > 5 else ""),
            where=spec.path,
            allowed=f"{spec.max_bad:.2%} (`max_bad`)",
            next_step="repair or remove them, or raise `max_bad` to train without them",
        )
